import { type Objective, readObjective, type Window } from '@sage/core';
import type { Allocation, FaultCase } from '@sage/simulator';
import { worstOf } from '../suites/simulated-objectives.js';
import type { ClosedLoop, PolicyRun } from './closed-loop.js';
import type { Deed } from './operator.js';

/** How an episode went under a policy; undefined where it broke no objective. */
export interface Recovery {
  readonly episode: string;
  /** Sampling intervals from the first that broke an objective to the first of two in a row that keep all of them. */
  readonly intervals: number;
  /** …and that was before the fault ended by itself. */
  readonly beforeItsEnd: boolean;
}

/** What a policy came to, over the same time and the same faults. */
export interface PolicyFigures {
  readonly policy: string;
  /** Of each window, the objective that is worst: latency over what is promised, above 1 broken; 0 without requests. */
  readonly ratios: readonly number[];
  readonly violationMinutes: number;
  /** Of the episodes that break an objective under it. */
  readonly recoveries: readonly Recovery[];
  /** Beyond what is deployed, over the whole time. */
  readonly addedCoreMinutes: number;
  readonly addedReplicaMinutes: number;
  readonly addedGigabyteMinutes: number;
  /** Of programs that are not the application's and were held back. */
  readonly heldBackMinutes: number;
  /** Cores added, of those deployed. */
  readonly addedCoresShare: number;
  /** Knobs turned for a policy's own reasons: neither back nor again. */
  readonly actions: number;
  /** …at services that had no fault, nor had had one two sampling intervals before. */
  readonly misdirected: number;
  readonly deeds: readonly Deed[];
}

export interface EpisodeTold {
  readonly id: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly faults: readonly { readonly kind: string; readonly service: string; readonly resource: string }[];
}

/** As JSON: what the report is made of. */
export interface ClosedLoopFigures {
  readonly startMs: number;
  readonly windowSeconds: number;
  readonly objectives: readonly Objective[];
  readonly episodes: readonly EpisodeTold[];
  readonly policies: readonly PolicyFigures[];
}

/** A diagnosis is of the window before, which came in late: so long after a fault it may still be meant. */
const GRACE_WINDOWS = 2;
const CLEAN_WINDOWS = 2;
const GB = 1e9;

export function figuresOf(
  { objectives, startMs, episodes, runs }: ClosedLoop,
  windowSeconds: number,
): ClosedLoopFigures {
  return {
    startMs,
    windowSeconds,
    objectives,
    episodes: episodes.map(({ id, startMs: fromMs, endMs, faults, truths }) => ({
      id,
      startMs: fromMs,
      endMs,
      faults: faults.map(({ kind, service }) => ({
        kind,
        service,
        resource: truths.find((truth) => truth.service === service)?.resource ?? '',
      })),
    })),
    policies: runs.map((run) =>
      policyFigures(run, { objectives, episodes, windowSeconds, untouched: runs[0]?.allocations ?? [] }),
    ),
  };
}

interface Scored {
  /** What there is where nobody acts, window by window: faults change limits, too. */
  readonly untouched: readonly Allocation[];
  readonly objectives: readonly Objective[];
  readonly episodes: readonly FaultCase[];
  readonly windowSeconds: number;
}

function policyFigures(run: PolicyRun, scored: Scored): PolicyFigures {
  const { policy, windows, allocations, deeds } = run;
  const { objectives, episodes, windowSeconds, untouched } = scored;
  const windowMinutes = windowSeconds / 60;
  const broken = windows.map((window) => isBroken(window, objectives));
  const sum = (of: (allocation: Allocation) => number, all: readonly Allocation[]) =>
    windowMinutes * all.reduce((total, each) => total + of(each), 0);
  const added = (of: (allocation: Allocation) => number) => sum(of, allocations) - sum(of, untouched);
  const addedCoreMinutes = added(({ cores }) => cores);
  const done = deeds.filter(({ what }) => what === 'done');
  return {
    policy,
    ratios: windows.map((window) => worstOf(window, objectives).ratio),
    violationMinutes: windowMinutes * broken.filter(Boolean).length,
    recoveries: episodes.flatMap((episode, index) => {
      const untilMs = episodes[index + 1]?.startMs ?? Number.POSITIVE_INFINITY;
      return recoveryOf(episode, untilMs, { windows, broken }) ?? [];
    }),
    addedCoreMinutes,
    addedReplicaMinutes: added(({ replicas }) => replicas),
    addedGigabyteMinutes: added(({ memoryBytes }) => memoryBytes) / GB,
    heldBackMinutes: added(({ limitedPrograms }) => limitedPrograms),
    addedCoresShare: addedCoreMinutes / sum(({ cores }) => cores, untouched),
    actions: done.length,
    misdirected: done.filter((deed) => !isMeant(deed, scored)).length,
    deeds,
  };
}

function isBroken(window: Window, objectives: readonly Objective[]): boolean {
  return objectives.some((objective) => readObjective(objective, window).broken);
}

/** `broken`: of each window. Undefined where the episode broke nothing before the next one began. */
export function recoveryOf(
  { id, startMs, endMs }: Pick<FaultCase, 'id' | 'startMs' | 'endMs'>,
  untilMs: number,
  {
    windows,
    broken,
  }: { readonly windows: readonly Pick<Window, 'startMs' | 'endMs'>[]; readonly broken: readonly boolean[] },
): Recovery | undefined {
  const first = windows.findIndex(
    (window, index) => broken[index] && window.endMs > startMs && window.startMs < endMs,
  );
  if (first < 0) return undefined;
  const last = windows.findLastIndex((window) => window.startMs < untilMs);
  let recovered = first + 1;
  const isClean = (index: number) => broken.slice(index, index + CLEAN_WINDOWS).every((each) => !each);
  while (recovered <= last && !isClean(recovered)) recovered++;
  const at = windows[recovered];
  return {
    episode: id,
    intervals: recovered - first,
    beforeItsEnd: at !== undefined && recovered <= last && at.endMs <= endMs,
  };
}

function isMeant({ atMs, service }: Deed, { episodes, windowSeconds }: Scored): boolean {
  return episodes.some(
    ({ startMs, endMs, truths }) =>
      startMs <= atMs &&
      atMs <= endMs + GRACE_WINDOWS * windowSeconds * 1000 &&
      truths.some((truth) => truth.service === service),
  );
}
