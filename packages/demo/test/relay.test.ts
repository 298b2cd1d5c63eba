import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect } from 'chai';
import { createControl } from '../src/application/relay/control.js';
import { DelayLine } from '../src/application/relay/delay-line.js';
import { Link } from '../src/application/relay/link.js';

const nowMs = () => performance.now();

async function roundTrip(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const started = nowMs();
  socket.write('ping');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).to.equal('ping');
  socket.destroy();
  return nowMs() - started;
}

describe('DelayLine', () => {
  it('keeps the order though delays jitter and shrink', async () => {
    const got: string[] = [];
    let delayMs = 30;
    const jitter = [1, 0, 0.5];
    const line = new DelayLine({
      delayMs: () => delayMs,
      uniform: () => jitter.shift() ?? 0,
      nowMs,
      deliver: (chunk) => got.push(chunk.toString()),
    });
    line.push(Buffer.from('a'));
    line.push(Buffer.from('b'));
    delayMs = 0;
    line.push(Buffer.from('c'));
    expect(line.bytes).to.equal(3);
    await new Promise<void>((resolve) => line.whenEmpty(resolve));
    expect(got).to.deep.equal(['a', 'b', 'c']);
    expect(line.bytes).to.equal(0);
  });
});

describe('Link', () => {
  it('delays both ways for requests and probes alike, counts bytes, and obeys the control API', async () => {
    const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const link = new Link({ link: 'rate', host: '127.0.0.1', uniform: () => 0.5, nowMs });
    const { port, echoPort } = await link.open();
    link.setTarget({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
    const control = createControl(new Map([['rate', link]])).listen(0, '127.0.0.1');
    await once(control, 'listening');
    const url = `http://127.0.0.1:${(control.address() as AddressInfo).port}/links`;
    const put = (path: string, body: string) => fetch(`${url}/${path}`, { method: 'PUT', body });
    try {
      expect((await put('rate', '{"delayMs":40}')).status).to.equal(200);
      expect(await roundTrip(port)).to.be.within(75, 500);
      expect(await roundTrip(echoPort)).to.be.within(75, 500);
      expect(await (await fetch(url)).json()).to.deep.equal([
        { link: 'rate', delayMs: 40, receivedBytes: 4, transmittedBytes: 4 },
      ]);
      for (const [path, body, status, message] of [
        ['rate', '{"delayMs":-1}', 400, /delayMs: expected 0 to 10000/],
        ['rate', 'x', 400, /JSON/],
        ['cart', '{"delayMs":1}', 404, /no link is called cart; there are: rate/],
      ] as const) {
        const response = await put(path, body);
        expect(response.status).to.equal(status);
        expect(((await response.json()) as { error: string }).error).to.match(message);
      }
    } finally {
      link.close();
      control.close();
      control.closeAllConnections();
      echo.close();
    }
  });
});
