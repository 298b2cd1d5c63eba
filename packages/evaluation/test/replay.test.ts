import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { latencyNodeId, OUTSIDE, rpcId, type Span, type Window } from '@sage/core';
import { decodeJaegerDatagram } from '@sage/telemetry-source';
import { expect } from 'chai';
import { replay } from '../src/data/replay.js';
import type { MetricRound } from '../src/data/replay-metrics.js';
import { readSpans } from '../src/data/replay-spans.js';

const T0 = 1_700_000_000_000;
const INSTANCE = 'machine:9100';

/** A search of so many ms that ended so many seconds after the start. */
function search(endS: number, durationMs: number, number: number): Span {
  return {
    traceId: number.toString(16).padStart(32, '0'),
    spanId: number.toString(16).padStart(16, '0'),
    parentSpanId: undefined,
    service: 'frontend',
    operation: 'GET /hotels',
    kind: 'server',
    startUs: 1000 * (T0 + 1000 * endS - durationMs),
    durationUs: 1000 * durationMs,
    error: false,
    peerService: undefined,
    instance: undefined,
  };
}

/** The frontend uses half a core and is probed in 3 ms; the machine idles a quarter of the time. */
function round(second: number): MetricRound {
  const of = (name: string, value: number, labels: Record<string, string>) => ({
    name,
    labels: { ...labels, instance: INSTANCE },
    timestampMs: T0 + 1000 * second,
    value,
  });
  return {
    timeMs: T0 + 1000 * second,
    readings: [
      of('container_cpu_usage_seconds_total', second / 2, { container: 'frontend' }),
      of('probe_duration_seconds', 0.003, { container: 'frontend' }),
      of('node_cpu_seconds_total', second / 2, { mode: 'idle' }),
      of('node_cpu_seconds_total', (3 * second) / 2, { mode: 'user' }),
    ],
  };
}

async function* streamed(spans: readonly Span[]): AsyncGenerator<Span> {
  yield* spans;
}

const NODE = latencyNodeId(
  'server',
  rpcId({ caller: OUTSIDE, callee: 'frontend', operation: 'GET /hotels' }),
);

async function heard(spans: readonly Span[], rounds: readonly MetricRound[], untilS?: number) {
  const windows: Window[] = [];
  const graphs: number[] = [];
  const stats = await replay(
    { spans: streamed(spans), rounds },
    {
      windows: { windowSeconds: 10, slideSeconds: 10 },
      onWindow: (window, callGraph) => {
        windows.push(window);
        graphs.push(callGraph().rpcs.length);
      },
      ...(untilS === undefined ? {} : { untilMs: T0 + 1000 * untilS }),
    },
  );
  return { windows, graphs, stats };
}

describe('a recording replayed', () => {
  // One search a second of 20 ms; from second 20 on of 80 ms.
  const spans = Array.from({ length: 60 }, (_, s) => search(s + 0.5, s < 20 ? 20 : 80, s + 1));
  const rounds = Array.from({ length: 60 }, (_, s) => round(s));

  it('becomes the windows, metrics and call graph that the collector makes of it', async () => {
    const { windows, graphs, stats } = await heard(spans, rounds);
    expect(windows.map(({ startMs, endMs }) => [startMs - T0, endMs - T0])).to.deep.equal(
      [0, 10, 20, 30, 40].map((s) => [1000 * s, 1000 * s + 10_000]),
    );
    expect(windows.map(({ latency }) => latency.get(NODE)?.count)).to.deep.equal([10, 10, 10, 10, 10]);
    for (const [index, { latency }] of windows.entries()) {
      const expectedMs = index < 2 ? 20 : 80;
      expect(latency.get(NODE)?.p95Ms).to.be.closeTo(expectedMs, expectedMs / 50);
    }
    const metrics = windows[1]?.metrics.get('frontend');
    expect(metrics?.get('cpu_usage_cores')).to.be.closeTo(0.5, 1e-9);
    expect(metrics?.get('network_probe_ms')).to.be.closeTo(3, 1e-9);
    expect(metrics?.get('cpu_host_busy_ratio')).to.be.closeTo(0.75, 1e-9);
    expect(graphs).to.deep.equal([1, 1, 1, 1, 1]);
    expect(stats).to.include({ spansReceived: 60, spansRefused: 0, failures: 0, windows: 5 });
  });

  it('ends where it shall', async () => {
    const { windows, stats } = await heard(spans, rounds, 30);
    expect(stats.spansReceived).to.equal(30);
    expect(windows).to.have.length(2);
  });

  it('takes a span that comes in after later ones for its own time', async () => {
    const late = [...spans];
    const [moved] = late.splice(8, 1);
    late.splice(11, 0, moved as Span);
    const { windows } = await heard(late, rounds);
    expect(windows.map(({ latency }) => latency.get(NODE)?.count)).to.deep.equal([10, 10, 10, 10, 10]);
  });

  it('lets others have a turn while it lasts', async () => {
    let turns = 0;
    let isOver = false;
    const turn = () => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    await heard(
      Array.from({ length: 1000 }, (_, i) => search(i / 10, 5, i)),
      [],
    );
    isOver = true;
    expect(turns).to.be.within(5, 20);
  });

  it('is refused where time leaps', async () => {
    let message = '';
    await heard([...spans, search(10_000, 20, 99)], rounds).catch((error: Error) => {
      message = `${error.name}: ${error.message}`;
    });
    expect(message).to.equal(
      'DataError: the recording leaps from 2023-11-14T22:14:19.500Z to 2023-11-15T01:00:00.000Z',
    );
  });

  it('is refused where there is nothing', async () => {
    let message = '';
    await heard([], rounds).catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.equal('the recording holds no spans');
  });
});

describe('the recorded hotel', () => {
  const file = (name: string) =>
    fileURLToPath(new URL(`../../../../../shared/datasets/hotel/${name}`, import.meta.url));
  if (!existsSync(file('spans.csv.gz'))) {
    it.skip('is not here (../shared/datasets/hotel)');
    return;
  }

  it('has the spans of its first minute as its datagrams to a Jaeger agent have them', async function () {
    this.timeout(60_000);
    const bare = ({ instance: _, ...span }: Span) => span;
    const sent = gunzipSync(readFileSync(file('jaeger-agent-datagrams.jsonl.gz')))
      .toString('utf8')
      .trim()
      .split('\n')
      .flatMap((line) => {
        const { b64 } = JSON.parse(line) as { b64: string };
        const decoded = decodeJaegerDatagram(Buffer.from(b64, 'base64'));
        if (!decoded.ok) throw new Error(decoded.message);
        expect(decoded.value.rejected.size).to.equal(0);
        return decoded.value.spans.map(bare);
      });
    const recorded: Omit<Span, 'instance'>[] = [];
    for await (const span of readSpans(file('spans.csv.gz'))) {
      recorded.push(bare(span));
      if (recorded.length === sent.length) break;
    }
    expect(sent.length).to.be.greaterThan(10_000);
    expect(recorded).to.deep.equal(sent);
  });
});
