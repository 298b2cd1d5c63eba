import type { Resource } from './telemetry.js';

export type Verdict = 'culprits' | 'workload' | 'undetermined' | 'no-violation';

/** Why a service, or a resource of it, is or is not to blame. Times are of the objective's percentile. */
export interface Candidate {
  readonly service: string;
  /** undefined: the whole service (level 1). */
  readonly resource: Resource | undefined;
  /** Largest robust |z| of the candidate's own mechanism: its metrics, or its latency given its callees'. */
  readonly anomaly: number;
  /** Median end-to-end latency had this candidate alone behaved normally. */
  readonly counterfactualMs: number;
  /** P(objective holds | do(this candidate alone normal)). */
  readonly probability: number;
  /** What was measured that speaks for it, most telling first. */
  readonly evidence: readonly Evidence[];
}

/** One measurement beside what was normal at the present load. */
export interface Evidence {
  /** A feature's or latency node's name; `replica|<name>[|<feature>]` of one replica, beside the others at present. */
  readonly name: string;
  readonly unit: string;
  readonly observed: number;
  readonly expected: number;
  readonly z: number;
}

export interface Culprit {
  readonly service: string;
  readonly resource: Resource;
  /** The one replica that is bad while the others of the service behave; absent where it is the whole service. */
  readonly replica?: string;
  /**
   * P(objective holds | do(this resource of this service, and the other culprits, normal)) · P(what broke it is not over by
   * itself) · how far it is believed to have a part of its own beside a culprit with a larger one.
   */
  readonly probability: number;
  /** Its part of the excess latency, 0..1; the culprits' shares sum to at most 1. */
  readonly share: number;
  /** How much end-to-end latency falls when it alone is restored. */
  readonly effectMs: number;
  readonly evidence: readonly Evidence[];
}

/** A service that looked slow and was not the cause. */
export interface Victim {
  readonly service: string;
  readonly operation: string;
  readonly observedMs: number;
  readonly normalMs: number;
}

export interface Diagnosis {
  readonly objective: string;
  readonly verdict: Verdict;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly observedMs: number | undefined;
  readonly thresholdMs: number;
  readonly culprits: readonly Culprit[];
  /** Level 1: every service considered, most likely first. */
  readonly services: readonly Candidate[];
  /** Level 2: the resources of each culprit, or where there is none of the most suspect, most likely first. */
  readonly resources: readonly Candidate[];
  readonly victims: readonly Victim[];
  /** In plain words: why the verdict is what it is. */
  readonly reason: string;
}
