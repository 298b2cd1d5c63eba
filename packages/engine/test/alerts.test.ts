import { open } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@sage/core';
import { expect } from 'chai';
import { AlertJournal, type JournalOptions } from '../src/alerts/journal.js';
import { parseNotification } from '../src/alerts/payload.js';
import { AlertReceiver, type AlertReceiverOptions } from '../src/alerts/receiver.js';
import { type AlertFields, post, type Rig, startRig, tempDir, until, webhook } from './support.js';

const REPEAT = 'repeat interval elapsed';

describe('POST /api/v1/alerts', () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig({ extra: { alertmanager: { token_file: 'token' } } });
  });
  after(() => rig.engine.close());

  const bearer = { authorization: 'Bearer secret' };
  const send = (body: unknown, headers: Record<string, string> = {}) =>
    post(rig.url('/api/v1/alerts'), body, { ...bearer, ...headers });
  const without = (key: string) =>
    Object.fromEntries(Object.entries(webhook()).filter(([name]) => name !== key));

  const cases: [string, () => Promise<Response>, number, RegExp][] = [
    ['a notification', () => send(webhook()), 200, /accepted/],
    ['one that names no objective', () => send(webhook({ qos: 'other' })), 200, /accepted/],
    [
      'one without label qos',
      () => send({ ...webhook(), alerts: [{ ...webhook().alerts[0], labels: {} }] }),
      200,
      /accepted/,
    ],
    ['a repeat of what was never heard', () => send(webhook({ reason: REPEAT })), 200, /accepted/],
    [
      'a repeat',
      async () => {
        await send(webhook({ fingerprint: 'again' }));
        return send(webhook({ fingerprint: 'again', reason: REPEAT }));
      },
      200,
      /repeat/,
    ],
    ['no token', () => send(webhook(), { authorization: '' }), 401, /Bearer/],
    ['a wrong token', () => send(webhook(), { authorization: 'Bearer secrets' }), 401, /Bearer/],
    ['another version', () => send({ ...webhook(), version: '5' }), 400, /expected \\"4\\", got \\"5\\"/],
    ['no version', () => send(without('version')), 400, /expected \\"4\\", got nothing/],
    ['no group key', () => send(without('groupKey')), 400, /groupKey/],
    ['no alerts', () => send({ ...webhook(), alerts: [] }), 400, /alerts/],
    [
      'a time that is none',
      () => send({ ...webhook(), alerts: [{ ...webhook().alerts[0], startsAt: 'now' }] }),
      400,
      /alerts\[0\]\.startsAt/,
    ],
    ['malformed JSON', () => send('{"version": "4"'), 400, /not JSON/],
    ['a list', () => send([]), 400, /JSON object/],
    ['an empty body', () => send(''), 400, /not JSON/],
    [
      'another content type',
      () => send(webhook(), { 'content-type': 'text/plain' }),
      415,
      /expected application\/json, got text\/plain/,
    ],
    ['a compressed body', () => send(webhook(), { 'content-encoding': 'gzip' }), 415, /gzip/],
    ['just too large a body', () => send(' '.repeat(1024 * 1024 + 1)), 413, /larger than 1048576/],
    ['another method', () => fetch(rig.url('/api/v1/alerts')), 405, /expected POST/],
  ];
  for (const [name, ask, status, text] of cases) {
    it(`answers ${status} to ${name}`, async () => {
      const response = await ask();
      expect(response.status).to.equal(status);
      expect(await response.text()).to.match(text);
    });
  }

  for (const chunked of [false, true]) {
    it(`refuses 50 MB ${chunked ? 'in chunks' : 'announced'} without holding them`, async () => {
      const before = process.memoryUsage().arrayBuffers;
      let peak = 0;
      const status = await upload(50 * 1024 * 1024, chunked, () => {
        peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      });
      expect(status).to.equal(413);
      expect(peak).to.be.below(20 * 1024 * 1024);
    });
  }

  it('works a duplicate off once', async () => {
    const body = webhook({ fingerprint: 'twice' });
    const answers = await Promise.all([send(body), send(body)]);
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
    const states = await Promise.all(
      answers.map(async (answer) => ((await answer.json()) as { status: string }).status),
    );
    expect(states).to.have.members(['accepted', 'duplicate']);
    expect(await (await send(body)).json()).to.deep.equal({ status: 'duplicate' });
    await until(() => rig.engine.state().incidents.length === 1);
  });

  function upload(bytes: number, chunked: boolean, onChunk: () => void): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...bearer,
        'content-type': 'application/json',
        ...(chunked ? {} : { 'content-length': bytes }),
      };
      const sending = request(rig.url('/api/v1/alerts'), { method: 'POST', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
        setTimeout(() => sending.destroy(), 50);
      });
      sending.on('error', reject);
      const chunk = Buffer.alloc(64 * 1024, 0x20);
      let sent = 0;
      const write = () => {
        while (sent < bytes) {
          sent += chunk.length;
          onChunk();
          if (!sending.write(chunk)) return sending.once('drain', write);
        }
        return sending.end();
      };
      write();
    });
  }
});

describe('the receiver of alerts', () => {
  const start = async (
    options: Pick<AlertReceiverOptions, 'process'> & Partial<AlertReceiverOptions>,
    openFile?: JournalOptions['openFile'],
  ) => {
    const path = join(tempDir(), 'alerts.jsonl');
    const journal = await AlertJournal.open(path, {
      logger: silentLogger,
      ...(openFile === undefined ? {} : { openFile }),
    });
    const clock = new ManualClock();
    const receiver = new AlertReceiver(journal, { clock, logger: silentLogger, maxPending: 100, ...options });
    const take = (fields: AlertFields = {}) => {
      const parsed = parseNotification(webhook(fields));
      if (!parsed.ok) throw new Error(parsed.message);
      return receiver.receive(parsed.value);
    };
    return { path, journal, receiver, take };
  };

  it('that is full answers 503 so that the sender comes again', async () => {
    let release: () => void = () => {};
    const { journal, receiver, take } = await start({
      process: () => new Promise((resolve) => (release = resolve)),
      maxPending: 1,
    });
    expect(await take()).to.equal('accepted');
    expect(await take()).to.equal('full');
    await until(() => {
      release();
      return journal.pendingCount === 0;
    });
    expect(await take()).to.equal('accepted');
    await until(() => {
      release();
      return journal.pendingCount === 0;
    });
    await receiver.close();
  });

  it('tries again what failed, longer and longer, and keeps the order', async () => {
    const pauses: number[] = [];
    const seen: string[] = [];
    let failures = 8;
    const { journal, receiver, take } = await start({
      process: async ({ alerts }) => {
        if (failures-- > 0) throw new Error('ENOSPC');
        seen.push(alerts.map(({ status }) => status).join());
      },
      pause: async (ms) => void pauses.push(ms),
    });
    await take({ fingerprint: 'x' });
    await take({ fingerprint: 'x', status: 'resolved' });
    await until(() => journal.pendingCount === 0);
    expect(seen).to.deep.equal(['firing', 'resolved']);
    expect(pauses).to.deep.equal([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    await receiver.close();
  });

  it('leaves to the next start what fails for good, unless newer news of the group was worked off', async () => {
    const poison = (number: number) => async (entry: { readonly number: number }) => {
      if (entry.number === number) throw new Error('a bug');
    };
    const { path, journal, receiver, take } = await start({ process: poison(1), pause: async () => {} });
    await take({ fingerprint: 'x' });
    await take({ fingerprint: 'y', qos: 'other' });
    await until(() => journal.pending.length === 1);
    expect(journal.pending.map(({ number }) => number)).to.deep.equal([1]);
    await take({ fingerprint: 'x', status: 'resolved' });
    await until(() => journal.pendingCount === 0);
    await receiver.close();
    const again = await AlertJournal.open(path, { logger: silentLogger });
    expect(again.pending).to.deep.equal([]);
    await again.close();
  });

  it('ends in the middle of a pause', async () => {
    const { journal, receiver, take } = await start({ process: () => Promise.reject(new Error('ENOSPC')) });
    await take();
    await receiver.close();
    expect(journal.pendingCount).to.equal(1);
  });

  it('loses no alert after one whose line was cut off by a full disk', async () => {
    let space = true;
    const full = async (path: string) => {
      const file = await open(path, 'a');
      return {
        appendFile: async (text: string) => {
          await file.appendFile(space ? text : text.slice(0, text.length / 2));
          if (!space) throw new Error('ENOSPC: no space left on device, write');
        },
        datasync: () => file.datasync(),
        close: () => file.close(),
      };
    };
    const { path, journal, take } = await start({ process: () => new Promise(() => {}) }, full);
    expect(await take({ fingerprint: 'before' })).to.equal('accepted');
    space = false;
    expect(await take({ fingerprint: 'torn' })).to.equal('failed');
    expect(await take({ fingerprint: 'torn' })).to.equal('failed');
    space = true;
    expect(await take({ fingerprint: 'after' })).to.equal('accepted');
    expect(await take({ fingerprint: 'torn' })).to.equal('accepted');
    await journal.close();
    const again = await AlertJournal.open(path, { logger: silentLogger });
    const pending = again.pending.flatMap(({ alerts }) => alerts.map(({ fingerprint }) => fingerprint));
    expect(pending).to.deep.equal(['before', 'after', 'torn']);
    await again.close();
  });
});
