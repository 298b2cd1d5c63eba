import type { LatencyNode } from '@sage/causal-graph';
import {
  type Action,
  type Diagnosis,
  type Instance,
  type Objective,
  objectiveNode,
  success,
  type TargetState,
  type Window,
} from '@sage/core';
import type { Controls } from '@sage/simulator';
import { expect } from 'chai';
import { type ClosedLoop, closedLoop, NOBODY } from '../src/closed-loop/closed-loop.js';
import { figuresOf, recoveryOf } from '../src/closed-loop/figures.js';
import { Operator } from '../src/closed-loop/operator.js';
import { ALL_KNOWING, answeringPolicy, oddestResource, type Policy } from '../src/closed-loop/policy.js';
import type { Answer, Evidence, Observed } from '../src/observed.js';
import { tinySizes } from './small-world.js';

const WINDOW_MS = 30_000;
/** The collector gives a window out so much later. */
const LATE_MS = 10_000;
const OBJECTIVE: Objective = {
  ...{ name: 'get', service: 'front', operation: 'GET /' },
  ...{ percentile: 'p95Ms', thresholdMs: 100 },
};

const OTHER: Objective = { ...OBJECTIVE, name: 'put', operation: 'PUT /' };

function windowOf(
  index: number,
  latencyMs: number,
  metrics: Window['metrics'] = new Map(),
  otherMs?: number,
): Window {
  const stats = (ms: number) => ({ p50Ms: ms, p95Ms: ms, p99Ms: ms, count: 200 });
  return {
    startMs: WINDOW_MS * index,
    endMs: WINDOW_MS * (index + 1),
    latency: new Map([
      [objectiveNode(OBJECTIVE), stats(latencyMs)],
      ...(otherMs === undefined ? [] : [[objectiveNode(OTHER), stats(otherMs)] as const]),
    ]),
    metrics,
  };
}

/** `back`, which a quota and a neighbour hold back, and `front` with a neighbour; what is turned changes nothing. */
class Hands implements Controls {
  readonly log: string[] = [];
  readonly #actions = new Map<string, Action>();

  read() {
    const back: TargetState = {
      target: 'back-0',
      cpuQuotaCores: { current: 1, max: 2 },
      cpuUsedCores: 1,
      cpuThrottledRatio: 0.3,
      coRunners: [{ pid: 7, command: 'encode', cpuCores: 1 }],
      limitable: ['cpu'],
    };
    const { coRunners = [], limitable = [] } = back;
    return [{ node: 'n', targets: [back, { target: 'front-0', coRunners, limitable }] }];
  }

  instances(): readonly Instance[] {
    return ['back', 'front'].map((service) => ({
      ...{ service, replica: `${service}-0`, node: 'n' },
      ...{ containerIds: [], address: undefined },
    }));
  }

  scaleState() {
    return undefined;
  }

  apply(id: string, _: string, action: Action) {
    this.#actions.set(id, action);
    this.log.push(`+${action.kind}`);
    return success(undefined);
  }

  release(id: string): void {
    this.log.push(`-${this.#actions.get(id)?.kind}`);
  }

  allocation() {
    return { cores: 1, memoryBytes: 1, replicas: 1, limitedPrograms: 0 };
  }
}

const blame = (service: string): Answer => {
  const ranked = [{ service, resource: 'cpu' as const, probability: 0.2 }];
  return { verdict: 'culprits', blamed: ranked, ranked };
};

const graphOf = (calls: readonly LatencyNode['rpc'][]) => ({ latency: calls.map((rpc) => ({ rpc })) });

/** A latency for each window, and of another objective; what was done after each, and when the policy was asked. */
function operate(
  latenciesMs: readonly number[],
  policy: Policy = answeringPolicy({ name: 'it-is-back', answer: () => blame('back') }),
  othersMs: readonly number[] = [],
  calls: readonly LatencyNode['rpc'][] = [],
): { readonly log: readonly string[]; readonly asked: readonly number[]; readonly operator: Operator } {
  const controls = new Hands();
  const asked: number[] = [];
  const operator = new Operator({
    policy,
    objectives: othersMs.length === 0 ? [OBJECTIVE] : [OBJECTIVE, OTHER],
    windowSeconds: WINDOW_MS / 1000,
    observe: (window, objective) => {
      asked.push(window.startMs / WINDOW_MS);
      return { window, objective, history: [], graph: graphOf(calls) } as unknown as Observed;
    },
  });
  const log = latenciesMs.map((latencyMs, index) => {
    const before = controls.log.length;
    const window = windowOf(index, latencyMs, new Map(), othersMs[index]);
    operator.onWindow(window, { controls, nowMs: WINDOW_MS * (index + 1) + LATE_MS });
    return controls.log.slice(before).join(' ');
  });
  return { log, asked, operator };
}

const OK = 50;
const BAD = 200;

describe('an operator', () => {
  it('is idle while objectives hold', () => {
    const { log, asked } = operate([OK, OK, OK]);
    expect(asked).to.deep.equal([]);
    expect(log).to.deep.equal(['', '', '']);
  });

  it('turns a knob further, then climbs the ladder, each time two whole windows have not helped', () => {
    // Done at 40 s; the windows that begin at 60 s and 90 s judge, known at 130 s.
    const { log, asked } = operate([BAD, BAD, BAD, BAD, BAD, BAD, BAD, OK]);
    // Not of windows that began before what is to be judged.
    expect(asked).to.deep.equal([0, 2, 3, 5, 6]);
    // The later takes over from the earlier.
    expect(log).to.deep.equal(['+cpu-quota', '', '', '+cpu-quota -cpu-quota', '', '', '+limit-corunner', '']);
  });

  it('goes on with what it was answered first, where that was not enough and there is no answer any more', () => {
    const answers: Answer[] = [blame('back')];
    const policy = answeringPolicy({
      name: 'once',
      answer: () => answers.shift() ?? { verdict: 'undetermined', blamed: [], ranked: [] },
    });
    const { log } = operate([BAD, BAD, BAD, BAD, OK, OK, OK, BAD], policy);
    // Until the objective has held for two windows.
    expect(log).to.deep.equal(['+cpu-quota', '', '', '+cpu-quota -cpu-quota', '', '', '', '']);
  });

  it('brings nothing back while something else waits to be judged', () => {
    const unknown: Answer = { verdict: 'undetermined', blamed: [], ranked: [] };
    const answers = [blame('back')];
    const policy = answeringPolicy({
      name: 'who',
      answer: ({ objective }) => (objective === OTHER ? blame('front') : (answers.shift() ?? unknown)),
    });
    const calm = (count: number) => Array.from({ length: count }, () => OK);
    const latenciesMs = [BAD, ...calm(12), BAD, BAD, BAD];
    const othersMs = [...calm(12), BAD, ...calm(3)];
    const { log } = operate(latenciesMs, policy, othersMs);
    // Released with window 11; the other breaks in 12, and what is done about that is judged after 14 and 15.
    expect(log.slice(11)).to.deep.equal(['-cpu-quota', '+limit-corunner', '', '', '+cpu-quota']);
  });

  describe('while something waits to be judged', () => {
    const who = (answerTo: (window: number, objective: Objective) => Answer) =>
      answeringPolicy({
        name: 'who',
        answer: ({ window, objective }) => answerTo(window.startMs / WINDOW_MS, objective),
      });
    const callOf = (caller: string, callee: string) => [{ caller, callee, operation: 'do' }];
    const others = who((_, objective) => blame(objective === OTHER ? 'front' : 'back'));

    it('helps whom another objective names', () => {
      const { log } = operate([BAD, OK, OK, OK], others, [OK, BAD, OK, OK]);
      expect(log).to.deep.equal(['+cpu-quota', '+limit-corunner', '', '']);
    });

    it('waits where that is called by who was helped, until it has drained', () => {
      const calls = callOf('back', 'front');
      const { log } = operate([BAD, OK, OK, OK], others, [OK, BAD, BAD, BAD], calls);
      expect(log).to.deep.equal(['+cpu-quota', '', '', '+limit-corunner']);
    });

    it('helps whom the same objective names in a window that began afterwards, and judges that together', () => {
      const policy = who((at) => blame(at > 0 ? 'front' : 'back'));
      const { log } = operate([BAD, BAD, BAD, BAD, 3 * BAD, 3 * BAD], policy);
      expect(log.slice(0, 5)).to.deep.equal(['+cpu-quota', '', '+limit-corunner', '', '']);
      expect(log.slice(5)).to.deep.equal(['-limit-corunner -cpu-quota']);
    });
  });

  it('takes back what did harm, and lets it rest', () => {
    const worse = [BAD, 300, 300, 300, 300, 300, 300];
    const { log, operator } = operate(worse);
    expect(log).to.deep.equal([
      '+cpu-quota',
      '',
      '',
      '-cpu-quota +limit-corunner',
      '',
      '',
      // No worse than before: kept, and nothing is left to turn.
      '',
    ]);
    expect(operator.deeds.map(({ what }) => what)).to.deep.equal(['done', 'undone', 'done']);
  });

  it('releases after ten clean windows, and brings back what is missed, with more patience', () => {
    const calm = (count: number) => Array.from({ length: count }, () => OK);
    // Done at window 0; window 1 began before. Released with window 11, missed in 12, known then.
    const { log } = operate([BAD, ...calm(11), BAD, ...calm(21)]);
    const turned = log.flatMap((text, window) => (text === '' ? [] : [[window, text]]));
    expect(turned).to.deep.equal([
      [0, '+cpu-quota'],
      [11, '-cpu-quota'],
      [12, '+cpu-quota'],
      // Twenty from window 14 on.
      [33, '-cpu-quota'],
    ]);
  });

  describe('asked about a violation soon after a release', () => {
    const NOBODY_KNOWN: Answer = { verdict: 'undetermined', blamed: [], ranked: [] };
    const both: Answer = { ...blame('back'), blamed: [...blame('back').blamed, ...blame('front').blamed] };
    const table: readonly (readonly [what: string, answer: Answer, text: string])[] = [
      ['leaves it released where others are to blame', blame('front'), '+limit-corunner'],
      ['brings it back where that is to blame', blame('back'), '+cpu-quota'],
      ['brings it back and helps others beside it', both, '+cpu-quota +limit-corunner'],
      ['brings it back where nobody is known to be', NOBODY_KNOWN, '+cpu-quota'],
    ];
    for (const [what, answer, text] of table) {
      it(what, () => {
        const answers = [blame('back'), answer];
        const policy = answeringPolicy({ name: 'p', answer: () => answers.shift() ?? NOBODY_KNOWN });
        const latenciesMs = [BAD, ...Array.from({ length: 11 }, () => OK), BAD, OK, OK, BAD];
        const { log, asked } = operate(latenciesMs, policy);
        expect(log[11]).to.equal('-cpu-quota');
        // Not by a later violation either.
        expect(log.slice(12)).to.deep.equal([text, '', '', '']);
        expect(asked).to.deep.equal([0, 12, 15]);
      });
    }
  });

  it('releases what was done in one violation whatever was done in another', () => {
    const answers = [blame('back'), blame('front')];
    const policy = answeringPolicy({ name: 'both', answer: () => answers.shift() ?? blame('back') });
    const latenciesMs = [BAD, OK, OK, OK, BAD, ...Array.from({ length: 11 }, () => OK)];
    const turned = operate(latenciesMs, policy).log.flatMap((text, window) =>
      text === '' ? [] : [[window, text]],
    );
    expect(turned).to.deep.equal([
      [0, '+cpu-quota'],
      [4, '+limit-corunner'],
      // Ten clean windows after the last broken one; ten that began after the second was done.
      [14, '-cpu-quota'],
      [15, '-limit-corunner'],
    ]);
  });

  it('turns only what a policy may turn, and does what it says where nothing is broken', () => {
    const asksAlways = answeringPolicy(
      { name: 'scaler', answer: () => blame('back') },
      { asksAlways: true, allow: ['scale'] },
    );
    const { log, asked } = operate([OK, OK], asksAlways);
    expect(asked).to.deep.equal([0, 1]);
    expect(log).to.deep.equal(['', '']);
  });

  it('does nothing for who is less likely than the policy asks for', () => {
    const policy: Policy = {
      ...answeringPolicy({ name: 'unsure', answer: () => blame('back') }),
      minProbability: 0.7,
    };
    expect(operate([BAD], policy).log).to.deep.equal(['']);
  });
});

describe('who names a service and no resource', () => {
  const metrics = (cpu: number, disk: number, pool: number): Window['metrics'] =>
    new Map([
      [
        'back',
        new Map([
          ['cpu_usage_cores', cpu],
          ['disk_wait_ratio', disk],
          ['software_pool_wait_ms', pool],
        ] as const),
      ],
    ]) as unknown as Window['metrics'];
  const evidence = (now: Window['metrics']): Evidence =>
    ({
      objective: OBJECTIVE,
      history: Array.from({ length: 20 }, (_, index) => windowOf(index, OK, metrics(0.5, 0.1, 1))),
      window: windowOf(20, BAD, now),
    }) as unknown as Evidence;

  it('means the one whose metric is furthest from normal', () => {
    // Spreads are what is resolved: 0.02 cores.
    expect(oddestResource('back', evidence(metrics(0.9, 0.1, 1)))).to.equal('cpu');
    expect(oddestResource('back', evidence(metrics(0.52, 0.9, 1)))).to.equal('disk');
  });

  it('never what nothing can be turned for, and the processor where nothing is known', () => {
    expect(oddestResource('back', evidence(metrics(0.6, 0.1, 1000)))).to.equal('cpu');
    expect(oddestResource('nobody', evidence(metrics(0.5, 0.9, 1)))).to.equal('cpu');
  });
});

describe('how long a violation lasts', () => {
  // The fault from 15 s to 165 s: within windows 0 to 5. The next episode begins with window 10.
  const episode = { id: 'e', startMs: 15_000, endMs: 165_000 };
  const table: readonly (readonly [
    timeline: string,
    intervals: number | undefined,
    beforeItsEnd: boolean,
  ])[] = [
    ['..........', undefined, false],
    ['.x........', 1, true],
    ['.xx.......', 2, true],
    ['.xx.x.....', 4, false],
    ['.xxxx.....', 4, false],
    ['.xxxxxx...', 6, false],
    ['.......xx.', undefined, false],
    ['xxxxxxxxxx', 10, false],
  ];
  for (const [timeline, intervals, beforeItsEnd] of table) {
    it(`${timeline}: ${intervals ?? 'none'}`, () => {
      const broken = [...timeline].map((sign) => sign === 'x');
      const windows = broken.map((_, index) => windowOf(index, OK));
      const found = recoveryOf(episode, 10 * WINDOW_MS, { windows, broken });
      expect(found).to.deep.equal(
        intervals === undefined ? undefined : { episode: 'e', intervals, beforeItsEnd },
      );
    });
  }
});

describe('a closed loop', function () {
  this.timeout(120_000);
  const { closedLoop: own, topology, trainWindows, windowSeconds, requestsPerSecond, sampling } = tinySizes();
  const world = { trainWindows, windowSeconds, requestsPerSecond, sampling, ...own, topology };
  const outside = { seed: 2, nowMs: () => 0, progress: () => undefined };
  let loop: ClosedLoop;
  const runOf = (name: string) => loop.runs.find(({ policy }) => policy === name);
  before(async () => {
    loop = await closedLoop({ ...world, calibrationFaults: 0, ...outside });
  });

  it('leaves out who needs a labelled run where there is none', () => {
    expect(loop.runs.map(({ policy }) => policy)).to.deep.equal([
      NOBODY,
      ALL_KNOWING,
      'sage',
      'autoscale-strict',
    ]);
  });

  it('is the same for all until something is done', () => {
    const nobody = runOf(NOBODY)?.windows ?? [];
    expect(nobody).to.have.length(2 * (own.calmWindows + own.faultWindows));
    for (const { windows, deeds } of loop.runs) {
      const untilMs = deeds[0]?.atMs ?? Number.POSITIVE_INFINITY;
      const before = windows.filter(({ endMs }) => endMs <= untilMs);
      expect(before.length).to.be.above(2);
      expect(before).to.deep.equal(nobody.slice(0, before.length));
    }
  });

  it('heals what it is told of, and spends something on it', () => {
    const { policies } = figuresOf(loop, windowSeconds);
    const [nobody, told] = policies;
    expect(told?.actions).to.be.above(0);
    expect(told?.misdirected).to.equal(0);
    expect(nobody?.actions).to.equal(0);
    expect(nobody?.addedCoreMinutes).to.equal(0);
    expect(told?.violationMinutes).to.be.below(nobody?.violationMinutes ?? 0);
  });
});

/** A decision's diagnosis is the answer, no more. */
describe('an answer that is acted on', () => {
  it('keeps who is blamed, and what the window was', () => {
    const observed = { window: windowOf(3, BAD), objective: OBJECTIVE, history: [] } as unknown as Observed;
    const policy = answeringPolicy({ name: 'm', answer: () => blame('back') });
    const diagnosis = policy.diagnose(observed);
    const aims = policy.aims(diagnosis, observed);
    const expected: Partial<Diagnosis> = { verdict: 'culprits', observedMs: BAD, thresholdMs: 100 };
    expect(diagnosis).to.include(expected);
    expect(aims.map(({ culprit: { service, resource } }) => [service, resource])).to.deep.equal([
      ['back', 'cpu'],
    ]);
  });
});
