import type { CausalGraph, LatencyNode, LatencyParent } from '@sage/causal-graph';
import { expect } from 'chai';
import { AbductedWeights } from '../src/abducted-weights.js';
import { HandedOn } from '../src/handed-on.js';
import { buildLayout } from '../src/layout.js';

/** A caller that waits for one callee; [callee p50, p95, p99, caller p50, p95, p99] in ms. */
type Latencies = [number, number, number, number, number, number];

interface Case {
  readonly name: string;
  readonly link?: Partial<LatencyParent>;
  readonly usual: Latencies;
  readonly observed: Latencies;
  /** Of the caller, before weights are abducted. */
  readonly residual: [number, number, number];
  /** What the caller is handed then. */
  readonly handed: [number, number, number];
}

const AGGREGATE = { weight: 0, weightRange: [0, 1] as const };

const CASES: readonly Case[] = [
  {
    name: 'nothing left to explain: as learnt',
    usual: [10, 20, 30, 15, 25, 35],
    observed: [40, 50, 60, 45, 55, 65],
    residual: [0, 0, 0],
    handed: [40, 50, 60],
  },
  {
    name: 'a rise of the callee may weigh a fifth more, and no more',
    usual: [10, 20, 30, 15, 25, 35],
    observed: [110, 120, 130, 125, 225, 135],
    residual: [10, 100, 0],
    handed: [120, 120 + 100 * (Math.exp(0.2) - 1), 130],
  },
  {
    name: 'a callee that has not risen explains nothing',
    usual: [10, 20, 30, 15, 25, 35],
    observed: [10, 20, 30, 215, 225, 235],
    residual: [200, 200, 200],
    handed: [10, 20, 30],
  },
  {
    name: 'nobody waits longer than it takes',
    usual: [10, 20, 30, 15, 25, 35],
    observed: [10, 400, 30, 15, 100, 35],
    residual: [0, -300, 0],
    handed: [10, 100, 30],
  },
  {
    name: 'of an aggregate the slow calls may be those of this caller',
    link: AGGREGATE,
    usual: [5, 10, 40, 300, 310, 330],
    observed: [5, 12, 900, 300, 880, 1200],
    residual: [0, 560, 860],
    // Of its calls up to 880 ms, the caller's p95, can have been waited for: a rise of 841 ms.
    handed: [0, 560, 860],
  },
  {
    name: 'an aggregate slower than its caller was not waited for',
    link: AGGREGATE,
    usual: [500, 600, 700, 50, 60, 70],
    observed: [3000, 3100, 3200, 100, 200, 400],
    residual: [50, 140, 330],
    handed: [0, 0, 0],
  },
];

describe('abducted edge weights', () => {
  for (const { name, link, usual, observed, residual, handed } of CASES) {
    it(name, () => {
      const node = (id: string, parents: LatencyParent[]): LatencyNode => ({
        id,
        kind: 'server',
        rpc: { caller: 'x', callee: id, operation: 'o' },
        owners: [id],
        parents,
      });
      const graph: CausalGraph = {
        fingerprint: 'f',
        services: [],
        latency: [
          node('callee', []),
          node('caller', [{ node: 'callee', weight: 1, callsPerChild: 1, ...link }]),
        ],
        roots: ['caller'],
      };
      const layout = buildLayout(graph, []);
      const abducted = new AbductedWeights(
        layout,
        new HandedOn(layout),
        Float64Array.from(layout.edges, ({ weight }) => weight),
        {
          observed: Float64Array.from(observed),
          usual: Float64Array.from(usual),
          residual: Float64Array.from([0, 0, 0, ...residual]),
        },
      );
      handed.forEach((ms, q) => {
        expect(abducted.value(1, q, Float64Array.from(observed)), `percentile ${q}`).to.be.closeTo(ms, 1e-6);
      });
    });
  }
});
