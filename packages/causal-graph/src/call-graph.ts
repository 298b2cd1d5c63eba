import type { LatencyKind, RpcId, RpcKey } from '@sage/core';

/** A kind of call seen in the traces. */
export interface RpcNode {
  readonly id: RpcId;
  readonly key: RpcKey;
  /** Which of the four latencies were seen. */
  readonly kinds: readonly LatencyKind[];
  readonly count: number;
}

/** While serving `parent`, `child` was called. */
export interface CallEdge {
  readonly parent: RpcId;
  readonly child: RpcId;
  /** Mean calls of the child per call of the parent: below 1 behind a cache, above 1 in a loop. */
  readonly callsPerParent: number;
  /** Mean share of the child's duration on the parent's critical path, 0..1: below 1 for parallel and async calls. */
  readonly criticality: number;
  /** Share of the child's calls that had ended when the parent did, 0..1: low for calls that are not waited for. */
  readonly awaited: number;
  /** Children of the same parent that this one mostly runs beside, sorted; calls side by side wait for the longest. */
  readonly beside: readonly RpcId[];
  /** Between what bounds the criticality lies, where it was not measured call by call. */
  readonly criticalityRange?: readonly [least: number, most: number];
}

/** Who calls whom, as the traces show it. Ids are sorted, so that equal graphs are equal as data. */
export interface CallGraph {
  readonly services: readonly string[];
  readonly rpcs: readonly RpcNode[];
  readonly edges: readonly CallEdge[];
}
