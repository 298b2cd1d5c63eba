import type { CausalGraph, LatencyNode, LatencyParent } from '@sage/causal-graph';
import { expect } from 'chai';
import { AbductedWeights } from '../src/abducted-weights.js';
import { HandedOn } from '../src/handed-on.js';
import { buildLayout } from '../src/layout.js';

/** A caller that waits for one callee; [callee p50, p95, p99, caller p50, p95, p99] in ms. */
type Latencies = [number, number, number, number, number, number];

interface Case {
  readonly name: string;
  /** Calls seen of each. Default 100. */
  readonly count?: number;
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
    name: 'with two calls a caller is slow when either is: what the p95 of each misses, its p99 tells',
    link: { callsPerChild: 2 },
    usual: [10, 20, 30, 20, 35, 50],
    observed: [10, 20, 230, 20, 135, 350],
    // Of the rise of 200 ms at the callee's p99 half is needed at the caller's p95; the p99 knows of nothing above.
    residual: [0, 100, 20],
    handed: [
      20,
      10 * (2 - Math.SQRT2) + 20 * Math.SQRT2 + 100,
      10 * (2 - Math.SQRT2) + 230 * Math.SQRT2 + 20,
    ],
  },
  {
    name: 'a callee that one request in four needs: its slow calls may be the slowest of those',
    link: { callsPerChild: 0.25 },
    usual: [10, 20, 30, 5, 20, 25],
    observed: [10, 20, 230, 5, 20, 220],
    // τ = 0.96 lies between p95 and p99: 20 + ¼·210, and up to 230 where the residual needs it.
    residual: [0, 0, 140],
    handed: [0, 10 + 10 * (0.3 / 0.45), 72.5 + 140],
  },
  {
    name: 'of many runs those that are slow are as many as the calls that can be',
    count: 10_000,
    usual: [10, 20, 30, 15, 25, 35],
    observed: [10, 20, 230, 15, 75, 235],
    // 0.046 of the runs at least were slower than 75 ms, and of the calls not more than 0.05: what is left is covered.
    residual: [0, 50, 0],
    handed: [10, 70, 230],
  },
  {
    name: 'what calls cannot cover wholly they explain by what is to be expected of them',
    count: 10_000,
    usual: [10, 20, 30, 15, 25, 35],
    observed: [10, 20, 50, 15, 125, 145],
    // Calls have risen by 20 ms at the p99, 100 are left; 0.046 of them by 20·ln(0.05/0.0456)/ln 5.
    residual: [0, 100, 0],
    handed: [10, 20 + (20 * Math.log(0.05 / (0.05 - 2 * Math.sqrt(0.0475 / 10_000)))) / Math.log(5), 50],
  },
  {
    name: 'of few runs another may be at a percentile than at that of the call',
    count: 140,
    usual: [10, 20, 30, 15, 25, 35],
    observed: [10, 20, 230, 15, 75, 235],
    residual: [0, 50, 0],
    handed: [10, 70, 230],
  },
  {
    name: 'a call that is slow too seldom explains nothing of most runs',
    count: 10_000,
    link: { callsPerChild: 0.02 },
    usual: [10, 20, 30, 15, 25, 35],
    observed: [10, 900, 930, 15, 525, 935],
    residual: [0, 500, 0],
    handed: [0, 0, 10],
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
  for (const { name, count = 100, link, usual, observed, residual, handed } of CASES) {
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
          noise: new Float64Array(6),
          counts: Float64Array.from([count, count]),
        },
      );
      handed.forEach((ms, q) => {
        expect(abducted.value(1, q, Float64Array.from(observed)), `percentile ${q}`).to.be.closeTo(ms, 1e-3);
      });
    });
  }
});
