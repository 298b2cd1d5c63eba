import type { Instance, Logger, Outcome, Rng, ScaleBounds, ScaleState } from '@sage/core';

/**
 * Why a service cannot be scaled, or how far it is cannot be told.
 *
 * | reason | meaning |
 * |---|---|
 * | `not-found` | no such service, or what runs it is gone |
 * | `not-allowed` | the configuration, an autoscaler or an admission rule says no |
 * | `out-of-bounds` | below `min` or above `max`, those of the configuration or of the autoscaler |
 * | `conflict` | somebody else changed it at the same time |
 * | `throttled` | the orchestrator asks for fewer requests, for longer than is worth waiting |
 * | `unauthorized` | the credentials are not accepted, or may not do it: the message names what to grant |
 * | `unreachable` | no answer, or none that makes sense |
 * | `unsupported` | what runs the service has no number of replicas, or it is not clear what runs it |
 */
export type ScaleFailure =
  | 'not-found'
  | 'not-allowed'
  | 'out-of-bounds'
  | 'conflict'
  | 'throttled'
  | 'unauthorized'
  | 'unreachable'
  | 'unsupported';

/** Knows where services run, and changes how many of them run. */
export interface Orchestrator {
  /** `kubernetes`, `swarm` or `static`. */
  readonly name: string;
  /** The latest known; empty until the first answer. What is not placed on a node yet, or ends, is not among them. */
  instances(): readonly Instance[];
  scaleState(service: string): Promise<Outcome<ScaleState, ScaleFailure>>;
  /** The same number twice writes once. Answers how it stands then; replicas that were asked for start afterwards. */
  scale(service: string, replicas: number): Promise<Outcome<ScaleState, ScaleFailure>>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

export interface OrchestratorDeps {
  readonly logger: Logger;
  /** For the jitter of pauses. */
  readonly rng: Rng;
  /** undefined: it may not be scaled. Asked each time, so that a configuration that is read again counts at once. */
  readonly bounds: (service: string) => ScaleBounds | undefined;
  /** First pause before something is tried again, ms; it doubles up to 60 times this. Default 500. */
  readonly retryMs?: number;
}
