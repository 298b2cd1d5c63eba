import type { LatencyNode } from '@sage/causal-graph';
import { FEATURES, type FeatureName, robustScale, type Window } from '@sage/core';
import { expect } from 'chai';
import { type FeatureAnomaly, type NodeAnomaly, noSigns } from '../src/anomaly.js';
import type { NormalReference } from '../src/normal-reference.js';
import { assignResponsibility } from '../src/responsibility.js';
import { type Seen, seeUntraced } from '../src/untraced.js';

const NODE: LatencyNode = {
  id: 'server|(outside)>cart:/',
  kind: 'server',
  rpc: { caller: '(outside)', callee: 'cart', operation: '/' },
  owners: ['cart'],
  parents: [],
};

function slow(z: number): NodeAnomaly {
  return {
    node: NODE,
    observedMs: 100,
    expectedMs: 10,
    z,
    slowness: z,
    excessMs: 0,
    medianExcessMs: 90,
    meanExcessMs: 90,
    isLossy: false,
  };
}

function feature(name: FeatureName, z: number): FeatureAnomaly {
  return { feature: name, observed: z * FEATURES[name].resolution, expected: 0, z, ownZ: z };
}

function seenOf(z: number, features: readonly FeatureAnomaly[] = []): Seen {
  const nodes = new Map([[NODE.id, NODE]]);
  return {
    view: {
      target: NODE,
      nodes,
      ancestors: new Set(nodes.keys()),
      services: ['cart'],
      owned: new Map([['cart', [NODE]]]),
      hiddenWays: new Map(),
    },
    signs: new Map([['cart', { ...noSigns('cart'), features, exclusive: [slow(z)] }]]),
  };
}

/** Of `store`, whom no span tells of, and which usually reads nothing back from its disk. */
function see(seen: Seen, faultsPerSecond: number): Seen {
  const metrics = new Map<FeatureName, number>([['memory_major_faults_per_second', faultsPerSecond]]);
  const window: Window = {
    startMs: 0,
    endMs: 30_000,
    latency: new Map(),
    metrics: new Map([['store', metrics]]),
  };
  const reference: NormalReference = {
    windows: [],
    loadPerSecond: 1,
    largestLoad: () => 1,
    features: () => new Map([['memory_major_faults_per_second', robustScale([0, 0, 0], 2)] as const]),
    latency: () => undefined,
    rootLoads: new Map(),
  };
  return seeUntraced(seen, { window, reference, threshold: 6 });
}

function partOf({ view, signs }: Seen): number {
  return assignResponsibility(signs, view)('store', NODE.id);
}

describe('services that nobody traces', () => {
  it('take the blame for what a caller is slow by without a reason of its own', () => {
    const seen = see(seenOf(50), 200);
    expect(seen.view.services).to.deep.equal(['cart', 'store']);
    expect(partOf(seen)).to.be.above(0.99);
  });

  it('take next to none where the caller suffers as much itself', () => {
    expect(partOf(see(seenOf(50, [feature('cpu_runqueue_wait_ratio', 40)]), 200))).to.be.below(0.2);
  });

  it('are left out where they suffer nothing, or nobody is slow by itself', () => {
    for (const seen of [see(seenOf(50), 4), see(seenOf(2), 200)]) {
      expect(seen.view.services).to.deep.equal(['cart']);
      expect(partOf(seen)).to.equal(0);
    }
  });
});
