import { type Diagnosis, objectiveNode, type Window } from '@sage/core';
import { expect } from 'chai';
import { calibrateObjectives, DEMO_OBJECTIVES } from '../src/story/calibrate.js';
import { judge } from '../src/story/judge.js';
import { Narrator, tellDiagnosis } from '../src/story/narrator.js';

const culprit = (service: string, resource: 'cpu' | 'network') => ({
  service,
  resource,
  probability: 0.97,
  share: 1,
  effectMs: 110,
  evidence: [{ name: 'cpu_runqueue_wait_ratio', unit: '1', observed: 0.81, expected: 0.012, z: 40 }],
});

const diagnosis = (culprits: Diagnosis['culprits']): Diagnosis => ({
  objective: 'search',
  verdict: culprits.length > 0 ? 'culprits' : 'undetermined',
  windowStartMs: 0,
  windowEndMs: 10_000,
  observedMs: 143,
  thresholdMs: 70,
  culprits,
  services: [
    {
      service: 'rate',
      resource: undefined,
      anomaly: 40,
      counterfactualMs: 33,
      probability: 0.97,
      evidence: [],
    },
    {
      service: 'search',
      resource: undefined,
      anomaly: 2,
      counterfactualMs: 143,
      probability: 0,
      evidence: [],
    },
  ],
  resources: [
    { service: 'rate', resource: 'cpu', anomaly: 40, counterfactualMs: 33, probability: 0.97, evidence: [] },
  ],
  victims: [{ service: 'frontend', operation: 'HTTP GET /hotels', observedMs: 143, normalMs: 28 }],
  reason: 'rate waits for a processor.',
});

describe('judge', () => {
  const truth = { service: 'rate', resource: 'cpu' } as const;
  const cases = [
    { name: 'right', truth, said: [culprit('rate', 'cpu')], service: true, resource: true, also: [] },
    {
      name: 'right service only',
      truth,
      said: [culprit('rate', 'network')],
      service: true,
      resource: false,
      also: [],
    },
    { name: 'wrong', truth, said: [culprit('geo', 'cpu')], service: false, resource: false, also: ['geo'] },
    {
      name: 'right and more',
      truth,
      said: [culprit('rate', 'cpu'), culprit('geo', 'cpu')],
      service: true,
      resource: true,
      also: ['geo'],
    },
    { name: 'silent about a fault', truth, said: [], service: false, resource: false, also: [] },
    { name: 'silent about nothing', truth: undefined, said: [], service: true, resource: true, also: [] },
    {
      name: 'blame for nothing',
      truth: undefined,
      said: [culprit('rate', 'cpu')],
      service: false,
      resource: false,
      also: ['rate'],
    },
  ];
  for (const { name, truth: fault, said, service, resource, also } of cases) {
    it(name, () => {
      expect(judge(fault, diagnosis(said))).to.deep.equal({
        rightService: service,
        rightResource: resource,
        alsoBlamed: also,
      });
    });
  }
});

describe('calibrateObjectives', () => {
  const windowsOf = (...p99s: number[]): Window[] =>
    p99s.map((p99Ms, i) => ({
      startMs: i,
      endMs: i + 1,
      latency: new Map(
        DEMO_OBJECTIVES.map((o) => [objectiveNode(o), { p50Ms: 1, p95Ms: 2, p99Ms, count: 9 }]),
      ),
      metrics: new Map(),
    }));

  const cases = [
    { name: 'two and a half times the usual', p99s: [30, 32, 34], expected: 80 },
    { name: 'whatever a bad moment did', p99s: [32, 32, 32, 700, 700], expected: 80 },
    { name: 'never below what a machine can keep', p99s: [2, 2, 2], expected: 40 },
  ];
  for (const { name, p99s, expected } of cases) {
    it(name, () => {
      expect(calibrateObjectives(windowsOf(...p99s)).map((o) => o.thresholdMs)).to.deep.equal([
        expected,
        expected,
      ]);
    });
  }

  it('says which operation had no traffic', () => {
    expect(() => calibrateObjectives([])).to.throw('no request of HTTP GET /hotels');
  });
});

describe('Narrator', () => {
  it('tells a diagnosis in plain words, with the time', () => {
    let text = '';
    let now = 1_000;
    const narrator = new Narrator({
      out: { write: (t) => (text += t) },
      progress: { write: () => true },
      color: false,
      now: () => now,
    });
    now += 156_000;
    tellDiagnosis(narrator, diagnosis([culprit('rate', 'cpu')]));
    expect(text).to.match(/^2:36 {2}Diagnosis of search: rate \/ cpu \(P = 0\.97\)\n/);
    expect(text).to.include('slow, but not the cause: frontend (143 ms, normally 28 ms)');
    expect(text).to.match(/rate {4}▇▇▇▇▇▇ +33 ms, P = 0\.97/);
    expect(text).to.include('evidence: cpu runqueue wait 81 %, normally 1 %');
  });
});
