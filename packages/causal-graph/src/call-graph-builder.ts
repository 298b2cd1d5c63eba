import { type LatencyKind, OUTSIDE, type RpcId, type RpcKey, type RpcObservation, rpcId } from '@sage/core';
import type { CallEdge, CallGraph, RpcNode } from './call-graph.js';

export interface CallGraphBuilderOptions {
  /** How far back calls count. Default 600. */
  readonly horizonSeconds?: number;
  /** Calls are forgotten in steps of this. Default 30. */
  readonly bucketSeconds?: number;
  /** Least calls of a child per call of its parent. Default 0.01. */
  readonly minSupport?: number;
  /** Least calls in a whole horizon; proportionally fewer while the builder is younger than that. Default 20. */
  readonly minCalls?: number;
  /** RPCs, and apart from them four times as many edges, that a bucket holds at most. Default 5000. */
  readonly maxRpcs?: number;
}

export interface CallGraphBuilderStats {
  readonly observations: number;
  /** RPCs or edges not counted because a bucket was full. */
  readonly overflow: number;
  readonly bucketsHeld: number;
}

const KINDS: readonly LatencyKind[] = ['client', 'request', 'response', 'server'];

/** A latency seen in fewer of an RPC's calls than this comes of lost spans, not of the way it is called. */
const MIN_KIND_SHARE = 0.05;

interface RpcTally {
  readonly key: RpcKey;
  count: number;
  readonly kinds: Record<LatencyKind, number>;
  /** Parent → how it was called there. */
  readonly callers: Map<RpcId, EdgeTally>;
}

interface EdgeTally {
  readonly parent: RpcId;
  readonly child: RpcId;
  count: number;
  criticalitySum: number;
  criticalityCount: number;
  awaited: number;
  /** Calls of which it is known whether they were waited for. */
  awaitedCount: number;
  /** Sibling → calls that ran beside one of it. */
  readonly beside: Map<RpcId, number>;
}

interface Bucket {
  readonly rpcs: Map<RpcId, RpcTally>;
  /** Of all RPCs together. */
  edges: number;
}

/**
 * Who calls whom over a sliding horizon. What is too rare to be more than chance is left out, and with it whatever was
 * reached only through it.
 */
export class CallGraphBuilder {
  readonly #horizonMs: number;
  readonly #bucketMs: number;
  readonly #minSupport: number;
  readonly #minCalls: number;
  readonly #maxRpcs: number;
  readonly #buckets = new Map<number, Bucket>();
  #firstMs: number | undefined;
  #observations = 0;
  #overflow = 0;

  constructor(options: CallGraphBuilderOptions = {}) {
    this.#horizonMs = 1000 * (options.horizonSeconds ?? 600);
    this.#bucketMs = 1000 * (options.bucketSeconds ?? 30);
    this.#minSupport = options.minSupport ?? 0.01;
    this.#minCalls = options.minCalls ?? 20;
    this.#maxRpcs = options.maxRpcs ?? 5_000;
  }

  /** Counts calls as of `nowMs`, the time at which they became known. */
  add(observations: readonly RpcObservation[], nowMs: number): void {
    if (observations.length === 0) return;
    this.#firstMs ??= nowMs;
    this.#expire(nowMs);
    const bucket = this.#bucketAt(nowMs);
    for (const observation of observations) {
      this.#observations += 1;
      const tally = this.#countRpc(bucket, observation);
      if (tally === undefined) this.#overflow += 1;
      else if (
        observation.parent !== undefined &&
        !this.#countEdge(bucket, tally, observation, rpcId(observation.parent))
      ) {
        this.#overflow += 1;
      }
    }
  }

  graph(nowMs: number): CallGraph {
    this.#expire(nowMs);
    const rpcs = mergeBuckets(this.#buckets.values());
    const age = this.#firstMs === undefined ? 0 : (nowMs - this.#firstMs) / this.#horizonMs;
    const minCalls = Math.max(1, this.#minCalls * Math.min(1, age));
    for (const [id, tally] of rpcs) if (tally.count < minCalls) rpcs.delete(id);

    const kept: EdgeTally[] = [];
    const entries: RpcId[] = [];
    for (const [id, { key, callers }] of rpcs) {
      if (key.caller === OUTSIDE || callers.size === 0) entries.push(id);
      for (const edge of callers.values()) {
        const parent = rpcs.get(edge.parent);
        if (parent !== undefined && edge.count / parent.count >= this.#minSupport) kept.push(edge);
      }
    }
    const reached = reachable(entries, kept);
    return toCallGraph(
      [...rpcs].filter(([id]) => reached.has(id)),
      kept.filter((edge) => reached.has(edge.parent)),
      rpcs,
    );
  }

  stats(): CallGraphBuilderStats {
    return {
      observations: this.#observations,
      overflow: this.#overflow,
      bucketsHeld: this.#buckets.size,
    };
  }

  /** undefined where there is no room for it. */
  #countRpc(bucket: Bucket, observation: RpcObservation): RpcTally | undefined {
    const id = rpcId(observation.rpc);
    let tally = bucket.rpcs.get(id);
    if (tally === undefined) {
      if (bucket.rpcs.size >= this.#maxRpcs) return undefined;
      const kinds = { client: 0, server: 0, request: 0, response: 0 };
      tally = { key: observation.rpc, count: 0, kinds, callers: new Map() };
      bucket.rpcs.set(id, tally);
    }
    tally.count += 1;
    if (observation.clientMs !== undefined) tally.kinds.client += 1;
    if (observation.serverMs !== undefined) tally.kinds.server += 1;
    if (observation.requestMs !== undefined) tally.kinds.request += 1;
    if (observation.responseMs !== undefined) tally.kinds.response += 1;
    return tally;
  }

  /** Whether there was room for it. */
  #countEdge(bucket: Bucket, { callers }: RpcTally, observation: RpcObservation, parent: RpcId): boolean {
    let tally = callers.get(parent);
    if (tally === undefined) {
      if (bucket.edges >= 4 * this.#maxRpcs) return false;
      bucket.edges += 1;
      tally = {
        parent,
        child: rpcId(observation.rpc),
        count: 0,
        criticalitySum: 0,
        criticalityCount: 0,
        awaited: 0,
        awaitedCount: 0,
        beside: new Map(),
      };
      callers.set(parent, tally);
    }
    tally.count += 1;
    if (observation.criticality !== undefined) {
      tally.criticalitySum += observation.criticality;
      tally.criticalityCount += 1;
    }
    if (observation.awaited !== undefined) {
      tally.awaited += observation.awaited ? 1 : 0;
      tally.awaitedCount += 1;
    }
    for (const sibling of observation.beside ?? []) addBeside(tally.beside, sibling, 1);
    return true;
  }

  #bucketAt(nowMs: number): Bucket {
    const number = Math.floor(nowMs / this.#bucketMs);
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = { rpcs: new Map(), edges: 0 };
      this.#buckets.set(number, bucket);
    }
    return bucket;
  }

  #expire(nowMs: number): void {
    for (const number of this.#buckets.keys()) {
      const ageMs = nowMs - (number + 1) * this.#bucketMs;
      // A clock that was set back leaves buckets in the future; they would never expire.
      if (ageMs >= this.#horizonMs || ageMs < -2 * this.#bucketMs) this.#buckets.delete(number);
    }
  }
}

function mergeBuckets(buckets: Iterable<Bucket>): Map<RpcId, RpcTally> {
  const merged = new Map<RpcId, RpcTally>();
  for (const { rpcs } of buckets) {
    for (const [id, tally] of rpcs) {
      let sum = merged.get(id);
      if (sum === undefined) {
        sum = { ...tally, kinds: { ...tally.kinds }, callers: new Map() };
        merged.set(id, sum);
      } else {
        sum.count += tally.count;
        for (const kind of KINDS) sum.kinds[kind] += tally.kinds[kind];
      }
      for (const edge of tally.callers.values()) addEdge(sum.callers, edge);
    }
  }
  return merged;
}

function addEdge(callers: Map<RpcId, EdgeTally>, edge: EdgeTally): void {
  const sum = callers.get(edge.parent);
  if (sum === undefined) {
    callers.set(edge.parent, { ...edge, beside: new Map(edge.beside) });
    return;
  }
  sum.count += edge.count;
  sum.criticalitySum += edge.criticalitySum;
  sum.criticalityCount += edge.criticalityCount;
  sum.awaited += edge.awaited;
  sum.awaitedCount += edge.awaitedCount;
  for (const [sibling, count] of edge.beside) addBeside(sum.beside, sibling, count);
}

function reachable(entries: readonly RpcId[], edges: readonly EdgeTally[]): Set<RpcId> {
  const children = new Map<RpcId, RpcId[]>();
  for (const { parent, child } of edges) {
    const list = children.get(parent);
    if (list === undefined) children.set(parent, [child]);
    else list.push(child);
  }
  const reached = new Set(entries);
  const open = [...entries];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const child of children.get(id) ?? []) {
      if (reached.has(child)) continue;
      reached.add(child);
      open.push(child);
    }
  }
  return reached;
}

function toCallGraph(
  kept: readonly [RpcId, RpcTally][],
  edges: readonly EdgeTally[],
  tallies: ReadonlyMap<RpcId, RpcTally>,
): CallGraph {
  const services = new Set(kept.flatMap(([, { key }]) => [key.caller, key.callee]));
  services.delete(OUTSIDE);
  const rpcs: RpcNode[] = kept.map(([id, { key, count, kinds }]) => ({
    id,
    key,
    count,
    kinds: KINDS.filter((kind) => kinds[kind] > 0 && kinds[kind] >= MIN_KIND_SHARE * count),
  }));
  const siblings = new Map<RpcId, EdgeTally[]>();
  for (const edge of edges) siblings.set(edge.parent, [...(siblings.get(edge.parent) ?? []), edge]);
  const calls: CallEdge[] = edges.map((edge) => ({
    parent: edge.parent,
    child: edge.child,
    callsPerParent: edge.count / (tallies.get(edge.parent)?.count ?? edge.count),
    criticality: edge.criticalityCount === 0 ? 1 : edge.criticalitySum / edge.criticalityCount,
    awaited: edge.awaitedCount === 0 ? 1 : edge.awaited / edge.awaitedCount,
    beside: mostlyBeside(edge, siblings.get(edge.parent) ?? []),
  }));
  return {
    services: [...services].sort(),
    rpcs: rpcs.sort((a, b) => compare(a.id, b.id)),
    edges: calls.sort((a, b) => compare(a.parent, b.parent) || compare(a.child, b.child)),
  };
}

/** Siblings that are remembered per kind of call; beyond it they say nothing new. */
const MOST_BESIDE = 64;

function addBeside(beside: Map<RpcId, number>, sibling: RpcId, count: number): void {
  const known = beside.get(sibling);
  if (known !== undefined || beside.size < MOST_BESIDE) beside.set(sibling, (known ?? 0) + count);
}

/** Two calls are made side by side where at least half of the calls of the rarer of them ran beside the other. */
function mostlyBeside(edge: EdgeTally, siblings: readonly EdgeTally[]): RpcId[] {
  return siblings
    .filter(({ child, count }) => (edge.beside.get(child) ?? 0) >= 0.5 * Math.min(count, edge.count))
    .map(({ child }) => child)
    .sort(compare);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
