import type { Progress } from '../progress.js';
import type { StartLiveApplication } from './live-application.js';

/** What a step gets from outside, beside its own options. */
export interface StepContext {
  readonly seed: number;
  readonly nowMs: () => number;
  readonly progress: Progress;
  /** Memory of the process that runs it. */
  readonly memoryBytes: () => number;
  /** undefined where there is none to be driven. */
  readonly startApplication?: StartLiveApplication | undefined;
}

/** The smallest piece of work whose result is kept: a simulated world, a data set, a model of one size. */
export interface Step<R = unknown> {
  /** Unique, and good as a file's path: `worlds/chain`. Experiments that need the same step name the same. */
  readonly id: string;
  /** All that decides the result beside seed and code, as JSON. */
  readonly options: object;
  /** Folders of further packages that decide the result: what `startApplication` starts is not this package's. */
  readonly packages?: readonly string[];
  /** Measures time or memory: nothing else may run beside it. */
  readonly alone?: boolean;
  /** The result must survive JSON. Throws a DataError or a FitError for what cannot be measured. */
  run(context: StepContext): Promise<R>;
}

/** A step's result, and how it came to be: what is written to a file and not made again. */
export interface StepRecord<R = unknown> {
  readonly id: string;
  readonly seed: number;
  readonly options: object;
  readonly versions: Versions;
  readonly startedAt: string;
  readonly seconds: number;
  readonly result: R;
}

/** What else decides a result. Where any of it has changed, a step is run again. */
export interface Versions {
  readonly sage: string;
  /** SHA-256 over all compiled code that a step runs, and over the built-in topologies. */
  readonly code: string;
  readonly node: string;
  readonly backend: string;
  readonly platform: string;
}
