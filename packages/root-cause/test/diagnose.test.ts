import { createRng, type Objective, type Resource, type Verdict } from '@sage/core';
import { expect } from 'chai';
import { type DiagnoseOptions, diagnose } from '../src/index.js';
import { hotelGraph, isStore, OBJECTIVE, SERVICES } from './hotel.js';
import { type LinearModelOptions, linearModel } from './linear-model.js';
import { type Fault, type ScenarioOptions, scenario } from './scenario.js';

const graph = hotelGraph();

interface Case extends ScenarioOptions {
  readonly name: string;
  readonly verdict: Verdict;
  readonly blamed?: readonly string[];
  readonly model?: LinearModelOptions;
  readonly objective?: Partial<Objective>;
  readonly options?: Partial<DiagnoseOptions>;
}

function run(test: ScenarioOptions & Pick<Case, 'model' | 'objective' | 'options'>) {
  const { window, history } = scenario(graph, test);
  const model = linearModel(graph, test.model);
  const objective = { ...OBJECTIVE, ...test.objective };
  return diagnose({ model, window, history, objective }, { rng: createRng(7), ...test.options });
}

const RESOURCE: Readonly<Record<Fault['kind'], Resource>> = {
  cpu: 'cpu',
  link: 'network',
  pool: 'software',
  lock: 'software',
  'cpu-usage': 'cpu',
};

const single = (kind: Fault['kind'], services: readonly string[], rest: Partial<Case> = {}): Case[] =>
  services.map((service) => ({
    name: `${kind} at ${service}${rest.name ?? ''}`,
    verdict: 'culprits',
    faults: [{ kind, service }],
    blamed: [`${service} ${RESOURCE[kind]}`],
    ...rest,
    ...(rest.name === undefined ? {} : { name: `${kind} at ${service}, ${rest.name}` }),
  }));

const CALLERS = ['frontend', 'search', 'rate', 'reservation', 'profile'];
const UNMEASURED = ['search', 'geo', 'rate', 'memcached-rate', 'memcached-profile'];

const CASES: readonly Case[] = [
  ...single('cpu', SERVICES),
  ...single('cpu', SERVICES, { name: 'known to the model', model: { knowsContention: true } }),
  ...single('link', SERVICES),
  ...single('pool', CALLERS),
  ...single(
    'cpu',
    SERVICES.filter((service) => !UNMEASURED.includes(service)),
    { name: 'half unmeasured', unmeasured: UNMEASURED },
  ),
  ...single('link', SERVICES, { name: 'half unmeasured', unmeasured: UNMEASURED }),
  { name: 'no fault', verdict: 'no-violation' },
  {
    name: 'cpu usage high, nothing slow',
    verdict: 'no-violation',
    faults: [{ kind: 'cpu-usage', service: 'geo' }],
  },
  {
    name: 'a decoy that uses much cpu beside a slow link',
    verdict: 'culprits',
    faults: [
      { kind: 'cpu-usage', service: 'geo' },
      { kind: 'link', service: 'profile' },
    ],
    blamed: ['profile network'],
  },
  {
    name: 'an objective that is too tight for normal',
    verdict: 'undetermined',
    seed: 1,
    objective: { thresholdMs: 62.2 },
  },
  { name: 'a load surge that the model does not know', verdict: 'workload', load: 100 },
  { name: 'a load surge that the model knows', verdict: 'workload', load: 100, model: { knowsLoad: true } },
  {
    name: 'what nobody measures, under a load that is surely larger than ever and by a third as it is counted',
    verdict: 'workload',
    load: 76,
    unmeasured: ['recommendation', 'frontend'],
    faults: [{ kind: 'pool', service: 'recommendation', ms: 30 }],
  },
  {
    name: 'a slow link under a load surge',
    verdict: 'culprits',
    load: 80,
    objective: { thresholdMs: 150 },
    faults: [{ kind: 'link', service: 'geo', ms: 300 }],
    blamed: ['geo network'],
  },
  {
    name: 'two at once',
    verdict: 'culprits',
    faults: [
      { kind: 'cpu', service: 'geo' },
      { kind: 'link', service: 'memcached-reserve', ms: 80 },
    ],
    blamed: ['geo cpu', 'memcached-reserve network'],
  },
  {
    name: 'two at once on one path',
    verdict: 'culprits',
    faults: [
      { kind: 'pool', service: 'search' },
      { kind: 'cpu', service: 'rate' },
    ],
    blamed: ['rate cpu', 'search software'],
  },
  {
    name: 'two at once, of which the objective would hold with the lesser: not that one',
    verdict: 'culprits',
    faults: [
      { kind: 'cpu', service: 'geo' },
      { kind: 'link', service: 'memcached-reserve', ms: 12 },
    ],
    blamed: ['geo cpu'],
  },
  {
    name: 'a link that is a little slow and costs no request anything, beside a fault',
    verdict: 'culprits',
    faults: [
      { kind: 'cpu', service: 'geo' },
      { kind: 'link', service: 'memcached-reserve', ms: 1 },
    ],
    blamed: ['geo cpu'],
  },
  {
    name: 'trouble of a service that is no ancestor',
    verdict: 'culprits',
    faults: [
      { kind: 'cpu', service: 'user', ms: 500 },
      { kind: 'pool', service: 'profile' },
    ],
    blamed: ['profile software'],
  },
  {
    name: 'no history',
    verdict: 'undetermined',
    historyWindows: 0,
    faults: [{ kind: 'cpu', service: 'geo' }],
  },
  {
    name: 'an operation that the model does not know',
    verdict: 'no-violation',
    objective: { operation: '/nothing' },
  },
];

describe('diagnose', () => {
  for (const test of CASES) {
    it(`${test.name}: ${test.blamed?.join(' and ') ?? test.verdict}`, () => {
      const diagnosis = run(test);
      const blamed = diagnosis.culprits.map(({ service, resource }) => `${service} ${resource}`).sort();
      expect(blamed, diagnosis.reason).to.deep.equal([...(test.blamed ?? [])].sort());
      expect(diagnosis.verdict, diagnosis.reason).to.equal(test.verdict);
      for (const culprit of diagnosis.culprits) expect(culprit.probability).to.be.at.least(0.5);
    });
  }

  it('names victims, shares and effects', () => {
    const diagnosis = run({ faults: [{ kind: 'cpu', service: 'rate' }] });
    expect(diagnosis.victims.map(({ service }) => service)).to.have.members(['frontend', 'search']);
    const [culprit] = diagnosis.culprits;
    expect(culprit?.share).to.be.within(0.8, 1);
    expect(culprit?.effectMs).to.be.within(60, 90);
    expect(culprit?.evidence[0]?.name).to.equal('cpu_runqueue_wait_ratio');
    expect(diagnosis.resources[0]).to.include({ service: 'rate', resource: 'cpu' });
    expect(diagnosis.reason).to.match(
      /^p99 of frontend \/hotels is \d+ ms, over its objective of 90 ms\. The cause is processor time of rate/,
    );
  });

  it('shares the excess between two culprits by what each contributes', () => {
    const { culprits } = run({
      faults: [
        { kind: 'pool', service: 'search', ms: 80 },
        { kind: 'pool', service: 'profile', ms: 40 },
      ],
    });
    const share = new Map(culprits.map((culprit) => [culprit.service, culprit.share]));
    expect(share.get('search')).to.be.closeTo(2 / 3, 0.08);
    expect(share.get('profile')).to.be.closeTo(1 / 3, 0.08);
  });

  const besideLock = (faults: readonly Fault[]) =>
    run({ faults: [{ kind: 'lock', service: 'search', ms: 80 }, ...faults] }).culprits;

  it('names whom, beside a larger part, a wait that was measured speaks against', () => {
    const culprits = besideLock([{ kind: 'pool', service: 'profile', ms: 40 }]);
    expect(culprits.map(({ service }) => service)).to.have.members(['search', 'profile']);
  });

  it('names whom, beside a larger part, latency alone speaks against while all that he waits for is as fast as ever', () => {
    const culprits = besideLock([{ kind: 'lock', service: 'profile', ms: 40 }]);
    expect(culprits.map(({ service }) => service)).to.have.members(['search', 'profile']);
    for (const { probability } of culprits) expect(probability).to.be.above(0.9);
  });

  it('leaves out whom, beside a larger part, latency alone speaks against while what he waits for is slow, and is as much less sure', () => {
    const [culprit, ...others] = besideLock([
      { kind: 'lock', service: 'profile', ms: 40 },
      { kind: 'lock', service: 'memcached-profile', ms: 8, isPooled: false },
    ]);
    expect(culprit?.service).to.equal('search');
    expect(culprit?.probability).to.be.within(0.45, 0.55);
    expect(others).to.deep.equal([]);
  });

  it('believes half of whom, beside a larger part, latency alone speaks against and nothing is measured', () => {
    const faults: Fault[] = [
      { kind: 'pool', service: 'search', ms: 80 },
      { kind: 'pool', service: 'profile', ms: 40 },
    ];
    const probabilities = (unmeasured: readonly string[]) =>
      new Map(run({ faults, unmeasured }).culprits.map((culprit) => [culprit.service, culprit.probability]));
    const measured = probabilities([]);
    expect(measured.get('profile')).to.equal(measured.get('search'));
    const unmeasured = probabilities(['profile']);
    expect(unmeasured.get('search')).to.be.above(0.9);
    expect(unmeasured.get('profile')).to.be.within(0.45, 0.5);
  });

  it('does not blame a whole path: caller of a slow store with a full pool', () => {
    const { culprits } = run({ faults: [{ kind: 'link', service: 'memcached-rate' }] });
    expect(culprits.map(({ service }) => service)).to.deep.equal(['memcached-rate']);
  });

  describe('faithful', () => {
    for (const service of SERVICES.filter((name) => !isStore(name))) {
      it(`cpu at ${service}`, () => {
        const diagnosis = run({
          faults: [{ kind: 'cpu', service }],
          options: { method: 'faithful' },
          objective: { thresholdMs: 95 },
        });
        expect(diagnosis.verdict).to.equal('culprits');
        expect(diagnosis.culprits[0]?.service).to.equal(service);
      });
    }
  });

  const BAD: readonly [Partial<DiagnoseOptions>, string][] = [
    [{ samples: 0 }, 'samples must be a whole number from 1, got 0'],
    [{ minProbability: 1.5 }, 'minProbability must be between 0 and 1, got 1.5'],
    [{ maxCulprits: 9 }, 'maxCulprits must be a whole number from 1 to 3, got 9'],
    [{ method: 'magic' as never }, "method must be 'sage' or 'faithful', got magic"],
    [{ anomalyThreshold: Number.NaN }, 'anomalyThreshold must be above 0, got NaN'],
    [{ surgeRatio: 0.5 }, 'surgeRatio must be at least 1, got 0.5'],
  ];
  for (const [options, message] of BAD) {
    it(`refuses options: ${message}`, () => {
      expect(() => run({ options })).to.throw(RangeError, message);
    });
  }
});
