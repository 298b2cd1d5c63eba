import { join } from 'node:path';
import { buildCausalGraph, type CallGraph, type CausalGraph, type CausalModel } from '@sage/causal-graph';
import {
  latencyNodeId,
  ManualClock,
  type Objective,
  readObjective,
  rpcId,
  silentLogger,
  type Window,
} from '@sage/core';
import { expect } from 'chai';
import type { TrainingEvent } from '../src/events.js';
import { judgedBy, readyToLearn, refusal } from '../src/learning/gate.js';
import { WindowHistory } from '../src/learning/history.js';
import { LearningLoop } from '../src/learning/learning-loop.js';
import { ModelStore } from '../src/learning/model-store.js';
import type { FitContext } from '../src/parts.js';
import { fakeParts, START_MS, tempDir } from './support.js';

const MIN_WINDOWS = 20;

/** An application in which each of these is called from outside. */
function callsOf(...services: readonly string[]): CallGraph {
  const rpcs = services.map((callee) => {
    const key = { caller: '(outside)', callee, operation: 'get' };
    return { id: rpcId(key), key, kinds: ['server'] as const, count: 100 };
  });
  return { services, rpcs, edges: [] };
}

const graphOf = (...services: readonly string[]) => buildCausalGraph(callsOf(...services));
const nodeOf = (service: string) =>
  latencyNodeId('server', rpcId({ caller: '(outside)', callee: service, operation: 'get' }));

/** p99 of 100, 200, 300, 100 … ms, so that there is something to explain. */
function windowAt(index: number, services: readonly string[]): Window {
  const p99Ms = 100 * (1 + (index % 3));
  const stats = { p50Ms: 10, p95Ms: 50, p99Ms, count: 100 };
  const startMs = START_MS + 10_000 * index;
  const latency = new Map(services.map((service) => [nodeOf(service), stats]));
  return { startMs, endMs: startMs + 30_000, latency, metrics: new Map() };
}

/** A model that expects what was observed, times `bias`. */
function modelOf(graph: CausalGraph, bias: number): CausalModel {
  return {
    graph,
    r2: new Map(),
    foretold: new Map(),
    abduct: (window) => ({
      window,
      residual: (id, percentile) => {
        const observedMs = window.latency.get(id)?.[percentile];
        return observedMs === undefined ? undefined : { observedMs, expectedMs: bias * observedMs, z: 0 };
      },
    }),
    predict: () => ({ draws: () => Float64Array.of(1) }),
  };
}

const OBJECTIVE: Objective = {
  name: 'cart',
  service: 'cart',
  operation: 'get',
  percentile: 'p99Ms',
  thresholdMs: 250,
};

interface Options {
  readonly objectives?: readonly Objective[];
  readonly stored?: CausalModel;
  /** How far the next models are off; 1 is exact. */
  readonly bias?: () => number;
  /** The learner finds that the present model holds. */
  readonly holds?: boolean;
}

/** A loop whose call graph, windows and schedule are the test's. */
async function startLoop({ stored, objectives = [], bias = () => 1, holds = false }: Options = {}) {
  const clock = new ManualClock(START_MS);
  const folder = tempDir();
  const history = await WindowHistory.open(join(folder, 'windows'), {
    maxWindows: 500,
    logger: silentLogger,
  });
  const fits: FitContext[] = [];
  const events: TrainingEvent[] = [];
  let calls = callsOf();
  let index = 0;
  let inIncident = false;
  let cron = () => {};
  const { learner, buildGraph } = fakeParts({});
  const parts = {
    buildGraph,
    learner: {
      ...learner,
      fit: async (context: FitContext) => {
        fits.push(context);
        return holds && context.present !== undefined ? context.present : modelOf(context.graph, bias());
      },
    },
  };
  const loop = new LearningLoop(
    {
      parts,
      store: new ModelStore(join(folder, 'models'), learner, silentLogger),
      history,
      callGraph: () => calls,
      config: () => ({
        schedule: 'whenever the test says so',
        minWindows: MIN_WINDOWS,
        historyWindows: 500,
        epochs: undefined,
        seed: 1,
      }),
      objectives: () => objectives,
      clock,
      logger: silentLogger,
      emit: (event) => events.push(event),
      schedule: (_expression, run) => {
        cron = run;
        return { destroy: () => {} };
      },
    },
    stored && { model: stored, trainedMs: 0 },
  );
  loop.start();
  return {
    loop,
    fits,
    events,
    clock,
    /** So many windows in which these services are called. */
    windows: async (count: number, ...services: readonly string[]) => {
      if (services.length > 0) calls = callsOf(...services);
      for (let n = 0; n < count; n++, index++) {
        const window = windowAt(index, services);
        history.add(window, inIncident);
        loop.onWindow(window);
        await loop.idle();
      }
      await history.flush();
    },
    incident: (isOpen: boolean) => {
      inIncident = isOpen;
    },
    retrain: async () => {
      cron();
      await loop.idle();
    },
  };
}

describe('the learning loop', () => {
  it('keeps the model of the whole graph while a restarted call graph may lack calls', async () => {
    const stored = modelOf(graphOf('cart', 'geo'), 1);
    const { loop, fits, windows, retrain } = await startLoop({ stored });
    await windows(MIN_WINDOWS - 1, 'cart');
    await retrain();
    expect([fits.length, loop.model]).to.deep.equal([0, stored]);
    await windows(1, 'cart');
    await retrain();
    expect(loop.model?.graph.services).to.deep.equal(['cart']);
  });

  it('does not wait where the graph is the same', async () => {
    const stored = modelOf(graphOf('cart'), 1);
    const { fits, windows, retrain } = await startLoop({ stored });
    await windows(MIN_WINDOWS, 'cart');
    await retrain();
    expect(fits).to.have.length(1);
  });

  it('reads off windows up to now in which nothing was wrong what has changed for good', async () => {
    const { fits, windows, incident, retrain } = await startLoop({ objectives: [OBJECTIVE] });
    await windows(MIN_WINDOWS, 'cart');
    incident(true);
    await windows(30, 'cart');
    incident(false);
    await windows(6, 'cart');
    await retrain();
    const [{ windows: learnt = [], calm = [] } = {}] = fits.slice(-1);
    // Every third window breaks the objective.
    expect(calm.filter((window) => readObjective(OBJECTIVE, window).broken)).to.deep.equal([]);
    expect(calm).to.have.length(14 + 4);
    expect(calm.at(-1)?.startMs).to.be.above(learnt.at(-1)?.startMs as number);
    expect(learnt).to.have.length(MIN_WINDOWS + 30 + 6 - 10);
  });

  it('holds a twentieth out, and no more than 60 windows, so that what has changed is soon learnt', async () => {
    const { fits, windows, retrain } = await startLoop({ stored: modelOf(graphOf('cart'), 1) });
    await windows(500, 'cart');
    await retrain();
    expect(500 - (fits.at(-1)?.windows.length ?? 0)).to.equal(25);
    expect(judgedBy(Array.from({ length: 2880 }, (_, i) => windowAt(i, ['cart'])))).to.have.length(60);
  });

  it('tells when the model was learnt, and when it was found to hold', async () => {
    const stored = modelOf(graphOf('cart'), 1);
    const { loop, clock, windows, retrain } = await startLoop({ stored, holds: true });
    await windows(MIN_WINDOWS, 'cart');
    expect(loop.checkedMs).to.equal(0);
    clock.advance(60_000);
    await retrain();
    expect([loop.current?.trainedMs, loop.checkedMs]).to.deep.equal([0, START_MS + 60_000]);
  });

  it('waits again after a silence in which the call graph was forgotten', async () => {
    const { loop, fits, windows, retrain } = await startLoop();
    await windows(MIN_WINDOWS, 'cart', 'geo');
    expect(loop.model?.graph.services).to.deep.equal(['cart', 'geo']);
    await windows(MIN_WINDOWS);
    await windows(6, 'cart');
    await retrain();
    expect(fits).to.have.length(1);
    await windows(MIN_WINDOWS - 6, 'cart');
    await retrain();
    expect(loop.model?.graph.services).to.deep.equal(['cart']);
  });

  it('goes on from the present model', async () => {
    const { loop, fits, windows, retrain } = await startLoop();
    await windows(MIN_WINDOWS, 'cart');
    const first = loop.model;
    await windows(10, 'cart');
    await retrain();
    expect(fits.map(({ present }) => present)).to.deep.equal([undefined, first]);
  });

  it('holds the newest windows out, and keeps the present model where the new one is worse on them', async () => {
    let bias = 1;
    const { loop, fits, events, windows, retrain } = await startLoop({ bias: () => bias });
    await windows(MIN_WINDOWS, 'cart');
    const first = loop.model;
    await windows(20, 'cart');
    bias = 3;
    await retrain();
    expect(fits[1]?.windows).to.have.length(30);
    expect(loop.model).to.equal(first);
    expect(events.at(-1))
      .to.have.property('message')
      .that.matches(/not better .* on the last 10 windows/);
    bias = 1.001;
    await retrain();
    expect(loop.model).not.to.equal(first);
  });
});

describe('the gate of a new model', () => {
  const [small, large] = [graphOf('cart'), graphOf('cart', 'geo')];
  const enough = { present: undefined, windows: 20, stableFor: 5, graphAge: 5, minWindows: 20 };
  const cases: [string, CausalGraph, Partial<Parameters<typeof readyToLearn>[1]>, boolean][] = [
    ['a first model', small, {}, true],
    ['too few windows', small, { windows: 19 }, false],
    ['a graph that just changed', small, { stableFor: 4 }, false],
    ['no graph', graphOf(), {}, false],
    ['the same graph', small, { present: small }, true],
    ['a smaller graph, just seen', small, { present: large }, false],
    ['a larger graph, just seen', large, { present: small }, false],
    ['another graph, seen for long', small, { present: large, graphAge: 20 }, true],
  ];
  for (const [name, graph, facts, expected] of cases) {
    it(`${expected ? 'opens to' : 'stays shut to'} ${name}`, () => {
      expect(readyToLearn(graph, { ...enough, ...facts })).to.equal(expected);
    });
  }

  const heldOut = Array.from({ length: 10 }, (_, index) => windowAt(index, ['cart']));
  const models: [string, CausalModel, readonly Window[], RegExp | undefined][] = [
    ['as good', modelOf(small, 1), heldOut, undefined],
    ['a little worse', modelOf(small, 1.05), heldOut, undefined],
    [
      'worse',
      modelOf(small, 1.5),
      heldOut,
      /^R² 0\.\d+ on the last 10 windows, the present model has 1\.000$/,
    ],
    ['worse, of another graph', modelOf(large, 3), heldOut, undefined],
    ['worse, with nothing held out to tell', modelOf(small, 3), [], undefined],
  ];
  for (const [name, next, windows, expected] of models) {
    it(`${expected === undefined ? 'takes' : 'refuses'} a model that is ${name}`, () => {
      const refused = refusal(next, modelOf(small, 1), windows);
      if (expected === undefined) expect(refused).to.equal(undefined);
      else expect(refused).to.match(expected);
    });
  }
});
