import { availableParallelism } from 'node:os';
import { createRng, type Outcome, quantile, shuffled } from '@sage/core';
import { DataError } from '../observed.js';
import type { Sizes } from './experiment.js';
import type { LiveApplication, Stretch, StretchOptions, TracedBy } from './live-application.js';
import type { StepContext } from './step.js';

export type OverheadSizes = Sizes['overhead'];

/** One stretch of load on the application in one condition. */
export interface Drive {
  readonly round: number;
  /** null: not instrumented. */
  readonly tracedBy: TracedBy | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly throughputPerSecond: number;
  /** At the rate at which latency is measured. */
  readonly cpuMsPerRequest: number;
  readonly receiverCpuMsPerRequest: number;
  /** Answered in the time measured, which the quantiles are of. */
  readonly answered: number;
  readonly requests: number;
  readonly failed: number;
}

export interface OverheadResult {
  /** At which latency is measured. */
  readonly requestsPerSecond: number;
  /** That application, client and receiver share. */
  readonly processors: number;
  readonly drives: readonly Drive[];
}

/** Latency is measured at this share of what the application does at most: busy, but queues are no more than short. */
const MODERATE = 0.5;

/** Not instrumented; traced by Sage; traced by a receiver that drops, which tells what tracing alone takes. */
export function conditionsOf(sizes: OverheadSizes): readonly (TracedBy | undefined)[] {
  return [
    undefined,
    ...sizes.attachedSamplings.map((sampling): TracedBy => ({ sampling, receiver: 'sage' })),
    ...sizes.droppedSamplings.map((sampling): TracedBy => ({ sampling, receiver: 'sink' })),
  ];
}

/**
 * Drives the application in every condition once a round, in an order drawn for each round: what changes on the machine
 * meanwhile, and code that compilers go on improving, meets all conditions alike. Throws a DataError where the application
 * does not run here.
 */
export async function measureOverhead(
  sizes: OverheadSizes,
  { seed, nowMs, progress, startApplication }: StepContext,
): Promise<OverheadResult> {
  if (startApplication === undefined) throw new DataError('there is no application here to be driven');
  const application = unwrap(await startApplication({ seed, nowMs }));
  try {
    const rng = createRng(seed).fork('overhead');
    const requestsPerSecond = MODERATE * (await warmUp(application, sizes, seed));
    const conditions = conditionsOf(sizes);
    const drives: Drive[] = [];
    for (let round = 0; round < sizes.rounds; round++) {
      // The same arrivals for all conditions of a round.
      const options = { ...stretchOf(sizes), seed: rng.integer(2 ** 31), requestsPerSecond };
      for (const tracedBy of shuffled(conditions, rng)) {
        progress(drives.length / (sizes.rounds * conditions.length), `round ${round + 1}`);
        drives.push(driveOf(round, tracedBy, unwrap(await application.drive(tracedBy, options))));
      }
    }
    return { requestsPerSecond, processors: availableParallelism(), drives };
  } finally {
    await application.close();
  }
}

/** Both under full load until their code is compiled; what the one that is not instrumented then does at most, per second. */
async function warmUp(application: LiveApplication, sizes: OverheadSizes, seed: number): Promise<number> {
  const options = { ...stretchOf(sizes), seed, requestsPerSecond: 1, openSeconds: 0 };
  const first = { ...options, closedSeconds: sizes.startSeconds };
  unwrap(await application.drive(undefined, first));
  for (const receiver of ['sink', 'sage'] as const) {
    const half = { ...first, closedSeconds: sizes.startSeconds / 2 };
    unwrap(await application.drive({ sampling: 0.5, receiver }, half));
  }
  return unwrap(await application.drive(undefined, options)).throughputPerSecond;
}

function stretchOf({
  openSeconds,
  closedSeconds,
  warmUpSeconds,
  connections,
}: OverheadSizes): Omit<StretchOptions, 'seed' | 'requestsPerSecond'> {
  return { openSeconds, closedSeconds, warmUpSeconds, connections };
}

function driveOf(round: number, tracedBy: TracedBy | undefined, stretch: Stretch): Drive {
  const { latenciesMs, throughputPerSecond, cpuMs, receiverCpuMs, requests, failed } = stretch;
  const answered = latenciesMs.length;
  if (answered === 0 || !(throughputPerSecond > 0)) {
    throw new DataError(`the application answered none of ${requests} requests`);
  }
  return {
    ...{ round, tracedBy: tracedBy ?? null },
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    throughputPerSecond,
    cpuMsPerRequest: cpuMs / answered,
    receiverCpuMsPerRequest: receiverCpuMs / answered,
    ...{ answered, requests, failed },
  };
}

function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new DataError(`the application cannot be driven here: ${outcome.message}`);
  return outcome.value;
}
