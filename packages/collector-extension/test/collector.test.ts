import { createSocket } from 'node:dgram';
import type { CallGraph } from '@sage/causal-graph';
import { failure, ManualClock, type Span, success, systemClock, type Window } from '@sage/core';
import { expect } from 'chai';
import {
  type CollectorOptions,
  jaegerUdp,
  otlpHttp,
  type ReceiverSink,
  type ReceiverStarter,
  startCollector,
} from '../src/index.js';

const START_MS = 1_700_000_000_000;

/** A receiver whose batches the test sends. */
function fakeReceiver(name = 'fake') {
  let sink: ReceiverSink | undefined;
  let closed = 0;
  const starter: ReceiverStarter = {
    name,
    start: async (given) => {
      sink = given;
      return success({
        address: { host: '127.0.0.1', port: 4318 },
        stats: () => ({ spansDropped: { malformed: 2 } }),
        close: async () => {
          closed += 1;
        },
      });
    },
  };
  return { starter, sink: () => sink as ReceiverSink, closed: () => closed };
}

function refusing(name: string): ReceiverStarter {
  return { name, start: async () => failure('port-in-use', `${name}: another program listens there`) };
}

async function started(options: Partial<CollectorOptions> = {}) {
  const clock = new ManualClock(START_MS);
  const receiver = fakeReceiver();
  const windows: { window: Window; graph: CallGraph }[] = [];
  let tick = () => {};
  let stopped = 0;
  const outcome = await startCollector({
    clock,
    receivers: [receiver.starter],
    onWindow: (window, callGraph) => windows.push({ window, graph: callGraph() }),
    every: (_periodMs, run) => {
      tick = run;
      return () => {
        stopped += 1;
      };
    },
    ...options,
  });
  if (!outcome.ok) throw new Error(outcome.message);
  return {
    clock,
    receiver,
    windows,
    collector: outcome.value,
    stopped: () => stopped,
    /** Lets time pass in ticks of half a second, `each` before every tick. */
    pass(seconds: number, each: (nowMs: number) => void = () => {}) {
      for (let i = 0; i < 2 * seconds; i++) {
        clock.advance(500);
        each(clock.now());
        tick();
      }
    },
  };
}

/** A request to `front`, ended at `endMs`, with a call of 6 ms to `cart` in it. */
function request(endMs: number, id: string): Span[] {
  const span = (
    spanId: string,
    parent: string | undefined,
    service: string,
    from: number,
    to: number,
  ): Span => ({
    traceId: id,
    spanId,
    parentSpanId: parent,
    service,
    operation: 'op',
    kind: spanId === 'c' ? 'client' : 'server',
    startUs: (endMs - from) * 1000,
    durationUs: (from - to) * 1000,
    error: false,
    peerService: undefined,
    instance: undefined,
  });
  return [span('s', undefined, 'front', 10, 0), span('c', 's', 'front', 8, 2), span('d', 'c', 'cart', 7, 3)];
}

describe('startCollector', () => {
  it('makes windows and a call graph of what receivers bring', async () => {
    const { pass, receiver, windows, collector } = await started();
    let requests = 0;
    pass(60, (nowMs) => {
      // Two exporters: the spans of `cart` arrive one tick before those of `front`.
      const [front, client, cart] = request(nowMs - 400, `r${requests++}`) as [Span, Span, Span];
      receiver.sink().onSpans([cart]);
      receiver.sink().onSpans([client, front]);
    });
    collector.addSamples([
      { service: 'cart', feature: 'cpu_usage_cores', timestampMs: START_MS + 59_000, value: 0.5 },
    ]);
    receiver
      .sink()
      .onMetrics([
        { service: 'front', feature: 'cpu_usage_cores', timestampMs: START_MS + 59_000, value: 1.5 },
      ]);
    pass(12);

    expect(windows.map(({ window }) => window.endMs - START_MS)).to.deep.equal([
      30_000, 40_000, 50_000, 60_000,
    ]);
    const { window, graph } = windows.at(-1) as { window: Window; graph: CallGraph };
    expect(window.latency.get('server|(outside)>front:op')?.p50Ms).to.be.closeTo(10, 0.1);
    expect(window.latency.get('client|front>cart:op')?.count).to.equal(60);
    expect(window.metrics.get('cart')?.get('cpu_usage_cores')).to.equal(0.5);
    expect(window.metrics.get('front')?.get('cpu_usage_cores')).to.equal(1.5);
    expect(graph.services).to.deep.equal(['cart', 'front']);
    expect(collector.callGraph()).to.deep.equal(graph);
    expect(collector.stats()).to.deep.include({
      spansReceived: 360,
      spansHeld: 0,
      spansRefused: 0,
      windows: 4,
    });
    expect(collector.stats().observations.accepted).to.equal(240);
    expect(collector.stats().observations).to.include({ late: 0, tooOld: 0 });
    expect(collector.stats().spansDropped).to.include({ malformed: 2, duplicate: 0, late: 0 });
  });

  it('tells the replicas of a service apart, from the spans of each to its readings', async () => {
    const { pass, receiver, windows, collector } = await started();
    let requests = 0;
    pass(40, (nowMs) => {
      const turn = requests++ % 2;
      const instance = `cart-${turn}`;
      const [front, client, cart] = request(nowMs - 400, `r${requests}`) as [Span, Span, Span];
      // One of the two takes 1 ms, the other 4 ms.
      receiver.sink().onSpans([front, client, { ...cart, instance, durationUs: turn === 0 ? 1_000 : 4_000 }]);
      const feature = 'cpu_runqueue_wait_ratio';
      collector.addSamples([{ service: 'cart', instance, feature, timestampMs: nowMs, value: turn / 2 }]);
    });
    const cart = windows.at(-1)?.window.replicas?.get('cart');
    const medians = [...(cart ?? [])].map(([name, { latency, metrics }]) => [
      name,
      Math.round(latency?.p50Ms ?? 0),
      latency?.count,
      metrics.get('cpu_runqueue_wait_ratio'),
    ]);
    expect(medians).to.deep.equal([
      ['cart-0', 1, 30, 0],
      ['cart-1', 4, 30, 0.5],
    ]);
    expect(windows.at(-1)?.window.metrics.get('cart')?.get('cpu_runqueue_wait_ratio')).to.equal(0.5);
  });

  it('refuses batches beyond what it may hold, and takes them again later', async () => {
    const { pass, receiver, collector } = await started({ maxPendingSpans: 5 });
    const { onSpans } = receiver.sink();
    expect(onSpans(request(START_MS, 'a'))).to.equal(undefined);
    expect(onSpans(request(START_MS, 'b'))).to.deep.equal({ retryAfterMs: 2_500 });
    expect(collector.stats()).to.include({ spansHeld: 3, spansRefused: 3, spansReceived: 3 });
    pass(3);
    expect(onSpans(request(START_MS, 'b'))).to.equal(undefined);
  });

  it('takes a batch that alone is too large, and evicts of it', async () => {
    const { receiver, collector } = await started({ maxPendingSpans: 4 });
    expect(receiver.sink().onSpans([...request(0, 'a'), ...request(0, 'b')])).to.equal(undefined);
    expect(collector.stats().spansDropped).to.include({ evicted: 3 });
    expect(collector.stats().spansHeld).to.equal(3);
  });

  it('goes on when onWindow throws, and says so', async () => {
    const messages: string[] = [];
    const { pass, collector } = await started({
      onWindow: () => {
        throw new Error('full disk');
      },
      logger: {
        info: () => {},
        warn: () => {},
        error: (message, fields) => messages.push(`${message}: ${fields?.error}`),
      },
    });
    pass(50);
    expect(messages).to.deep.equal(['window not processed: full disk', 'window not processed: full disk']);
    expect(collector.stats()).to.include({ failures: 2, windows: 2 });
  });

  it('stops the timer and the receivers once, however often it is closed', async () => {
    const { collector, receiver, stopped } = await started();
    await Promise.all([collector.close(), collector.close()]);
    await collector.close();
    expect([stopped(), receiver.closed()]).to.deep.equal([1, 1]);
  });

  it('leaves nothing running when a receiver cannot listen', async () => {
    const first = fakeReceiver();
    const outcome = await startCollector({
      clock: new ManualClock(),
      receivers: [first.starter, refusing('second')],
      onWindow: () => {},
      every: () => expect.fail('no timer may be started'),
    });
    expect(outcome).to.deep.equal(failure('port-in-use', 'second: another program listens there'));
    expect(first.closed()).to.equal(1);
  });
});

describe('startCollector on sockets', () => {
  const host = '127.0.0.1';

  it('receives OTLP over HTTP, answers 503 when it is full, and frees its ports', async () => {
    const options: CollectorOptions = {
      clock: systemClock,
      receivers: [otlpHttp({ host, port: 0 }), jaegerUdp({ host, port: 0 })],
      maxPendingSpans: 1,
      onWindow: () => {},
    };
    const outcome = await startCollector(options);
    if (!outcome.ok) throw new Error(outcome.message);
    const { endpoints, stats, close } = outcome.value;
    expect(Object.keys(endpoints)).to.deep.equal(['otlp_http', 'jaeger_udp']);

    const post = (spanId: string) =>
      fetch(`http://${endpoints.otlp_http}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({
          resourceSpans: [
            {
              resource: { attributes: [{ key: 'service.name', value: { stringValue: 'front' } }] },
              scopeSpans: [
                {
                  spans: [
                    {
                      traceId: 'a'.repeat(32),
                      spanId,
                      name: 'GET /',
                      kind: 2,
                      startTimeUnixNano: '1700000000000000000',
                      endTimeUnixNano: '1700000000010000000',
                    },
                  ],
                },
              ],
            },
          ],
        }),
      });
    expect((await post('1111111111111111')).status).to.equal(200);
    expect((await post('2222222222222222')).status).to.equal(503);
    expect(stats()).to.include({ spansReceived: 1, spansRefused: 1 });

    const taken = await startCollector({
      ...options,
      receivers: [otlpHttp({ host, port: Number(endpoints.otlp_http?.split(':').at(-1)) })],
    });
    expect(taken).to.include({ ok: false, reason: 'port-in-use' });

    await close();
    const socket = createSocket('udp4');
    await new Promise<void>((bound, failed) => {
      socket.once('error', failed);
      socket.bind({ address: host, port: Number(endpoints.jaeger_udp?.split(':').at(-1)) }, () => bound());
    });
    await new Promise<void>((closed) => socket.close(() => closed()));
  });
});
