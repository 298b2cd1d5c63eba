import type { Instance, Outcome, ScaleState } from '@sage/core';

export type ScaleFailure =
  | 'not-found'
  | 'not-allowed'
  | 'out-of-bounds'
  | 'conflict'
  | 'throttled'
  | 'unauthorized'
  | 'unreachable'
  | 'unsupported';

/** Where things run, and how many of them. */
export interface Orchestrator {
  /** `kubernetes`, `swarm`, `static`. */
  readonly name: string;
  /** Latest known. */
  instances(): readonly Instance[];
  scaleState(service: string): Promise<Outcome<ScaleState, ScaleFailure>>;
  scale(service: string, replicas: number): Promise<Outcome<ScaleState, ScaleFailure>>;
  close(): Promise<void>;
}
