import { createRng } from '@sage/core';
import { expect } from 'chai';
import { Host } from '../src/world/host.js';
import { application, call, lastValue, rootLatency, run } from './support/run.js';

describe('queues of the simulated world', () => {
  for (const [cores, load] of [
    [1, 0.7],
    [2, 0.8],
    [4, 0.9],
  ] as const) {
    it(`wait as Erlang's C formula says: ${cores} cores, ${load} busy`, () => {
      const rng = createRng(7);
      const host = new Host('node', cores, 20);
      const count = 400_000;
      let nowMs = 0;
      let waitedMs = 0;
      for (let index = 0; index < count; index++) {
        nowMs += rng.exponential(1 / (load * cores));
        waitedMs += host.occupy(nowMs, rng.exponential(1)) - nowMs;
      }
      expect(waitedMs / count / erlangWait(cores, load)).to.be.within(0.95, 1.05);
    });
  }

  it('wait for a core as Pollaczek and Khinchine say when service times are log-normal', () => {
    const [perSecond, cpuMs, variation] = [100, 6, 0.8];
    const topology = application(
      { front: { cpu_ms: cpuMs, cpu_variation: variation, cores: 1, cpu_limit: 8 } },
      { get: { seq: [] } },
    );
    const done = run(topology, { durationMs: 900_000, requestsPerSecond: perSecond, sampling: 0 });
    const busy = (perSecond * cpuMs) / 1000;
    const expectedMs = (busy / (1 - busy)) * cpuMs * ((1 + variation ** 2) / 2);
    const waitedMs = 1000 * lastValue(done, 'container_cpu_schedstat_runqueue_seconds_total', 'front');
    expect(waitedMs / done.totals.arrived / expectedMs).to.be.within(0.93, 1.07);
  });

  it('fail a call that waits for a connection longer than its pool allows, and no other', () => {
    const pool = { owner: 'front', target: 'slow', kind: 'http', max: 1, wait_ms: 80 };
    const topology = application(
      { front: { cpu_ms: 0.1 }, slow: { cpu_ms: 40, cpu_variation: 0, cores: 8, cpu_limit: 8 } },
      { get: call('slow') },
      [pool],
    );
    const { spans, totals } = run(topology, { durationMs: 60_000, requestsPerSecond: 60 });
    const calls = spans.filter(({ kind }) => kind === 'client');
    const failed = calls.filter(({ error }) => error);
    // One connection serves 25 of 60 calls a second.
    expect(totals.failed / totals.completed).to.be.within(0.5, 0.65);
    for (const { durationUs } of failed) expect(durationUs / 1000).to.be.closeTo(80, 0.01);
    for (const { durationUs, error } of calls) {
      if (!error) expect(durationUs / 1000).to.be.within(40, 80 + 41);
    }
    const served = spans.filter(({ operation }) => operation === 'serve slow');
    expect(served.length).to.be.closeTo(calls.length - failed.length, 8);
  });

  it('fill up to the callers of a slow leaf and slow what does not need it', () => {
    const services = (leafMs: number) => ({
      front: { cpu_ms: 0.1 },
      middle: { cpu_ms: 0.1, workers: 4 },
      leaf: { cpu_ms: leafMs, cores: 8, cpu_limit: 8 },
      other: { cpu_ms: 0.1 },
    });
    const trees = {
      'with leaf': call('middle', call('leaf')),
      'without leaf': call('middle', call('other')),
    };
    const latency = (leafMs: number) => {
      const done = run(application(services(leafMs), trees), { durationMs: 60_000, requestsPerSecond: 60 });
      return rootLatency(done, 0.9, 5_000, 'without leaf');
    };
    expect(latency(1)).to.be.below(2);
    expect(latency(110)).to.be.above(50);
  });

  it('hold back what exceeds its quota, and say so', () => {
    const at = (limit: number) =>
      run(
        application(
          { front: { cpu_ms: 4, cpu_variation: 0.5, cores: 4, cpu_limit: limit } },
          { get: { seq: [] } },
        ),
        {
          durationMs: 60_000,
          requestsPerSecond: 60,
        },
      );
    const throttled = (done: ReturnType<typeof at>) =>
      lastValue(done, 'container_cpu_cfs_throttled_seconds_total', 'front');
    expect(throttled(at(2))).to.equal(0);
    expect(throttled(at(0.3))).to.be.above(10);
    expect(rootLatency(at(0.3), 0.95)).to.be.above(2 * rootLatency(at(2), 0.95));
  });
});

/** Mean wait of M/M/c in units of the mean service time (Erlang 1917). */
function erlangWait(servers: number, load: number): number {
  const offered = servers * load;
  let term = 1;
  let sum = 1;
  for (let index = 1; index < servers; index++) {
    term *= offered / index;
    sum += term;
  }
  const last = (term * offered) / servers / (1 - load);
  return last / (sum + last) / (servers * (1 - load));
}
