/** One running copy of a service, as the orchestrator or a file knows it. */
export interface Instance {
  readonly service: string;
  /** Pod, task or container: unique within the orchestrator. */
  readonly replica: string;
  /** As its node agent is named. */
  readonly node: string;
  /** Without the runtime's scheme: 64 hexadecimal digits; empty where it has none yet. */
  readonly containerIds: readonly string[];
  readonly address: string | undefined;
}

/** How many replicas of a service there may be at the least and at the most. */
export interface ScaleBounds {
  readonly min: number;
  readonly max: number;
}

/** What the orchestrator scales for a service, and how far it may. */
export interface ScaleState {
  readonly service: string;
  /** As a `PlannedAction` names it: `kubernetes`, `swarm`. */
  readonly orchestrator: string;
  /** For people: `Deployment shop/cart`. */
  readonly workload: string;
  readonly replicas: number;
  readonly ready: number;
  readonly min: number;
  readonly max: number;
  /** Somebody else scales it within bounds of its own: by it, and only inside them, may its number be changed. */
  readonly autoscaler?: { readonly name: string; readonly min: number; readonly max: number };
}
