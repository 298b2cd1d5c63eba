import { createHash } from 'node:crypto';
import { failure, type Outcome, success } from '@sage/core';
import { FitError } from '@sage/gvae';
import { type EvaluationResult, evaluate, prepare } from '../evaluate.js';
import { METHODS } from '../methods/index.js';
import { DataError, type Suite } from '../observed.js';
import type { CaseResult } from '../scoring.js';
import { type SimulatedOptions, simulatedSuite } from '../suites/simulated.js';
import type { Sizes } from './experiment.js';
import { type Reconstruction, reconstruct } from './reconstruct.js';
import type { Step, StepContext } from './step.js';

/** A simulated application: what is simulated beside the seed. */
export type World = Omit<SimulatedOptions, keyof StepContext>;

/** All that is measured of a suite, so that nothing is simulated or learnt twice. */
export interface SuiteResult {
  readonly methods: readonly EvaluationResult[];
  /** Held-out R² as the training measured it, mean of its trainings. */
  readonly heldOutR2: number;
  readonly foretoldR2: number;
  readonly trainSeconds: number;
  readonly reconstruction: Reconstruction;
}

/** `unmeasurable`: too little was seen to promise or to learn anything, which is a finding, too. */
export type WorldResult = Outcome<SuiteResult, 'unmeasurable'>;

/** Of each answer so many are kept beside those that were blamed. */
const RANKED_KEPT = 5;

/** One world, and every method asked about it. The same world is the same step, whoever needs it. */
export function worldStep(world: World): Step<WorldResult> {
  return {
    id: `worlds/${nameOf(world)}`,
    options: world,
    run: async (context) => {
      try {
        const suite = await simulatedSuite({ ...world, ...context });
        return success(await measureSuite(suite, context));
      } catch (error) {
        if (!(error instanceof DataError || error instanceof FitError)) throw error;
        return failure('unmeasurable', error.message);
      }
    },
  };
}

/** The world that the main figure is about; the others differ from it by `change`. */
export function usualWorld(sizes: Sizes, topology: string, change: Partial<World> = {}): World {
  const { trainWindows, windowSeconds, faults, calibrationFaults, requestsPerSecond, sampling } = sizes;
  return {
    topology,
    trainWindows,
    windowSeconds,
    faults,
    calibrationFaults,
    requestsPerSecond,
    sampling,
    uninstrumented: 0,
    concurrent: 1,
    replicas: 1,
    calmTraining: false,
    ...change,
  };
}

/** Asks every method about every case, but those that need what the suite does not have. */
export async function measureSuite(suite: Suite, context: StepContext): Promise<SuiteResult> {
  const methods: EvaluationResult[] = [];
  for (const candidate of METHODS) {
    const method = await prepare(suite, candidate, context);
    if (method === undefined) continue;
    const result = await evaluate(suite, method, context);
    methods.push({ ...result, cases: withoutTail(result.cases) });
  }
  const { trainings } = suite;
  return {
    methods,
    heldOutR2: trainings.reduce((sum, { r2 }) => sum + r2, 0) / trainings.length,
    foretoldR2: trainings.reduce((sum, { foretoldR2 }) => sum + foretoldR2, 0) / trainings.length,
    trainSeconds: trainings.reduce((sum, { seconds }) => sum + seconds, 0),
    reconstruction: reconstruct(suite.cases),
  };
}

/** Of each answer the blamed, and some who were ranked below: what is kept of it in a file. */
export function withoutTail(cases: readonly CaseResult[]): readonly CaseResult[] {
  return cases.map((item) => ({
    ...item,
    ranked: item.ranked.slice(0, Math.max(RANKED_KEPT, item.blamed)),
  }));
}

/** The application's name for people, and a digest of the rest. */
function nameOf({ topology, ...rest }: World): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([topology, rest]))
    .digest('hex')
    .slice(0, 8);
  return `${shortName(topology)}-${digest}`;
}

/** An application's name, of a file without folder and ending. */
export function shortName(topology: string): string {
  return topology.replace(/^.*\//, '').replace(/\.json$/, '');
}
