import {
  type LatencyKind,
  type LatencyNodeId,
  latencyNodeId,
  type RpcId,
  type RpcObservation,
  rpcId,
} from '@sage/core';
import { acceptMs, isLatency, type LatencySketch, newSketch } from './latency-sketch.js';

/** By kind of latency; undefined where none was seen. */
type RpcSketches = Record<LatencyKind, LatencySketch | undefined>;

/** What a slice had no use or no room for. */
export interface LatencyRefusals {
  invalid: number;
  overflow: number;
}

/** The latencies of one slice: RPC → kind → sketch. */
export class LatencySlice {
  readonly #rpcs = new Map<RpcId, RpcSketches>();
  readonly #maxColumns: number;
  #columns = 0;

  constructor(maxColumns: number) {
    this.#maxColumns = maxColumns;
  }

  add(observation: RpcObservation, refusals: LatencyRefusals): void {
    const id = rpcId(observation.rpc);
    const known = this.#rpcs.get(id);
    const sketches = known ?? {
      client: undefined,
      server: undefined,
      request: undefined,
      response: undefined,
    };
    const before = this.#columns;
    this.#accept(sketches, 'client', observation.clientMs, refusals);
    this.#accept(sketches, 'server', observation.serverMs, refusals);
    this.#accept(sketches, 'request', observation.requestMs, refusals);
    this.#accept(sketches, 'response', observation.responseMs, refusals);
    if (known === undefined && this.#columns > before) this.#rpcs.set(id, sketches);
  }

  *columns(): Generator<readonly [LatencyNodeId, LatencySketch]> {
    for (const [id, sketches] of this.#rpcs) {
      for (const kind of KINDS) {
        const sketch = sketches[kind];
        if (sketch !== undefined) yield [latencyNodeId(kind, id), sketch];
      }
    }
  }

  #accept(
    sketches: RpcSketches,
    kind: LatencyKind,
    valueMs: number | undefined,
    refusals: LatencyRefusals,
  ): void {
    if (valueMs === undefined) return;
    if (!isLatency(valueMs)) {
      refusals.invalid += 1;
      return;
    }
    let sketch = sketches[kind];
    if (sketch === undefined) {
      if (this.#columns >= this.#maxColumns) {
        refusals.overflow += 1;
        return;
      }
      this.#columns += 1;
      sketch = newSketch();
      sketches[kind] = sketch;
    }
    acceptMs(sketch, valueMs);
  }
}

const KINDS: readonly LatencyKind[] = ['client', 'server', 'request', 'response'];
