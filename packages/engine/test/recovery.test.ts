import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@sage/core';
import { expect } from 'chai';
import { AlertJournal } from '../src/alerts/journal.js';
import { parseNotification } from '../src/alerts/payload.js';
import { startEngine } from '../src/engine.js';
import { newIncident } from '../src/incidents/incident.js';
import { IncidentStore } from '../src/incidents/incident-store.js';
import { WindowHistory } from '../src/learning/history.js';
import { ModelStore } from '../src/learning/model-store.js';
import { takeLock } from '../src/storage/lock.js';
import { parseProcessStat } from '../src/storage/processes.js';
import {
  type FakeGrafana,
  fakeModel,
  fakeParts,
  post,
  rigsOfEachTest,
  START_MS,
  settled,
  startGrafana,
  tempDir,
  until,
  webhook,
  window,
} from './support.js';

const options = { logger: silentLogger };

function notification(fingerprint: string, qos = 'front') {
  const parsed = parseNotification(webhook({ fingerprint, qos }));
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
}

/** What a run leaves that learnt and saw the objective break. */
async function learntAndBroken(): Promise<string> {
  const dataDir = tempDir();
  const history = await WindowHistory.open(join(dataDir, 'windows'), {
    maxWindows: 100,
    logger: silentLogger,
  });
  for (let index = -20; index < -3; index++) history.add(window(index, 40), false);
  for (let index = -6; index < -2; index++) history.add(window(index, 220), false);
  await history.flush();
  const { learner } = fakeParts({});
  await new ModelStore(join(dataDir, 'models'), learner, silentLogger).save({
    model: fakeModel(),
    trainedMs: 1,
  });
  return dataDir;
}

/** The same, with an alert that was answered 200 and nothing done about it. */
async function killedAfterAccepting(): Promise<string> {
  const dataDir = await learntAndBroken();
  const journal = await AlertJournal.open(join(dataDir, 'alerts.jsonl'), options);
  await journal.accept(notification('killed'), START_MS);
  await journal.close();
  return dataDir;
}

describe('after a crash', () => {
  const startRig = rigsOfEachTest();
  let grafana: FakeGrafana;
  beforeEach(async () => {
    grafana = await startGrafana();
  });
  afterEach(() => grafana.close());

  it('an accepted alert is diagnosed once, with one annotation', async () => {
    const dataDir = await killedAfterAccepting();
    const extra = { grafana: { url: grafana.url } };
    const first = await startRig({ dataDir, extra });
    await until(() => grafana.posts.length === 1);
    expect(first.engine.state().incidents[0]?.diagnosis?.verdict).to.equal('culprits');
    await first.engine.close();
    const second = await startRig({ dataDir, extra });
    await second.window(0, 220);
    await second.engine.close();
    expect([first.diagnoses(), second.diagnoses()]).to.deep.equal([1, 0]);
    expect(grafana.posts).to.have.length(1);
  });

  it('kill -9 after the 200 and before the diagnosis loses nothing and doubles nothing', async () => {
    const dataDir = await learntAndBroken();
    const main = fileURLToPath(new URL('crash-child.js', import.meta.url));
    const child = spawn(process.execPath, [main, dataDir, grafana.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const body = webhook({ fingerprint: 'k9' });
    try {
      const [url] = (await once(child.stdout, 'data')) as [Buffer];
      expect((await post(`${String(url).trim()}/api/v1/alerts`, body)).status).to.equal(200);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect(grafana.posts).to.have.length(0);

    const rig = await startRig({ dataDir, extra: { grafana: { url: grafana.url } } });
    await until(() => grafana.posts.length === 1);
    expect(await (await post(rig.url('/api/v1/alerts'), body)).json()).to.deep.equal({ status: 'duplicate' });
    await rig.engine.close();
    expect(rig.diagnoses()).to.equal(1);
    expect(grafana.posts).to.have.length(1);
    expect(rig.engine.state().incidents).to.have.length(1);
  });

  it('between diagnosis and mark, the same incident goes on and its annotation is found', async () => {
    const dataDir = await killedAfterAccepting();
    const extra = { grafana: { url: grafana.url } };
    const path = join(dataDir, 'alerts.jsonl');
    const unmarked = readFileSync(path, 'utf8');
    const first = await startRig({ dataDir, extra });
    await until(() => grafana.posts.length === 1);
    await first.engine.close();
    writeFileSync(path, unmarked);
    const incidentsPath = join(dataDir, 'incidents.json');
    const [incident] = JSON.parse(readFileSync(incidentsPath, 'utf8'));
    writeFileSync(incidentsPath, JSON.stringify([{ ...incident, annotation: { state: 'posting' } }]));

    const second = await startRig({ dataDir, extra });
    await until(() => grafana.patches.length === 1);
    expect(second.engine.state().incidents.map(({ id }) => id)).to.deep.equal([incident.id]);
    expect(second.diagnoses()).to.equal(0);
    expect(grafana.posts).to.have.length(1);
    await second.engine.close();
  });

  it('a torn line costs nothing but itself', async () => {
    const path = join(tempDir(), 'alerts.jsonl');
    const first = await AlertJournal.open(path, options);
    await first.accept(notification('a'), 1);
    await first.close();
    appendFileSync(path, '{"type":"accepted","key":"to');
    const second = await AlertJournal.open(path, options);
    await second.accept(notification('b'), 2);
    await second.close();
    const third = await AlertJournal.open(path, options);
    expect(third.pending.map(({ receivedMs }) => receivedMs)).to.deep.equal([1, 2]);
    await third.close();
  });

  it('the journal stays small and keeps what is pending', async () => {
    const path = join(tempDir(), 'alerts.jsonl');
    const other = (fingerprint: string) => notification(fingerprint, 'other');
    const journal = await AlertJournal.open(path, { ...options, maxBytes: 4000, maxHeard: 5 });
    const kept = await journal.accept(notification('kept'), 0);
    for (let index = 1; index <= 40; index++) {
      await journal.done(await journal.accept(other(`n${index}`), index));
    }
    expect(readFileSync(path).length).to.be.below(5000);
    await journal.close();
    const again = await AlertJournal.open(path, options);
    expect(again.pending.map(({ key }) => key)).to.deep.equal([kept.key]);
    expect(again.knows(other('n40'))).to.equal(true);
    await again.close();
  });

  it('windows come back, damaged ones left out, old ones dropped', async () => {
    const folder = join(tempDir(), 'windows');
    const settings = { maxWindows: 8, segmentWindows: 4, logger: silentLogger };
    const first = await WindowHistory.open(folder, settings);
    for (let index = 0; index < 30; index++) first.add(window(index, index + 1), index === 29);
    await first.flush();
    appendFileSync(join(folder, `windows-${window(28, 1).startMs}.jsonl`), '{"s":1}\n{"s":');
    const second = await WindowHistory.open(folder, settings);
    expect(second.windows).to.deep.equal(
      Array.from({ length: 8 }, (_, index) => window(index + 22, index + 23)),
    );
    expect(second.normal).to.have.length(7);
  });

  it('a damaged model is set aside and the one before it used', async () => {
    const folder = join(tempDir(), 'models');
    const store = new ModelStore(folder, fakeParts({}).learner, silentLogger);
    expect(await store.load()).to.equal(undefined);
    await store.save({ model: fakeModel(), trainedMs: 1 });
    await store.save({ model: fakeModel(), trainedMs: 2 });
    expect((await store.load())?.trainedMs).to.equal(2);
    appendFileSync(join(folder, 'model.sage'), 'x');
    expect((await store.load())?.trainedMs).to.equal(1);
    expect(readFileSync(join(folder, 'model.sage.damaged'), 'utf8')).to.match(/x$/);
  });

  it('a window that a full disk cut off costs nothing but itself', async () => {
    const folder = join(tempDir(), 'windows');
    let space = true;
    const append = async (path: string, text: string) => {
      appendFileSync(path, space ? text : text.slice(0, text.length / 2));
      if (!space) throw new Error('ENOSPC');
    };
    const first = await WindowHistory.open(folder, { maxWindows: 10, logger: silentLogger, append });
    for (let index = 0; index < 4; index++) {
      space = index !== 1;
      first.add(window(index, 40), false);
      await first.flush();
    }
    const second = await WindowHistory.open(folder, { maxWindows: 10, logger: silentLogger });
    expect(second.windows).to.deep.equal([0, 2, 3].map((index) => window(index, 40)));
  });

  it('an incident of an earlier version is read, with what is in force', async () => {
    const path = join(tempDir(), 'incidents.json');
    const action = { kind: 'cpu-quota', target: 'cart', cores: 1 };
    const plan = {
      objective: 'front',
      service: 'cart',
      resource: 'cpu',
      actions: [{ node: 'n1', action, reason: '' }],
      recommendations: [],
    };
    const outcome = { id: 'a', action, status: 'applied', message: '', writes: [] };
    const { waiting, released, patience, resting, ...record } = newIncident('old', 'front', 1);
    const old = {
      ...record,
      touched: ['n1/cart'],
      actions: [
        { atMs: 5, plan, outcomes: [outcome] },
        { atMs: 6, plan, outcomes: [] },
      ],
      inForce: [{ node: 'n1', actionId: 'a', action, leaseEndsMs: 9 }],
    };
    writeFileSync(path, JSON.stringify([old]));
    const [read] = (await IncidentStore.open(path, options)).all;
    expect(read?.actions.map(({ state, doneMs, round }) => [state, doneMs, round])).to.deep.equal([
      ['done', 5, 0],
      ['advice', null, 0],
    ]);
    expect(read?.inForce[0]).to.include({ service: 'cart', leaseEndsMs: 9, replicasBefore: null });
    expect(read).to.include({ waiting, released, patience });
    expect(read?.resting).to.deep.equal(resting);
  });

  it('whole incidents are kept beside damaged ones, which are set aside', async () => {
    const path = join(tempDir(), 'incidents.json');
    const whole = newIncident('whole', 'front', 1);
    const damaged = {
      id: 'x',
      objective: 'front',
      openedMs: 1,
      timeline: [],
      alerts: null,
      annotation: null,
    };
    for (const [content, kept] of [
      [JSON.stringify([damaged, whole, { ...whole, id: 'y', timeline: [{ atMs: 'noon' }] }, null]), 1],
      [JSON.stringify({ whole }), 0],
      ['[{', 0],
    ] as const) {
      writeFileSync(path, content);
      const store = await IncidentStore.open(path, options);
      expect(store.all).to.deep.equal([whole].slice(0, kept));
      expect(readFileSync(`${path}.damaged`, 'utf8')).to.equal(content);
      expect(JSON.parse(readFileSync(path, 'utf8'))).to.have.length(kept);
    }
  });
});

describe('a data_dir', () => {
  const startRig = rigsOfEachTest();

  it('is used by one engine at a time', async () => {
    const rig = await startRig();
    const { dataDir } = rig.config;
    const second = await startEngine(rig.config, {
      clock: rig.clock,
      logger: silentLogger,
      fetch,
      parts: fakeParts({}),
    });
    expect(second.ok ? '' : second.message).to.equal(
      `data_dir ${dataDir} is in use by another Sage (process ${process.pid} holds ${dataDir}/lock): ` +
        'stop that one or give this one a data_dir of its own',
    );
    expect(await rig.engine.close()).to.deep.equal({ ok: true, value: undefined });
    expect(readdirSync(dataDir)).not.to.include('lock');
    await startRig({ dataDir });
  });

  const owner = (pid: number, start: string) => JSON.stringify({ pid, start });
  for (const [what, content, taken] of [
    ['of a living process', owner(7, 'b/7'), false],
    ['of a process that is gone', owner(8, 'b/8'), true],
    ['of an earlier process with the id of a living one', owner(7, 'a/7'), true],
    ['that is damaged', '{"pid":', true],
  ] as const) {
    it(`with a lock ${what} is ${taken ? 'taken over' : 'refused'}`, async () => {
      const folder = tempDir();
      const path = join(folder, 'lock');
      writeFileSync(path, content);
      const living = new Map([
        [1, 'b/1'],
        [7, 'b/7'],
      ]);
      const lock = await takeLock(path, { pid: 1, startOf: async (pid) => living.get(pid) });
      expect(lock.ok ? '' : lock.message).to.equal(taken ? '' : `process 7 holds ${path}`);
      expect(readFileSync(path, 'utf8')).to.equal(taken ? owner(1, 'b/1') : content);
      expect(readdirSync(folder)).to.deep.equal(['lock']);
    });
  }

  it('reads the start of a process as the kernel writes it', () => {
    const line = `812 (node (sage) x) S 1 812 812 0 -1 4194560 ${'0 '.repeat(12)}98765 1234 5`;
    expect(parseProcessStat(line)).to.deep.equal({ state: 'S', startTicks: '98765' });
    expect(parseProcessStat('')).to.equal(undefined);
  });

  it('that cannot be written ends in one failure that names each step, all of them tried', async () => {
    const rig = await startRig();
    await post(rig.url('/api/v1/alerts'), webhook());
    await until(() => rig.engine.state().incidents.length === 1);
    await settled();
    const { dataDir } = rig.config;
    // The place of the temporary file of the incidents is taken, whoever the user is.
    mkdirSync(join(dataDir, 'incidents.json.tmp'));
    await post(rig.url('/api/v1/alerts'), webhook());
    await settled();
    const closed = await rig.engine.close();
    expect(closed.ok ? '' : closed.message).to.match(
      /^not everything was closed and saved: the incidents: EISDIR/,
    );
    expect(readdirSync(dataDir)).not.to.include('lock');
  });
});
