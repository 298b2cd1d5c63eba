import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Span } from '@sage/core';
import { createOtlpReceiver, type OtlpReceiver } from '@sage/telemetry-source';
import { expect } from 'chai';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const REGISTER = new URL('../src/register.js', import.meta.url).href;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Calls on by all three ways, and fails when asked for /broken. */
const RATES = `
import http, { get, request } from 'node:http';
const self = 'http://127.0.0.1:' + process.env.PORT;
const drain = (call) => new Promise((done, fail) => call.on('response', (r) => r.resume().on('end', done)).on('error', fail));
http.createServer(async (req, res) => {
  if (req.url.startsWith('/rates/7')) {
    await drain(get(self + '/by-get'));
    await drain(request(self + '/by-request', { method: 'POST' }).end('x'));
    await drain(http.get('http://127.0.0.1:1/nobody')).catch(() => {});
  }
  res.writeHead(req.url === '/broken' ? 503 : 200).end('rates ' + (req.headers.traceparent ?? 'without'));
}).listen(Number(process.env.PORT), '127.0.0.1');
`;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

describe('node --import @sage/instrumentation/register', function () {
  // Processes are started, which takes its time on a busy machine.
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'sage-register-'));
  const children: ChildProcess[] = [];
  const spans: Span[] = [];
  let receiver: OtlpReceiver;

  const start = async (name: string, code: string, env: Record<string, string>) => {
    const port = await freePort();
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, code);
    const child = spawn(process.execPath, ['--import', REGISTER, file], {
      env: { ...process.env, PORT: String(port), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; tries < 300; tries++) {
      try {
        await fetch(`${url}/up`);
        return { url, said: () => said };
      } catch {
        await sleep(100);
      }
    }
    throw new Error(`${name} does not answer: ${said}`);
  };
  const endpoint = () => `http://127.0.0.1:${receiver.address.port}`;
  const service = (name: string, env: Record<string, string> = {}) => ({
    OTEL_SERVICE_NAME: name,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
    ...env,
  });
  /** Spans of the trace of our own `traceparent`, once there are so many. */
  const traced = async (count: number) => {
    for (let tries = 0; tries < 100; tries++) {
      const found = spans.filter(({ traceId }) => traceId === TRACEPARENT.split('-')[1]);
      if (found.length >= count) return found;
      await sleep(100);
    }
    throw new Error(`waited in vain for ${count} spans, got ${JSON.stringify(spans)}`);
  };

  before(async () => {
    const created = await createOtlpReceiver({
      host: '127.0.0.1',
      port: 0,
      onSpans: (batch) => {
        spans.push(...batch);
        return undefined;
      },
      onMetrics: () => undefined,
    });
    if (!created.ok) throw new Error(created.message);
    receiver = created.value;
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await receiver?.close();
    rmSync(folder, { recursive: true });
  });

  it("gives the README's service, unchanged, spans that continue from caller to callee", async () => {
    const example = /```js\n(.*?)```/s.exec(README)?.[1] ?? '';
    const rates = await start('rates', RATES, service('rates'));
    const front = await start('front', example, service('front', { RATES_URL: rates.url }));
    const headers = { traceparent: TRACEPARENT };
    const answer = await fetch(`${front.url}/rates/7?x=1`, { headers });
    expect([answer.status, (await answer.text()).slice(0, 41)]).to.deep.equal([
      200,
      `rates ${TRACEPARENT.slice(0, 35)}`,
    ]);
    expect((await fetch(`${front.url}/broken`, { headers })).status).to.equal(503);

    const found = await traced(11);
    const nameOf = (id: string | undefined) => {
      const parent = found.find(({ spanId }) => spanId === id);
      return parent === undefined ? 'outside' : `${parent.service} ${parent.kind} ${parent.operation}`;
    };
    const edges = found.map(({ spanId, parentSpanId, error }) =>
      [nameOf(parentSpanId), nameOf(spanId), error ? 'error' : 'good'].join(' > '),
    );
    expect(edges).to.have.members([
      'outside > front server HTTP GET /rates/{id} > good',
      'front server HTTP GET /rates/{id} > front client HTTP GET /rates/{id} > good',
      'front client HTTP GET /rates/{id} > rates server HTTP GET /rates/{id} > good',
      'rates server HTTP GET /rates/{id} > rates client HTTP GET /by-get > good',
      'rates client HTTP GET /by-get > rates server HTTP GET /by-get > good',
      'rates server HTTP GET /rates/{id} > rates client HTTP POST /by-request > good',
      'rates client HTTP POST /by-request > rates server HTTP POST /by-request > good',
      'rates server HTTP GET /rates/{id} > rates client HTTP GET /nobody > error',
      'outside > front server HTTP GET /broken > error',
      'front server HTTP GET /broken > front client HTTP GET /broken > error',
      'front client HTTP GET /broken > rates server HTTP GET /broken > error',
    ]);
    expect(spans.filter(({ operation }) => operation.includes('/v1/'))).to.deep.equal([]);
    expect(rates.said() + front.said()).to.equal('');
  });

  it('says what is wrong and lets the service run', async () => {
    const { url, said } = await start('wrong', RATES, { OTEL_SERVICE_NAME: '', OTEL_SDK_DISABLED: '' });
    expect((await fetch(`${url}/rates`)).status).to.equal(200);
    expect(said()).to.match(/^@sage\/instrumentation: no telemetry is sent: serviceName: expected a name/);
  });

  it('does nothing where the SDK is disabled', async () => {
    const { url, said } = await start('off', RATES, { OTEL_SDK_DISABLED: 'true' });
    expect(await (await fetch(`${url}/rates`)).text()).to.equal('rates without');
    expect(said()).to.equal('');
  });
});
