import type { Resource } from './telemetry.js';

/** What neighbours of a target take from it. */
export type SharedResource = 'cpu' | 'llc' | 'memory-bandwidth' | 'disk' | 'network';

/** Seen from the target. */
export type LinkDirection = 'egress' | 'ingress';

/**
 * A change to one knob of one target, with the value it shall have. Agents keep it until its lease ends or it is
 * released, and then undo it. Exactly the knobs of the ladder (reference, section 4) that one node can turn.
 */
export type NodeAction =
  | { readonly kind: 'cpu-quota'; readonly target: string; readonly cores: number }
  /** Weight as cgroup v2 has it: 1 to 10000, usually 100. Agents of cgroup v1 convert it to shares. */
  | { readonly kind: 'cpu-weight'; readonly target: string; readonly weight: number }
  | { readonly kind: 'cpu-set'; readonly target: string; readonly cpus: readonly number[] }
  | { readonly kind: 'cpu-frequency'; readonly target: string; readonly minKhz: number }
  | { readonly kind: 'memory-limit'; readonly target: string; readonly bytes: number }
  /** Weight as cgroup v2 has it: 1 to 10000, usually 100. */
  | { readonly kind: 'disk-weight'; readonly target: string; readonly weight: number }
  /** `of` absent: the processor. */
  | {
      readonly kind: 'limit-corunner';
      readonly target: string;
      readonly pids: readonly number[];
      readonly of?: SharedResource;
    }
  | { readonly kind: 'llc-ways'; readonly target: string; readonly ways: number }
  /** In the unit that the target's state has it in. */
  | { readonly kind: 'memory-bandwidth'; readonly target: string; readonly value: number }
  /** `direction` absent: egress. */
  | {
      readonly kind: 'link-rate';
      readonly target: string;
      readonly mbitPerSecond: number;
      readonly direction?: LinkDirection;
    }
  | { readonly kind: 'link-delay'; readonly target: string; readonly delayMs: number }
  | { readonly kind: 'pool-size'; readonly target: string; readonly pool: string; readonly size: number };

/** How many replicas of a service the orchestrator keeps; `target` is the service. */
export interface ScaleAction {
  readonly kind: 'scale';
  readonly target: string;
  readonly replicas: number;
}

export type Action = NodeAction | ScaleAction;

export type ActionKind = Action['kind'];

/** A record, so that the compiler misses a kind that is added elsewhere. */
const KINDS: Readonly<Record<ActionKind, true>> = {
  'cpu-quota': true,
  'cpu-weight': true,
  'cpu-set': true,
  'cpu-frequency': true,
  'memory-limit': true,
  'disk-weight': true,
  'limit-corunner': true,
  'llc-ways': true,
  'memory-bandwidth': true,
  'link-rate': true,
  'link-delay': true,
  'pool-size': true,
  scale: true,
};

export const ACTION_KINDS = Object.keys(KINDS) as readonly ActionKind[];

/** A process that shares a resource with the target and is not part of it. What is not measured is absent. */
export interface CoRunner {
  readonly pid: number;
  readonly command: string;
  readonly cpuCores: number;
  readonly diskBytesPerSecond?: number;
  readonly llcBytes?: number;
  readonly memoryBytesPerSecond?: number;
  readonly networkBytesPerSecond?: number;
}

export interface Reach {
  readonly current: number;
  readonly max: number;
}

/** What an agent knows of a target and can do to it; a knob that is absent cannot be turned there. */
export interface TargetState {
  readonly target: string;
  readonly cpuQuotaCores?: { readonly current: number | undefined; readonly max: number };
  readonly cpuThrottledRatio?: number;
  /** Of the target's own use, in cores. */
  readonly cpuUsedCores?: number;
  readonly cpuWeight?: Reach;
  readonly cpuSet?: { readonly current: readonly number[]; readonly allowed: readonly number[] };
  readonly cpuFrequencyKhz?: { readonly currentMin: number; readonly max: number };
  readonly memoryLimitBytes?: {
    readonly current: number | undefined;
    readonly max: number;
    readonly used: number;
  };
  readonly diskWeight?: Reach;
  readonly llcWays?: Reach;
  /** `percent` of the full bandwidth (Intel), or eighths of a GB/s (AMD). */
  readonly memoryBandwidth?: Reach & { readonly unit: 'percent' | 'eighth-gigabytes-per-second' };
  /** Only those that the agent's allow-list lets it limit, and for each resource of `limitable` those that share it. */
  readonly coRunners?: readonly CoRunner[];
  /** Resources of which co-runners can be limited here. Absent: the processor's alone. */
  readonly limitable?: readonly SharedResource[];
  readonly linkMbitPerSecond?: Reach;
  readonly linkIngressMbitPerSecond?: Reach;
  readonly linkDelayMs?: { readonly current: number; readonly nominal: number };
  readonly pools?: readonly {
    readonly pool: string;
    readonly size: number;
    readonly pending: number;
    readonly max: number;
  }[];
}

export interface PlannedAction {
  /** The node whose agent carries it out; of a `scale` the orchestrator. */
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
  /** What the model expects the objective's latency to be once they have worked, ms; absent where it was not asked. */
  readonly expectedMs?: number;
  /** What a person should do, where nothing can be done by itself or nothing may be. */
  readonly recommendations: readonly string[];
}

export type ActionStatus = 'applied' | 'unchanged' | 'dry-run' | 'refused' | 'failed' | 'released';

export interface ActionOutcome<Kind extends Action = Action> {
  readonly id: string;
  readonly action: Kind;
  readonly status: ActionStatus;
  readonly message: string;
  /** The writes made or, in a dry run, that would be made. */
  readonly writes: readonly string[];
  readonly leaseEndsMs: number | undefined;
}

/** What a node agent answers. */
export type NodeActionOutcome = ActionOutcome<NodeAction>;
