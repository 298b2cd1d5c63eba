import type { ClosedLoopWorld } from '../closed-loop/closed-loop.js';
import type { Section } from '../report/section.js';
import type { Version } from './rollout-versions.js';
import type { Step, StepRecord } from './step.js';

/** How much is measured. All of it is written beside the results. */
export interface Sizes {
  readonly name: string;
  readonly topologies: readonly string[];
  /** Time learnt from, in windows of `windowSeconds`. */
  readonly trainWindows: number;
  readonly windowSeconds: number;
  readonly faults: number;
  /** Of the labelled run that compared systems are calibrated on; 0: those that need one are left out. */
  readonly calibrationFaults: number;
  readonly requestsPerSecond: number;
  readonly sampling: number;
  /** Shares of services without metrics, and the applications in which they are tried. */
  readonly uninstrumented: { readonly topologies: readonly string[]; readonly shares: readonly number[] };
  /** An application that is acted on: so many times a fault, with calm around it. */
  readonly closedLoop: Pick<
    ClosedLoopWorld,
    'topology' | 'calibrationFaults' | 'episodes' | 'calmWindows' | 'faultWindows'
  >;
  /** What is varied one at a time. */
  readonly sensitivity: {
    readonly topology: string;
    readonly windowSeconds: readonly number[];
    readonly trainWindows: readonly number[];
    /** The same requests and faults, of which more and less is traced. */
    readonly sampling: {
      readonly topology: string;
      readonly trainWindows: number;
      readonly faults: number;
      /** Enough that a hundredth of it is not yet nothing. */
      readonly requestsPerSecond: number;
      readonly shares: readonly number[];
    };
  };
  /** An application that changes; the time before its first roll-out is `trainWindows`. */
  readonly rollouts: {
    readonly topology: string;
    readonly versions: readonly Version[];
    /** So many windows after a roll-out every policy makes a model of them; ascending. */
    readonly windows: readonly number[];
    /** Of each version. */
    readonly faults: number;
  };
  readonly scale: {
    readonly services: readonly number[];
    readonly windows: number;
    readonly epochs: number;
    readonly questions: number;
  };
  /** The live application, driven in every condition once a round. */
  readonly overhead: {
    readonly rounds: number;
    /** Full load before the first round, for each of its two kinds. */
    readonly startSeconds: number;
    readonly warmUpSeconds: number;
    readonly openSeconds: number;
    readonly closedSeconds: number;
    readonly connections: number;
    /** Shares of requests that are traced, by Sage and by a receiver that drops. */
    readonly attachedSamplings: readonly number[];
    readonly droppedSamplings: readonly number[];
  };
}

/** Folders of recorded faults; undefined where none was given. */
export interface DataFolders {
  readonly petshop?: string | undefined;
  readonly nezha?: string | undefined;
  readonly hotel?: string | undefined;
}

/** One figure or table of the report. */
export interface Experiment<R = unknown> {
  readonly id: string;
  readonly title: string;
  /** What has to be measured for it. */
  steps(sizes: Sizes, data: DataFolders): readonly Step<R>[];
  /** What of that is said; only of what has been measured. `rng` of intervals is drawn from the seed. */
  section(records: readonly StepRecord<R>[], context: SectionContext): Section;
}

export interface SectionContext {
  readonly seed: number;
  readonly sizes: Sizes;
  readonly data: DataFolders;
}
