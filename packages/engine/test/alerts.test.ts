import { request } from 'node:http';
import { expect } from 'chai';
import { post, type Rig, startRig, until, webhook } from './support.js';

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
    ['a repeat', () => send({ ...webhook(), notification_reason: 'repeat interval elapsed' }), 200, /repeat/],
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

describe('a full alert queue', () => {
  it('answers 503 so that the sender comes again', async () => {
    const { AlertReceiver } = await import('../src/alerts/receiver.js');
    const { AlertJournal } = await import('../src/alerts/journal.js');
    const { parseNotification } = await import('../src/alerts/payload.js');
    const { join } = await import('node:path');
    const { silentLogger, ManualClock } = await import('@sage/core');
    const { tempDir } = await import('./support.js');
    const journal = await AlertJournal.open(join(tempDir(), 'alerts.jsonl'), { logger: silentLogger });
    let release: () => void = () => {};
    const receiver = new AlertReceiver(journal, {
      clock: new ManualClock(),
      logger: silentLogger,
      process: () => new Promise((resolve) => (release = resolve)),
      maxPending: 1,
    });
    const take = () => {
      const parsed = parseNotification(webhook());
      if (!parsed.ok) throw new Error(parsed.message);
      return receiver.receive(parsed.value);
    };
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
});
