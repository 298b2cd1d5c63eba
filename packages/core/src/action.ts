import type { Resource } from './telemetry.js';

/**
 * A change to one knob of one target, with the value it shall have. Agents keep it until its lease ends or it is
 * released, and then undo it. Exactly the knobs of the ladder (reference, section 4) that one node can turn.
 */
export type Action =
  | { readonly kind: 'cpu-quota'; readonly target: string; readonly cores: number }
  | { readonly kind: 'cpu-frequency'; readonly target: string; readonly minKhz: number }
  | { readonly kind: 'limit-corunner'; readonly target: string; readonly pids: readonly number[] }
  | { readonly kind: 'llc-ways'; readonly target: string; readonly ways: number }
  | { readonly kind: 'link-rate'; readonly target: string; readonly mbitPerSecond: number }
  | { readonly kind: 'link-delay'; readonly target: string; readonly delayMs: number }
  | { readonly kind: 'pool-size'; readonly target: string; readonly pool: string; readonly size: number };

export type ActionKind = Action['kind'];

/** A process that shares the target's processor and is not part of it. */
export interface CoRunner {
  readonly pid: number;
  readonly command: string;
  readonly cpuCores: number;
}

/** What an agent knows of a target and can do to it; a knob that is absent cannot be turned there. */
export interface TargetState {
  readonly target: string;
  readonly cpuQuotaCores?: { readonly current: number | undefined; readonly max: number };
  readonly cpuThrottledRatio?: number;
  readonly cpuFrequencyKhz?: { readonly currentMin: number; readonly max: number };
  readonly llcWays?: { readonly current: number; readonly max: number };
  /** Only those that the agent's allow-list lets it limit. */
  readonly coRunners?: readonly CoRunner[];
  readonly linkMbitPerSecond?: { readonly current: number; readonly max: number };
  readonly linkDelayMs?: { readonly current: number; readonly nominal: number };
  readonly pools?: readonly {
    readonly pool: string;
    readonly size: number;
    readonly pending: number;
    readonly max: number;
  }[];
}

export interface PlannedAction {
  readonly node: string;
  readonly action: Action;
  /** What it is for, in words. */
  readonly reason: string;
}

export interface ActionPlan {
  readonly objective: string;
  readonly service: string;
  readonly resource: Resource;
  readonly actions: readonly PlannedAction[];
  /** What a person should do, where nothing can be done by itself or nothing may be. */
  readonly recommendations: readonly string[];
}

export type ActionStatus = 'applied' | 'unchanged' | 'dry-run' | 'refused' | 'failed' | 'released';

export interface ActionOutcome {
  readonly id: string;
  readonly action: Action;
  readonly status: ActionStatus;
  readonly message: string;
  /** The writes made or, in a dry run, that would be made. */
  readonly writes: readonly string[];
  readonly leaseEndsMs: number | undefined;
}
