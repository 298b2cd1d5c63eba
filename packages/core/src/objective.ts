import {
  callsPerSecond,
  type LatencyNodeId,
  latencyNodeId,
  OUTSIDE,
  type Percentile,
  rpcId,
  type Window,
} from './window.js';

/** A latency objective (QoS): a percentile of an entry operation stays at or below a threshold. */
export interface Objective {
  /** The `qos` label wherever it is published. */
  readonly name: string;
  /** The entry service and the operation of its root span. */
  readonly service: string;
  readonly operation: string;
  readonly percentile: Percentile;
  readonly thresholdMs: number;
}

const nodes = new WeakMap<Pick<Objective, 'service' | 'operation'>, LatencyNodeId>();

/**
 * The latency node that an objective watches: the server latency of the root RPC. Put together, and hashed, once per
 * objective: it is looked up in every window of a history.
 */
export function objectiveNode(objective: Pick<Objective, 'service' | 'operation'>): LatencyNodeId {
  let node = nodes.get(objective);
  if (node === undefined) {
    const { service, operation } = objective;
    node = latencyNodeId('server', rpcId({ caller: OUTSIDE, callee: service, operation }));
    nodes.set(objective, node);
  }
  return node;
}

export interface ObjectiveReading {
  /** undefined where the window saw no request. */
  readonly observedMs: number | undefined;
  readonly requestsPerSecond: number;
  readonly broken: boolean;
}

export function readObjective(objective: Objective, window: Window): ObjectiveReading {
  const node = objectiveNode(objective);
  const observedMs = window.latency.get(node)?.[objective.percentile];
  return {
    observedMs,
    requestsPerSecond: callsPerSecond(window, node),
    broken: observedMs !== undefined && observedMs > objective.thresholdMs,
  };
}
