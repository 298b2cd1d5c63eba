import type { Action, Instance, Outcome, ScaleState, TargetState } from '@sage/core';

/** The targets on one host, as its node agent would tell of them. */
export interface ControlledNode {
  readonly node: string;
  readonly targets: readonly TargetState[];
}

/** What the application may use now, over all replicas in rotation, and who is held back for it. */
export interface Allocation {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly replicas: number;
  /** Programs that are not the application's and may not take what they would. */
  readonly limitedPrograms: number;
}

/** Why an action was not taken. */
export type ControlFailure = 'unknown-target' | 'unsupported';

/**
 * What an operator's node agents and orchestrator read and turn in a running simulation, between two batches. What follows
 * of it comes of the mechanism: a quota lets more bursts through, a program that is held back leaves the cores, the disk or
 * the cache to others, a wider link sends faster, one more replica takes its turn. There is nothing to turn for locks,
 * leaks and lost packets, and knobs only ever give: none takes away what is there without it.
 */
export interface Controls {
  /** Rates are of the time since the last reading. */
  read(): readonly ControlledNode[];
  instances(): readonly Instance[];
  /** Undefined for a service that is not there. */
  scaleState(service: string): ScaleState | undefined;
  /** Turns a knob of a target on a node, or the number of replicas, until the same id is released. */
  apply(id: string, node: string, action: Action): Outcome<void, ControlFailure>;
  /** Undoes it; what was never applied is left as it is. */
  release(id: string): void;
  allocation(): Allocation;
}
