import { expect } from 'chai';
import type { Sizes } from '../src/experiments/experiment.js';
import {
  type Attempt,
  measureRollouts,
  type RolloutResult,
  type RolloutsOptions,
} from '../src/experiments/rollout-chain.js';
import {
  accuracyOverTime,
  asGoodAfter,
  pooledOf,
  timesAsLong,
  trainingsOf,
} from '../src/experiments/rollout-figures.js';
import { POLICIES, type Policy } from '../src/experiments/rollout-policies.js';
import { SOCIAL_NETWORK_ROLLOUTS } from '../src/experiments/rollout-versions.js';
import { rollouts } from '../src/experiments/rollouts.js';
import type { StepContext } from '../src/experiments/step.js';
import type { CaseResult } from '../src/scoring.js';
import { tinySizes } from './small-world.js';
import { messageOf } from './tree.js';

const tiny = tinySizes();
const sizes: Sizes = {
  ...tiny,
  rollouts: {
    ...tiny.rollouts,
    versions: [...tiny.rollouts.versions, { letter: 'B', words: 'the cache goes', edits: [] }],
  },
};

/** The clock stands still: trainings take no time. */
const context: StepContext = { seed: 5, nowMs: () => 0, memoryBytes: () => 0, progress: () => undefined };

/** Incidents in which `a` is to blame, and is blamed in as many as are right. */
function incidents(right: number, of: number): CaseResult[] {
  return Array.from({ length: of }, (_, i) => ({
    id: String(i),
    kind: 'cpu',
    truth: [{ service: 'a', resource: null }],
    ranked: [{ service: 'a', resource: null, probability: 1 }],
    blamed: i < right ? 1 : 0,
    verdict: i < right ? 'culprits' : 'undetermined',
    elapsedMs: 1,
  }));
}

function attempt(policy: Policy, windows: number, seconds: number, right: number, change = {}): Attempt {
  return { policy, windows, seconds, learnt: true, r2: 0.5, cases: incidents(right, 4), ...change };
}

describe('figures of roll-outs', () => {
  const none = { learnt: false, r2: null };
  const scratch = [
    attempt('from scratch', 1, 0, 0, none),
    attempt('from scratch', 4, 45, 2),
    attempt('from scratch', 8, 15, 4),
  ];
  const partial = [
    attempt('partial + incremental', 1, 1, 3, { learnt: false }),
    attempt('partial + incremental', 4, 15, 4),
    attempt('partial + incremental', 8, 3, 4, { r2: 0.9 }),
  ];
  const incremental = [
    attempt('incremental', 1, 1, 3, { learnt: false }),
    attempt('incremental', 4, 30, 4),
    attempt('incremental', 8, 30, 4),
  ];
  const rollout: RolloutResult = {
    letter: 'A',
    services: 5,
    relearnt: { kind: 'graph', services: ['a'] },
    attempts: [...scratch, ...partial, ...incremental],
  };

  it('have a policy answer with the newest model that is ready', () => {
    // Windows of 30 s. From scratch: ready after 5½ windows, the last not before the end: 2 of 4 right at 6, 7, 8.
    expect(accuracyOverTime(rollout.attempts, 'from scratch', 30)).to.equal((3 * 0.5) / 8);
    // Reshaped within a second: not yet at 1; 3 of 4 right at 2, 3, 4; all from 5 on.
    expect(accuracyOverTime(rollout.attempts, 'partial + incremental', 30)).to.equal((3 * 0.75 + 4) / 8);
    // The same, but that its training takes as long as a window: ready as the fifth ends.
    expect(accuracyOverTime(rollout.attempts, 'incremental', 30)).to.equal((3 * 0.75 + 4) / 8);
    expect(accuracyOverTime([attempt('incremental', 1, 0, 0, { cases: [] })], 'incremental', 30)).to.equal(
      undefined,
    );
  });

  it('tell when a policy has a model as good as partial + incremental has in the end', () => {
    // R² 0.9 there after 8 windows and 3 s.
    expect(asGoodAfter(rollout.attempts, 'partial + incremental', 30)).to.equal(8 * 30 + 3);
    expect(asGoodAfter(rollout.attempts, 'from scratch', 30)).to.equal(undefined);
    const better = attempt('incremental', 4, 12, 4, { r2: 0.885 });
    expect(asGoodAfter([...rollout.attempts, better], 'incremental', 30)).to.equal(4 * 30 + 12);
    expect(asGoodAfter([attempt('incremental', 4, 12, 4)], 'incremental', 30)).to.equal(undefined);
  });

  it('compare trainings only where every policy learnt', () => {
    const found = trainingsOf([rollout]);
    expect(found.map(({ windows }) => windows)).to.deep.equal([4, 8]);
    expect(found.map((item) => timesAsLong(item, 'from scratch'))).to.deep.equal([3, 5]);
    expect(found.map((item) => timesAsLong(item, 'incremental'))).to.deep.equal([2, 10]);
  });

  it('pool the incidents of all roll-outs by windows and policy', () => {
    const other = { ...rollout, letter: 'B', attempts: [attempt('partial + incremental', 8, 1, 0)] };
    const last = pooledOf([rollout, other], 1).filter(({ windows }) => windows === 8);
    expect(last.map(({ policy }) => policy)).to.deep.equal(POLICIES);
    expect(last.at(-1)?.shares).to.deep.include({ cases: 8 });
    expect(last.at(-1)?.shares.accuracy.value).to.equal(0.5);
    expect(last.at(-1)?.medianR2).to.be.closeTo(0.7, 1e-12);
    const [first] = pooledOf([rollout], 1);
    expect(first).to.include({ policy: 'from scratch', windows: 1, medianR2: undefined });
  });
});

describe('roll-outs of a small application', function () {
  this.timeout(60_000);
  let results: readonly RolloutResult[];
  before(async () => {
    const [step] = rollouts.steps(sizes, {});
    results = (await step?.run(context)) ?? expect.fail('no step');
  });
  const attemptsOf = (letter: string, windows: number) =>
    new Map(
      results
        .find((result) => result.letter === letter)
        ?.attempts.filter((item) => item.windows === windows)
        .map((item) => [item.policy, item]),
    );

  it('retrain, in part, who is new and who calls it', () => {
    const [added, gone] = results;
    expect(added?.services).to.equal(4);
    expect(added?.relearnt.kind).to.equal('graph');
    expect(added?.relearnt.services).to.include.members(['cache', 'middle']).and.not.to.include('back');
    expect(gone?.services).to.equal(3);
    expect(gone?.relearnt.services).to.include('middle').and.not.to.include.members(['cache', 'back']);
  });

  it('leave who learns from scratch without an answer, and let the others answer at once', () => {
    for (const letter of ['A', 'B']) {
      const first = attemptsOf(letter, 1);
      expect([...first.values()].some(({ learnt }) => learnt)).to.equal(false);
      const scratch = first.get('from scratch');
      expect(scratch?.r2).to.equal(null);
      expect(
        scratch?.cases.every(({ blamed, verdict }) => blamed === 0 && verdict === 'undetermined'),
      ).to.equal(true);
      for (const policy of ['incremental', 'partial + incremental'] as const) {
        expect(first.get(policy)?.cases.some(({ blamed }) => blamed > 0)).to.equal(true);
      }
    }
  });

  it('ask every policy about the same faults, later than all that was learnt from', () => {
    const all = results.flatMap(({ letter, attempts }) =>
      attempts.map(
        ({ cases }) => `${letter} ${cases.map(({ id, truth }) => id + JSON.stringify(truth)).join()}`,
      ),
    );
    expect(new Set(all)).to.have.length(2);
    expect([...attemptsOf('A', 20).values()].every(({ learnt }) => learnt)).to.equal(true);
  });

  it('refuse what cannot be rolled out, and an application that is not there', async () => {
    const options = { ...sizes, ...sizes.rollouts };
    const impossible = [
      { letter: 'A', words: '', edits: [{ edit: 'removeService', name: 'front' } as const] },
    ];
    const table: readonly (readonly [Partial<RolloutsOptions>, RegExp])[] = [
      [{ versions: impossible }, /^DataError: roll-out A: requests come in at front/],
      [{ topology: 'socialnetwork' }, /^DataError: .*did you mean social-network/],
    ];
    for (const [change, message] of table) {
      expect(await messageOf('\0', () => measureRollouts({ ...options, ...change }, context))).to.match(
        message,
      );
    }
  });
});

describe('the six roll-outs', () => {
  it('are A to F, each of edits that the application can have', () => {
    expect(SOCIAL_NETWORK_ROLLOUTS.map(({ letter }) => letter).join('')).to.equal('ABCDEF');
  });
});
