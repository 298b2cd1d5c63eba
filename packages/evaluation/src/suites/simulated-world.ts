import { createRng, nearest, type Window } from '@sage/core';
import { MIN_WINDOWS } from '@sage/gvae';
import {
  type Fault,
  type FaultCase,
  type FaultKind,
  loadTopology,
  planDisturbances,
  planFaults,
  TOPOLOGY_NAMES,
  type Topology,
  TopologyError,
  truthOf,
} from '@sage/simulator';
import { DataError } from '../observed.js';

/** Kinds of faults as the command line has them, and what each is in the simulator: those take turns. */
const KINDS: Readonly<Record<string, readonly FaultKind[]>> = {
  cpu: ['cpu'],
  memory: ['memory'],
  disk: ['disk'],
  network: ['network-delay', 'network-loss', 'network-bandwidth'],
  llc: ['llc'],
  bug: ['lock', 'pool', 'leak'],
  workload: ['surge'],
  decoy: ['decoy'],
  replica: ['bad-replica'],
};

export const SIMULATED_KINDS: readonly string[] = Object.keys(KINDS);

/** Before anything is learnt: counters need two scrapes, and the application its connections. */
const WARM_UP_MS = 60_000;
/** Calm windows after the training: so many at least, or this share of the training's. */
const LEAST_CALM_WINDOWS = 40;
const CALM_SHARE = 1 / 8;
/** Faults begin and end in the middle of a window: two windows lie wholly inside, four wholly between. */
const FAULT_WINDOWS = 3;
const GAP_WINDOWS = 5;
/** Disturbances of the training's time: their share of it, and how long one lasts in the mean. */
const DISTURBED_SHARE = 0.1;
const DISTURBANCE_WINDOWS = 1.5;
/** Windows after a disturbance in which the application recovers. */
const RECOVERY_WINDOWS = 1;
/** After the last fault: the window in which it ends, and what the collector waits for late spans. */
const LATENESS_MS = 10_000;

export interface WorldOptions {
  readonly seed: number;
  /** Name or file. */
  readonly topology: string;
  readonly faults: number;
  readonly trainWindows: number;
  readonly windowSeconds: number;
  /** Of `SIMULATED_KINDS`. Default: all that the topology can have. */
  readonly kinds?: readonly string[] | undefined;
  /** Faults at a time. */
  readonly concurrent: number;
  readonly replicas: number;
  /** Nothing disturbs the training. */
  readonly calmTraining: boolean;
}

/** What is simulated and when; times from the simulation's midnight. */
export interface Plan {
  readonly topology: Topology;
  readonly windowMs: number;
  readonly startMs: number;
  readonly trainStartMs: number;
  readonly trainEndMs: number;
  /** The first gap begins; between the training and it nothing is wrong. */
  readonly calmEndMs: number;
  readonly endMs: number;
  /** What happens during the training, as it does to any deployment; nobody is told of it. */
  readonly disturbances: readonly Fault[];
  readonly cases: readonly FaultCase[];
  /** Kinds asked for that no case is of. */
  readonly leftOut: readonly FaultKind[];
}

/** Lays out a whole run, from midnight on. Throws a DataError for what cannot be simulated. */
export function planRun(options: WorldOptions): Plan {
  return planTopology(topologyOf(options.topology), options, 0);
}

/** As `planRun`, of an application however it came to be, from a time on at which a window begins. */
export function planTopology(
  topology: Topology,
  options: Omit<WorldOptions, 'topology'>,
  startMs: number,
): Plan {
  const { faults, trainWindows, windowSeconds, concurrent, replicas, calmTraining, seed } = options;
  if (!(trainWindows >= MIN_WINDOWS)) {
    throw new DataError(`training takes at least ${MIN_WINDOWS} windows, not ${trainWindows}`);
  }
  const kinds = faultKindsOf(options.kinds ?? SIMULATED_KINDS);
  const windowMs = 1000 * windowSeconds;
  const trainStartMs = startMs + windowMs * Math.ceil(WARM_UP_MS / windowMs);
  const trainEndMs = trainStartMs + windowMs * trainWindows;
  const calmEndMs =
    trainEndMs + windowMs * Math.max(LEAST_CALM_WINDOWS, Math.round(CALM_SHARE * trainWindows));
  try {
    const cases = planFaults(topology, {
      count: faults,
      kinds,
      concurrent,
      startMs: calmEndMs - windowMs / 2,
      gapMs: GAP_WINDOWS * windowMs,
      durationMs: FAULT_WINDOWS * windowMs,
      replicas,
      rng: createRng(seed).fork('fault plan'),
    });
    const endMs = (cases.at(-1)?.endMs ?? calmEndMs) + windowMs + LATENESS_MS;
    const disturbances = calmTraining
      ? []
      : planDisturbances(topology, {
          startMs: trainStartMs,
          endMs: trainEndMs - RECOVERY_WINDOWS * windowMs,
          meanMs: DISTURBANCE_WINDOWS * windowMs,
          share: DISTURBED_SHARE,
          rng: createRng(seed).fork('disturbances'),
        });
    const planned = new Set(cases.flatMap((item) => item.faults.map(({ kind }) => kind)));
    const leftOut = kinds.filter((kind) => !planned.has(kind));
    return {
      topology,
      windowMs,
      startMs,
      trainStartMs,
      trainEndMs,
      calmEndMs,
      endMs,
      disturbances,
      cases,
      leftOut,
    };
  } catch (error) {
    throw error instanceof RangeError ? new DataError(error.message) : error;
  }
}

/**
 * One of a case's faults by itself at its time, and on to `untilMs` at least, the application warmed up before and otherwise
 * undisturbed.
 */
export function planAlone(
  plan: Plan,
  { item, fault, untilMs }: { readonly item: FaultCase; readonly fault: Fault; readonly untilMs: number },
): Plan {
  const period = { startMs: item.startMs, endMs: Math.max(item.endMs, untilMs) + plan.windowMs };
  return planCases(plan, [{ ...item, faults: [fault], truths: truthOf(fault) }], period);
}

/** Cases in a time of their own, all of whose windows are given out: the application is warmed up before it. */
export function planCases(
  plan: Plan,
  cases: readonly FaultCase[],
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): Plan {
  const { windowMs } = plan;
  const calmEndMs = windowMs * Math.floor(startMs / windowMs);
  return {
    ...plan,
    startMs: calmEndMs - windowMs * Math.ceil(WARM_UP_MS / windowMs),
    trainStartMs: calmEndMs,
    trainEndMs: calmEndMs,
    calmEndMs,
    endMs: endMs + LATENESS_MS,
    disturbances: [],
    cases,
  };
}

/** Whether nothing happens in a window of before the faults, nor shortly before it. */
export function isUndisturbed(
  { startMs, endMs }: Pick<Window, 'startMs' | 'endMs'>,
  { disturbances, windowMs }: Pick<Plan, 'disturbances' | 'windowMs'>,
): boolean {
  return disturbances.every(
    (disturbance) =>
      disturbance.startMs >= endMs || disturbance.endMs + RECOVERY_WINDOWS * windowMs <= startMs,
  );
}

/** A topology by name or file. Throws a DataError that names the nearest where there is none. */
export function topologyOf(name: string): Topology {
  try {
    return loadTopology(name);
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error;
    const near = nearest(name, TOPOLOGY_NAMES);
    throw new DataError(`${error.message}${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
}

function faultKindsOf(names: readonly string[]): readonly FaultKind[] {
  return [...new Set(names)].flatMap((name) => {
    if (Object.hasOwn(KINDS, name)) return KINDS[name] ?? [];
    const near = nearest(name, SIMULATED_KINDS);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    throw new DataError(
      `there is no kind of fault '${name}'; those are ${SIMULATED_KINDS.join(', ')}${hint}`,
    );
  });
}
