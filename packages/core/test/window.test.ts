import { expect } from 'chai';
import { callsPerSecond, type Objective, objectiveNode, readObjective, type Window } from '../src/index.js';

const objective: Objective = {
  name: 'search',
  service: 'frontend',
  operation: 'GET /hotels',
  percentile: 'p99Ms',
  thresholdMs: 50,
};

function windowOf(p99Ms: number | undefined): Window {
  const latency = new Map(
    p99Ms === undefined ? [] : [[objectiveNode(objective), { p50Ms: 1, p95Ms: 2, p99Ms, count: 200 }]],
  );
  return { startMs: 0, endMs: 10_000, latency, metrics: new Map() };
}

describe('readObjective', () => {
  const cases = [
    { p99Ms: 49, observedMs: 49, broken: false, rate: 20 },
    { p99Ms: 50, observedMs: 50, broken: false, rate: 20 },
    { p99Ms: 50.1, observedMs: 50.1, broken: true, rate: 20 },
    { p99Ms: undefined, observedMs: undefined, broken: false, rate: 0 },
  ];
  for (const { p99Ms, observedMs, broken, rate } of cases) {
    it(`p99 ${p99Ms ?? 'unseen'} against 50 ms: ${broken ? 'broken' : 'not broken'}`, () => {
      expect(readObjective(objective, windowOf(p99Ms))).to.deep.equal({
        observedMs,
        requestsPerSecond: rate,
        broken,
      });
    });
  }

  it('counts calls per second by node', () => {
    expect(callsPerSecond(windowOf(1), objectiveNode(objective))).to.equal(20);
    expect(callsPerSecond(windowOf(1), 'server|nobody')).to.equal(0);
  });
});
