import { createRng, type FeatureName, type ReplicaReading, type Resource, type Window } from '@sage/core';
import { expect } from 'chai';
import { diagnose } from '../src/index.js';
import { badReplica } from '../src/replica.js';
import { hotelGraph, OBJECTIVE } from './hotel.js';
import { linearModel } from './linear-model.js';
import { scenario } from './scenario.js';

/** Of one replica: its median latency, its p99 where that is not twice the median, its calls, its metrics. */
interface Seen {
  readonly ms?: number;
  readonly tailMs?: number;
  readonly calls?: number;
  readonly metrics?: Partial<Record<FeatureName, number>>;
}
type Replicas = Readonly<Record<string, number | Seen>>;

function readings(replicas: Replicas): ReadonlyMap<string, ReplicaReading> {
  return new Map(
    Object.entries(replicas).map(([name, given]) => {
      const {
        ms,
        tailMs,
        calls = 1_000,
        metrics = {},
      }: Seen = typeof given === 'number' ? { ms: given } : given;
      const p99Ms = tailMs ?? 2 * (ms ?? 0);
      const latency =
        ms === undefined
          ? undefined
          : { p50Ms: ms, p95Ms: Math.max(1.5 * ms, p99Ms / 2), p99Ms, count: calls };
      return [name, { latency, metrics: new Map(Object.entries(metrics) as [FeatureName, number][]) }];
    }),
  );
}

const windowOf = (replicas: Replicas, startMs = 0): Window => ({
  startMs,
  endMs: startMs + 30_000,
  latency: new Map(),
  metrics: new Map(),
  replicas: new Map([['geo', readings(replicas)]]),
});

const waiting = (ratio: number, ms?: number): Seen => ({
  ...(ms === undefined ? {} : { ms }),
  metrics: { cpu_runqueue_wait_ratio: ratio },
});
const probed = (probeMs: number, ms = 10): Seen => ({ ms, metrics: { network_probe_ms: probeMs } });

const CASES: readonly {
  readonly name: string;
  readonly now: Replicas;
  /** What each showed in ten windows before, give or take 3 %. */
  readonly before?: Replicas;
  readonly resource?: Resource;
  readonly bad: string | undefined;
}[] = [
  { name: 'one of three is slow', before: { a: 10, b: 10, c: 10 }, now: { a: 10, b: 80, c: 11 }, bad: 'b' },
  { name: 'one of two is slow', before: { a: 10, b: 10 }, now: { a: 60, b: 12 }, bad: 'a' },
  {
    name: 'all are slow alike',
    before: { a: 10, b: 10, c: 10 },
    now: { a: 80, b: 83, c: 78 },
    bad: undefined,
  },
  {
    name: 'all are slow, one is slower still',
    before: { a: 10, b: 10, c: 10 },
    now: { a: 80, b: 160, c: 80 },
    bad: undefined,
  },
  {
    name: 'two of four are slow',
    before: { a: 9, b: 9, c: 9, d: 9 },
    now: { a: 70, b: 70, c: 9, d: 9 },
    bad: undefined,
  },
  { name: 'one of two was always slower', before: { a: 10, b: 60 }, now: { a: 10, b: 61 }, bad: undefined },
  {
    name: 'one was always slower, another is slow now',
    before: { a: 10, b: 60, c: 10 },
    now: { a: 70, b: 60, c: 10 },
    bad: 'a',
  },
  {
    name: 'only the tail of one is slow',
    before: { a: 10, b: 10 },
    now: { a: { ms: 10, tailMs: 300 }, b: 10 },
    bad: 'a',
  },
  {
    name: 'a tail of too few calls says nothing',
    before: { a: 10, b: 10 },
    now: { a: { ms: 10, tailMs: 300, calls: 60 }, b: 10 },
    bad: undefined,
  },
  {
    name: 'nine calls say nothing',
    before: { a: 10, b: 10 },
    now: { a: { ms: 90, calls: 9 }, b: 10 },
    bad: undefined,
  },
  { name: 'no history: one of three far off', now: { a: 10, b: 90, c: 11 }, bad: 'b' },
  { name: 'no history: one of three somewhat off', now: { a: 10, b: 25, c: 11 }, bad: undefined },
  { name: 'no history: either of two could be the odd one', now: { a: 10, b: 90 }, bad: undefined },
  { name: 'one that appeared is slow', before: { a: 10, b: 10 }, now: { a: 10, b: 10, c: 90 }, bad: 'c' },
  {
    name: 'one that vanished is not named',
    before: { a: 10, b: 10, gone: 90 },
    now: { a: 10, b: 10 },
    bad: undefined,
  },
  {
    name: 'one is slow, and one that appeared is as slow',
    before: { a: 10 },
    now: { a: 70, b: 70 },
    bad: undefined,
  },
  { name: 'the others became faster', before: { a: 10, b: 10 }, now: { a: 10, b: 2 }, bad: undefined },
  {
    name: 'the others differ as much',
    before: { a: 10, b: 10, c: 10, d: 10 },
    now: { a: 25, b: 6, c: 14, d: 10 },
    bad: undefined,
  },
  {
    name: 'usage does not tell',
    before: { a: { metrics: { cpu_usage_cores: 0.2 } }, b: { metrics: { cpu_usage_cores: 0.2 } } },
    now: { a: { metrics: { cpu_usage_cores: 0.9 } }, b: { metrics: { cpu_usage_cores: 0.2 } } },
    bad: undefined,
  },
  {
    name: 'without latencies contention tells',
    before: { a: waiting(0.05), b: waiting(0.05) },
    now: { a: waiting(0.6), b: waiting(0.06) },
    bad: 'a',
  },
  {
    name: 'contention of another resource does not',
    before: { a: waiting(0.05), b: waiting(0.05) },
    now: { a: waiting(0.6), b: waiting(0.06) },
    resource: 'disk',
    bad: undefined,
  },
  {
    name: 'one waits, yet all are slow alike',
    before: { a: waiting(0.05, 10), b: waiting(0.05, 10) },
    now: { a: waiting(0.6, 80), b: waiting(0.06, 80) },
    bad: undefined,
  },
  {
    name: 'a slow link shows outside of server spans',
    before: { a: probed(0.3), b: probed(0.3), c: probed(0.3) },
    now: { a: probed(0.3), b: probed(0.4), c: probed(40) },
    resource: 'network',
    bad: 'c',
  },
  {
    name: 'metrics that call replicas by other names add nothing',
    before: { a: 10, b: 10, 'pod-a': waiting(0.05), 'pod-b': waiting(0.05) },
    now: { a: 70, b: 10, 'pod-a': waiting(0.6), 'pod-b': waiting(0.05) },
    bad: 'a',
  },
  { name: 'one replica has no others', before: { a: 10 }, now: { a: 90 }, bad: undefined },
];

describe('badReplica', () => {
  for (const { name, now, before, resource = 'cpu', bad } of CASES) {
    it(`${name}: ${bad ?? 'nobody'}`, () => {
      const scaled = (factor: number): Replicas =>
        Object.fromEntries(
          Object.entries(before ?? {}).map(([replica, given]) => {
            const seen: Seen = typeof given === 'number' ? { ms: given } : given;
            return [replica, seen.ms === undefined ? seen : { ...seen, ms: seen.ms * factor }];
          }),
        );
      const normal =
        before === undefined
          ? []
          : Array.from({ length: 10 }, (_, i) => windowOf(scaled(0.97 + (i % 3) * 0.03)));
      const found = badReplica(
        { service: 'geo', resource },
        { window: windowOf(now), normal, percentile: 'p99Ms' },
      );
      expect(found?.replica).to.equal(bad);
    });
  }

  it('is named by a diagnosis, with what sets it apart, and only where it is alone', () => {
    const graph = hotelGraph();
    const { window, history } = scenario(graph, { faults: [{ kind: 'cpu', service: 'geo' }] });
    const told = (base: Window, replicas: Replicas): Window => ({
      ...base,
      replicas: new Map([['geo', readings(replicas)]]),
    });
    const calm = history.map((past) => told(past, { 'geo-0': waiting(0.05, 3), 'geo-1': waiting(0.04, 3) }));
    const run = (replicas: Replicas) =>
      diagnose(
        { model: linearModel(graph), window: told(window, replicas), history: calm, objective: OBJECTIVE },
        { rng: createRng(7) },
      );

    const one = run({ 'geo-0': waiting(0.05, 3), 'geo-1': waiting(0.75, 63) });
    expect(one.culprits.map(({ service, resource, replica }) => [service, resource, replica])).to.deep.equal([
      ['geo', 'cpu', 'geo-1'],
    ]);
    expect(one.culprits[0]?.evidence.slice(-2)).to.have.nested.property('[0].name', 'replica|geo-1');
    expect(one.culprits[0]?.evidence.at(-1)).to.include({
      name: 'replica|geo-1|cpu_runqueue_wait_ratio',
      observed: 0.75,
      expected: 0.05,
    });
    expect(one.reason).to.contain('processor time of geo, its replica geo-1 alone (');

    const both = run({ 'geo-0': waiting(0.75, 62), 'geo-1': waiting(0.75, 63) });
    expect(both.culprits.map(({ service }) => service)).to.deep.equal(['geo']);
    expect(both.culprits[0]).not.to.have.property('replica');
    expect(both.reason).not.to.contain('replica');
  });
});
