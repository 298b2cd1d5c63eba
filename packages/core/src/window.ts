import type { FeatureName } from './telemetry.js';

/** The caller of a root RPC: whoever is outside the application. */
export const OUTSIDE = '(outside)';

/** One kind of call: who calls whom for what. */
export interface RpcKey {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
}

export type RpcId = string;

/** A stable name of an RPC, unique because service names hold no `>` once sanitised by the receivers. */
export function rpcId(key: RpcKey): RpcId {
  return key instanceof NamedRpc ? key.id : idOf(key.caller, key.callee, key.operation);
}

function idOf(caller: string, callee: string, operation: string): RpcId {
  return `${caller}>${callee}:${operation}`;
}

/** A key that knows its id. Where one stands for all calls of a kind, the id is put together, and hashed, only once. */
export class NamedRpc implements RpcKey {
  readonly #id: RpcId;

  constructor(
    readonly caller: string,
    readonly callee: string,
    readonly operation: string,
  ) {
    this.#id = idOf(caller, callee, operation);
  }

  get id(): RpcId {
    return this.#id;
  }
}

/**
 * The four latency nodes of an RPC (reference, section 1): what the caller saw, what the callee took, and the way
 * there and back. A callee without spans of its own has only `client`; a root RPC has only `server`.
 */
export type LatencyKind = 'client' | 'server' | 'request' | 'response';

export type LatencyNodeId = string;

export function latencyNodeId(kind: LatencyKind, rpc: RpcId): LatencyNodeId {
  return `${kind}|${rpc}`;
}

/** The quantiles a window keeps per latency node, in the order in which models hold them. */
export const PERCENTILES = ['p50Ms', 'p95Ms', 'p99Ms'] as const;
export type Percentile = (typeof PERCENTILES)[number];

/** Quantiles are read off sketches and lie within this part of their value. */
export const LATENCY_ACCURACY = 0.01;

export interface LatencyStats {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Arithmetic mean of the observations; without it where only quantiles were kept. */
  readonly meanMs?: number;
  /** Observations in the window; divided by the sampling ratio and the window's length it is a rate. */
  readonly count: number;
}

/** What was seen of one replica of a service. */
export interface ReplicaReading {
  /** Of all its server spans together; undefined where none was seen, or of no other replica. */
  readonly latency: LatencyStats | undefined;
  /** Features that were read of another replica, too. Mean over the window. */
  readonly metrics: ReadonlyMap<FeatureName, number>;
}

/** What was seen in [startMs, endMs): one row of the data that models learn from. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
  readonly latency: ReadonlyMap<LatencyNodeId, LatencyStats>;
  /** service → feature → mean over the window, the replicas joined as `replicaJoin` of the feature says. */
  readonly metrics: ReadonlyMap<string, ReadonlyMap<FeatureName, number>>;
  /** service → replica → what was seen of it; only services of which two or more replicas were seen. */
  readonly replicas?: ReadonlyMap<string, ReadonlyMap<string, ReplicaReading>>;
}

/** Calls per second of a latency node in a window; 0 where it was not seen. */
export function callsPerSecond(window: Window, node: LatencyNodeId): number {
  const stats = window.latency.get(node);
  return stats === undefined ? 0 : (1000 * stats.count) / (window.endMs - window.startMs);
}

/** One call, put together from its client and server spans. Times missing where a span is. */
export interface RpcObservation {
  readonly rpc: RpcKey;
  /** End of the outermost span of the call. */
  readonly endMs: number;
  readonly clientMs: number | undefined;
  readonly serverMs: number | undefined;
  /** From the client span's start to the server span's start; never negative. */
  readonly requestMs: number | undefined;
  readonly responseMs: number | undefined;
  /** The call that was being served when this one was made; undefined for roots and where it was not seen. */
  readonly parent: RpcKey | undefined;
  /** Share of this call's duration, 0..1, that lay on the critical path of its parent. */
  readonly criticality: number | undefined;
  /** Whether it had ended when its parent did; undefined where there is no parent or the clocks cannot tell. */
  readonly awaited?: boolean | undefined;
  /** The other kinds of awaited call that it ran beside, for more than half of the shorter of the two. */
  readonly beside?: readonly RpcId[] | undefined;
  /** The replica that served it, where its server span says so. */
  readonly instance?: string | undefined;
}
