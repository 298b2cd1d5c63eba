import { createRng } from '@sage/core';
import { expect } from 'chai';
import {
  FAULT_KINDS,
  type Fault,
  type FaultKind,
  loadTopology,
  planFaults,
  type SimulationOptions,
} from '../src/index.js';
import { lastValue, type Run, rootLatency, run } from './support/run.js';

const social = loadTopology('social-network');
const fanout = loadTopology('fanout');
const COMPOSE = '/wrk2-api/post/compose';
const BEFORE_MS = 30_000;
const options: SimulationOptions = { durationMs: 90_000, requestsPerSecond: 50, seed: 5 };

function withFault(
  kind: FaultKind,
  service: string,
  others: Partial<Fault> & Partial<SimulationOptions> = {},
): Run {
  const fault: Fault = { kind, service, startMs: BEFORE_MS, endMs: 90_000, intensity: 0.9, ...others };
  return run(social, { ...options, ...others, faults: [fault] });
}

describe('faults', () => {
  let calm: Run;
  before(() => {
    calm = run(social, options);
  });

  const p95 = (done: Run) => rootLatency(done, 0.95, BEFORE_MS, COMPOSE);

  // What shows it beside latency: the counter or gauge of the victim's that is to rise.
  const table: [kind: FaultKind, service: string, factor: number, metric: string | undefined][] = [
    ['cpu', 'compose-post-service', 3, 'container_cpu_schedstat_runqueue_seconds_total'],
    ['memory', 'text-service', 1.4, 'container_memory_failures_total'],
    ['disk', 'post-storage-mongodb', 3, 'container_pressure_io_waiting_seconds_total'],
    ['network-delay', 'compose-post-service', 10, 'probe_icmp_duration_seconds'],
    ['network-loss', 'compose-post-service', 10, undefined],
    ['network-bandwidth', 'compose-post-service', 3, undefined],
    ['llc', 'nginx-web-server', 1.4, 'container_perf_events_total'],
    ['lock', 'unique-id-service', 5, undefined],
    ['pool', 'compose-post-service', 3, 'db.client.connection.wait_time'],
    ['leak', 'compose-post-service', 3, undefined],
    ['bad-replica', 'compose-post-service', 3, 'container_cpu_schedstat_runqueue_seconds_total'],
    ['surge', 'nginx-web-server', 3, 'container_cpu_cfs_throttled_seconds_total'],
  ];
  for (const [kind, service, factor, metric] of table) {
    it(`${kind} of ${service} slows the entry`, () => {
      const sick = withFault(kind, service);
      expect(p95(sick) / p95(calm)).to.be.above(factor);
      expect(rootLatency(sick, 0.5, 0) / rootLatency(calm, 0.5, 0)).to.be.above(0.9);
      if (metric !== undefined) {
        expect(lastValue(sick, metric, service)).to.be.above(1.5 * lastValue(calm, metric, service));
      }
    });
  }

  it('leave the victim’s own use of the processor as it is when another program takes the cores', () => {
    const used = (done: Run) => lastValue(done, 'container_cpu_usage_seconds_total', 'compose-post-service');
    expect(used(withFault('cpu', 'compose-post-service')) / used(calm)).to.be.within(0.88, 1.12);
  });

  it('are not what a decoy is: high use that hurts nobody', () => {
    const decoy = withFault('decoy', 'text-service', { intensity: 1 });
    for (const share of [0.5, 0.95, 0.99]) {
      const ratio =
        rootLatency(decoy, share, BEFORE_MS, COMPOSE) / rootLatency(calm, share, BEFORE_MS, COMPOSE);
      expect(ratio).to.be.within(0.97, 1.03);
    }
    const used = (done: Run) => lastValue(done, 'container_cpu_usage_seconds_total', 'text-service');
    expect(used(decoy)).to.be.above(20 * used(calm));
  });

  it('hit one replica alone where they should', () => {
    const { readings } = withFault('bad-replica', 'text-service', { replicas: 2, replica: 1 });
    const waited = (pod: string) =>
      readings.findLast(
        ({ name, labels }) => name === 'container_cpu_schedstat_runqueue_seconds_total' && labels.pod === pod,
      )?.value ?? 0;
    expect(waited('text-service-1')).to.be.above(10 * waited('text-service-0'));
  });

  it('reach whoever shares the host', () => {
    const waited = (hosts: number | undefined) => {
      const sick = withFault('cpu', 'text-service', hosts === undefined ? {} : { hosts });
      return lastValue(sick, 'container_cpu_schedstat_runqueue_seconds_total', 'media-service');
    };
    expect(waited(undefined)).to.be.below(0.01);
    expect(waited(1)).to.be.above(0.5);
  });

  it('add up where several are at work', () => {
    const both: Fault[] = [
      { kind: 'network-delay', service: 'text-service', startMs: 0, endMs: 90_000, intensity: 0.5 },
      { kind: 'lock', service: 'home-timeline-service', startMs: 0, endMs: 90_000, intensity: 1 },
    ];
    const p50 = (faults: readonly Fault[]) =>
      rootLatency(run(social, { ...options, faults }), 0.5, 0, COMPOSE);
    const [none, first, second, all] = [p50([]), p50(both.slice(0, 1)), p50(both.slice(1)), p50(both)];
    expect(first).to.be.above(none + 20);
    expect(second).to.be.above(none + 10);
    expect(all / (first + second - none)).to.be.within(0.9, 1.1);
  });

  it('of no sensible intensity are refused', () => {
    expect(() => withFault('lock', 'text-service', { intensity: 1.5 })).to.throw(
      RangeError,
      /in \(0, 1\], has 1\.5/,
    );
  });

  it('are over when they end', () => {
    for (const kind of FAULT_KINDS.filter((each) => each !== 'disk')) {
      const done = withFault(kind, kind === 'surge' ? 'nginx-web-server' : 'compose-post-service', {
        endMs: 40_000,
        durationMs: 70_000,
      });
      const ratio = rootLatency(done, 0.5, 55_000, COMPOSE) / rootLatency(calm, 0.5, BEFORE_MS, COMPOSE);
      expect(ratio, kind).to.be.within(0.9, 1.1);
    }
  }).timeout(60_000);
});

describe('planFaults', () => {
  const plan = (seed: number, others = {}) =>
    planFaults(social, {
      count: 39,
      startMs: 1000,
      gapMs: 300_000,
      durationMs: 120_000,
      replicas: 2,
      rng: createRng(seed),
      ...others,
    });

  it('draws cases apart from each other, of every kind, with who is to blame', () => {
    const cases = plan(1);
    expect(new Set(cases.flatMap(({ faults }) => faults.map(({ kind }) => kind)))).to.deep.equal(
      new Set(FAULT_KINDS),
    );
    let endMs = 1000;
    for (const { startMs, faults, truths, ...rest } of cases) {
      expect(startMs - endMs).to.equal(300_000);
      endMs = rest.endMs;
      const [fault] = faults as [Fault];
      const blameless = fault.kind === 'surge' || fault.kind === 'decoy';
      expect(truths.map(({ service }) => service)).to.deep.equal(blameless ? [] : [fault.service]);
      if (fault.kind === 'bad-replica') expect(truths[0]?.replica).to.match(/-[01]$/);
      if (fault.kind === 'lock') expect(truths[0]?.resource).to.equal('software');
    }
  });

  it('draws the same from the same seed', () => {
    expect(plan(1)).to.deep.equal(plan(1));
    expect(plan(2)).not.to.deep.equal(plan(1));
  });

  it('puts concurrent faults into different services', () => {
    for (const { faults } of plan(3, { concurrent: 3 })) {
      expect(new Set(faults.map(({ service }) => service)).size).to.equal(3);
    }
  });

  it('passes over a kind that all who can have it are taken for', () => {
    // The aggregator alone has pools.
    const kinds: FaultKind[] = ['pool', 'leak', 'cpu', 'memory'];
    const cases = planFaults(fanout, { ...planOptions, count: 6, kinds, concurrent: 2 });
    for (const { faults } of cases) expect(new Set(faults.map(({ service }) => service)).size).to.equal(2);
    expect(new Set(cases.map(({ faults }) => faults.map(({ kind }) => kind).join('+')))).to.deep.equal(
      new Set(['pool+cpu', 'memory+pool', 'leak+cpu']),
    );
  });

  it('says when a topology can have none of the kinds, or too few services can', () => {
    expect(() => planFaults(fanout, { ...planOptions, kinds: ['pool', 'leak'], concurrent: 2 })).to.throw(
      RangeError,
      /too few services of "fanout" for 2 faults at a time/,
    );
    expect(() => planFaults(loadTopology('chain'), { ...planOptions, kinds: ['disk'] })).to.throw(
      RangeError,
      /no service of "chain" can have a fault of disk/,
    );
  });
});

const planOptions = { count: 1, startMs: 0, gapMs: 1, durationMs: 1, rng: createRng(1) };
