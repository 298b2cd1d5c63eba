import type { LatencyNode } from '@sage/causal-graph';
import { FEATURES, type FeatureName, type Resource } from '@sage/core';
import { expect } from 'chai';
import { type NodeAnomaly, noSigns, type ServiceSigns } from '../src/anomaly.js';
import type { Counterfactuals } from '../src/outlook.js';
import { withOwnFaults } from '../src/own-faults.js';

const waits = (name: FeatureName, z: number): Partial<ServiceSigns> => ({
  features: [{ feature: name, observed: z * FEATURES[name].resolution, expected: 0, z, ownZ: z }],
});

const way = (caller: string, callee: string, z: number): Partial<ServiceSigns> => {
  const rpc = { caller, callee, operation: '/' };
  const node: LatencyNode = {
    id: `request|${caller}>${callee}:/`,
    kind: 'request',
    rpc,
    owners: [caller, callee],
    parents: [],
  };
  const excess = { excessMs: z, medianExcessMs: z, meanExcessMs: z };
  const entry: NodeAnomaly = {
    node,
    observedMs: 1 + z,
    expectedMs: 1,
    z,
    slowness: z,
    isLossy: false,
    ...excess,
  };
  return { shared: [entry] };
};

interface Suspect {
  readonly signs: Partial<ServiceSigns>;
  readonly lacks: Resource;
  /** By how much likelier the objective is to be as usual once it is restored. */
  readonly gain: number;
}

/** Beside 'culprit', who lacks processor time and whose restoration makes the objective usual with probability 0.2. */
function blamedBeside(suspects: Readonly<Record<string, Suspect>>): readonly string[] {
  const signs = new Map(
    Object.entries(suspects).map(([service, suspect]) => [
      service,
      { ...noSigns(service), ...suspect.signs },
    ]),
  );
  const ask: Counterfactuals = (parts) => {
    const usual = parts.reduce((sum, { service }) => sum + (suspects[service]?.gain ?? 0), 0.2);
    return { probability: 0.9, usual, medianMs: 10 };
  };
  const scene = {
    signs,
    signsOf: (service: string) => signs.get(service) ?? noSigns(service),
    facts: {
      responsibility: () => 1,
      attribution: (service: string) => new Map([[suspects[service]?.lacks ?? 'cpu', 1]]),
    },
  };
  const ranked = Object.keys(suspects).map((service) => ({
    service,
    anomaly: 30,
    probability: 0,
    usual: 0,
    medianMs: 100,
  }));
  const settings = { maxCulprits: 3, anomalyThreshold: 6 };
  const blamed = withOwnFaults({ scene, settings, ask }, { ranked, areSuspect: true }, ['culprit']);
  return blamed.slice(1);
}

describe('faults of their own beside those whose restoration restores the objective', () => {
  const pool: Suspect = { signs: waits('software_pool_wait_ms', 30), lacks: 'software', gain: 0.5 };
  const CASES: readonly [
    name: string,
    suspects: Readonly<Record<string, Suspect>>,
    blamed: readonly string[],
  ][] = [
    ['one without which it would be as usual', { a: pool }, ['a']],
    ['not one that costs nothing', { a: { ...pool, gain: 0.1 } }, []],
    ['not what may be noise', { a: { ...pool, signs: waits('software_pool_wait_ms', 5) } }, []],
    [
      'not whom only a way speaks against that a culprit shares',
      { a: { ...pool, signs: way('culprit', 'a', 30) } },
      [],
    ],
    ['whom a way speaks against that another shares', { a: { ...pool, signs: way('b', 'a', 30) } }, ['a']],
    ['not a neighbour on the host who lacks the same', { a: { ...pool, lacks: 'cpu' } }, []],
    [
      'those who cost most first, and none where it is as usual then',
      { a: { ...pool, gain: 0.3 }, b: { ...pool, gain: 0.7 }, c: { ...pool, gain: 0.2 } },
      ['b'],
    ],
    [
      'as many as may be blamed',
      { a: { ...pool, gain: 0.25 }, b: { ...pool, gain: 0.2 }, c: { ...pool, gain: 0.2 } },
      ['a', 'b'],
    ],
  ];
  for (const [name, suspects, blamed] of CASES) {
    it(name, () => {
      expect(blamedBeside(suspects)).to.deep.equal(blamed);
    });
  }
});
