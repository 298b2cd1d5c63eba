import type { LatencyKind, LatencyNodeId, RpcKey } from '@sage/core';

/** A latency that takes part in its child's. */
export interface LatencyParent {
  readonly node: LatencyNodeId;
  /** Share of the parent's latency that its child waits for, 0..1: the critical-path share seen in traces. */
  readonly weight: number;
  /** How often it happens per occurrence of the child node. */
  readonly callsPerChild: number;
  /** Parents of one node with equal groups are calls made side by side; undefined: one after the other. */
  readonly group?: number;
  /** Between what bounds the weight lies, where it was not measured call by call. */
  readonly weightRange?: readonly [least: number, most: number];
}

/** A latency variable Y of the causal Bayesian network. */
export interface LatencyNode {
  readonly id: LatencyNodeId;
  readonly kind: LatencyKind;
  readonly rpc: RpcKey;
  /** Services whose metrics X and latent Z are parents of this node. Two where the traces cannot tell them apart. */
  readonly owners: readonly string[];
  readonly parents: readonly LatencyParent[];
}

/**
 * The causal Bayesian network of an application (reference, section 1). Edges run from cause to effect, so "parent"
 * is causal: the client latency of a call is a parent of the server latency of the call it was made in.
 */
export interface CausalGraph {
  /** Equal for equal structure, whatever the weights: a fitted model carries it and refuses other graphs. */
  readonly fingerprint: string;
  readonly services: readonly string[];
  /** Causes before effects. */
  readonly latency: readonly LatencyNode[];
  /** Nodes of root RPCs, which objectives watch and load enters through. */
  readonly roots: readonly LatencyNodeId[];
}
