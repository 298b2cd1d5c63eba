import { latencyNodeId, OUTSIDE, objectiveNode, rpcId, type Window } from '@sage/core';
import { expect } from 'chai';
import { leadingLoad } from '../src/leading-load.js';
import { normalReference } from '../src/normal-reference.js';
import { useOfAllText, workloadText } from '../src/reason.js';
import { OBJECTIVE } from './hotel.js';

const own = objectiveNode(OBJECTIVE);
const beside = latencyNodeId('server', rpcId({ caller: OUTSIDE, callee: 'frontend', operation: '/other' }));

/** Ten seconds with so many requests per second of the objective's operation and of another. */
function at(index: number, load: number, other: number, p99Ms = 50): Window {
  const latency = (perSecond: number) => ({ p50Ms: 10, p95Ms: 20, p99Ms, count: 10 * perSecond });
  return {
    startMs: index * 10_000,
    endMs: (index + 1) * 10_000,
    latency: new Map([
      [own, latency(load)],
      [beside, latency(other)],
    ]),
    metrics: new Map(),
  };
}

function leading(load: number, other: number) {
  const history = Array.from({ length: 40 }, (_, i) => at(i, 50, 20));
  const window = at(100, load, other, 500);
  const reference = normalReference(history, window, {
    objective: OBJECTIVE,
    graph: { roots: [own, beside] },
  });
  if (reference === undefined) throw new Error('there is history enough');
  return leadingLoad(window, reference, OBJECTIVE);
}

describe('the leading load', () => {
  const CASES: readonly [name: string, load: number, other: number, root: string][] = [
    ["the objective's own where all is as usual", 50, 20, own],
    ["the objective's own where all grows alike", 150, 60, own],
    ["the objective's own where it alone grows", 150, 20, own],
    ["the objective's own where the other grows by what a count is off", 50, 22, own],
    ["the other's where what waits gets no more done than ever", 55, 60, beside],
  ];
  for (const [name, load, other, root] of CASES) {
    it(name, () => {
      expect(leading(load, other).root).to.equal(root);
    });
  }

  it('is beside what is usual and what is ordinarily the most of its operation', () => {
    const { perSecond, surePerSecond, usualPerSecond, largestPerSecond } = leading(55, 60);
    expect([perSecond, usualPerSecond, largestPerSecond]).to.deep.equal([60, 20, 20]);
    expect(surePerSecond).to.be.closeTo(60 - 2 * Math.sqrt(6), 1e-9);
  });

  it('is named where it is not of the operation that the objective is of', () => {
    expect(workloadText(leading(55, 60), OBJECTIVE)).to.match(
      /^Load of frontend \/other is 60 requests\/s, 3 times /,
    );
    expect(workloadText(leading(150, 20), OBJECTIVE)).to.match(/^Load is 150 requests\/s, 3 times /);
  });

  it('is not named where what all services use tells of it', () => {
    expect(useOfAllText(1.4321)).to.match(/^Services use 1.43 times the processor time that is usual, /);
  });
});
