import { type RpcId, type RpcObservation, rpcId } from '@sage/core';
import { type CallInterval, callsBeside, criticalPathUs, isAwaited } from './critical-path.js';
import type { TracedSpan } from './trace-tree.js';

/** A call and its place among the calls of its trace. */
export interface PlacedCall extends CallInterval {
  /** undefined where the call takes its place on the critical path and nothing more is known of it. */
  readonly observation: { -readonly [Key in keyof RpcObservation]: RpcObservation[Key] } | undefined;
  /** The server span in which the call was made. */
  readonly within: TracedSpan | undefined;
}

/** Fills in in which call each call was made, how much of it that one waited for, and what ran beside it. */
export function placeCalls(calls: readonly PlacedCall[]): void {
  const siblings = new Map<TracedSpan, PlacedCall[]>();
  for (const call of calls) {
    if (call.within?.rpc === undefined) continue;
    const list = siblings.get(call.within);
    if (list === undefined) siblings.set(call.within, [call]);
    else list.push(call);
  }
  for (const [within, list] of siblings) placeSiblings(within, list);
}

/** The calls that were made in one server span. */
function placeSiblings(within: TracedSpan, calls: readonly PlacedCall[]): void {
  const parent = { startUs: within.span.startUs, endUs: within.endUs };
  const critical = criticalPathUs(parent, calls);
  const beside = calls.length > 1 ? callsBeside(parent, calls) : undefined;
  for (let index = 0; index < calls.length; index++) {
    const call = calls[index] as PlacedCall;
    if (call.observation === undefined) continue;
    const lengthUs = call.endUs - call.startUs;
    call.observation.parent = within.rpc;
    call.observation.criticality = lengthUs > 0 ? Math.min(1, (critical[index] as number) / lengthUs) : 0;
    call.observation.awaited = isAwaited(parent, call);
    call.observation.beside = beside && kindsOf(beside[index] as number[], calls);
  }
}

/** The kinds of call at some places, each once; undefined where there are none. */
function kindsOf(places: readonly number[], calls: readonly PlacedCall[]): readonly RpcId[] | undefined {
  const kinds: RpcId[] = [];
  for (const place of places) {
    const rpc = calls[place]?.observation?.rpc;
    const id = rpc && rpcId(rpc);
    if (id !== undefined && !kinds.includes(id)) kinds.push(id);
  }
  return kinds.length === 0 ? undefined : kinds;
}
