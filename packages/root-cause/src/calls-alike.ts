import type { Abduction, LatencyNode, Residual } from '@sage/causal-graph';
import { PERCENTILES, type Percentile, type Window } from '@sage/core';
import type { GraphView } from './graph-view.js';
import { callsBeyond, isSupported } from './judged-percentiles.js';
import { isTimeOut } from './retransmission.js';

/** How many calls lie beyond a percentile of a node, those counted in that were seen elsewhere and say the same. */
export type CallsAlike = (node: LatencyNode, percentile: Percentile) => number;

/** z that is out of the ordinary. */
const ODD_Z = 6;

/**
 * A few slow calls of one kind are bad luck; of several kinds they are not, where one thing makes them all slow:
 *
 * - calls between the same two, whatever they are for, go over one link, wait for one pool, end in one service;
 * - packets that were sent again, whoever they were sent to, if the link of one service lost them all. What is late by just
 *   the time that TCP waits is no pause of anybody, so that such calls count together over all that a service shares.
 *
 * Of what waits for others the slow calls may be theirs: there each node counts its own.
 */
export function callsAlikeIn(view: GraphView, window: Window, abduction: Abduction): CallsAlike {
  const countOf = ({ id }: LatencyNode): number => window.latency.get(id)?.count ?? 0;
  const residualOf = (node: LatencyNode, percentile: Percentile) => abduction.residual(node.id, percentile);
  const between = (node: LatencyNode, percentile: Percentile): number =>
    sum(
      (view.owned.get(node.rpc.callee) ?? [])
        .filter((other) => isLeaf(other) && isSameWay(other, node))
        .filter((other) => (residualOf(other, percentile)?.z ?? 0) >= ODD_Z)
        .map((other) => callsBeyond(countOf(other), percentile)),
    );
  const sentAgain = (node: LatencyNode): number => {
    const percentile = PERCENTILES.find((each) => isSentAgain(residualOf(node, each)));
    return percentile === undefined ? 0 : Math.max(1, callsBeyond(countOf(node), percentile));
  };
  const over = new Map<string, number>();
  const sentAgainOver = (service: string): number => {
    const known = over.get(service);
    if (known !== undefined) return known;
    const ways = (view.owned.get(service) ?? []).filter((node) => isLeaf(node) && isShared(node));
    const calls = sum(ways.map(sentAgain));
    over.set(service, calls);
    return calls;
  };

  return (node, percentile) => {
    const count = countOf(node);
    const own = callsBeyond(count, percentile);
    if (isSupported(count, percentile) || !isLeaf(node) || !isShared(node)) return own;
    const residual = residualOf(node, percentile);
    if (residual === undefined || residual.z < ODD_Z) return own;
    const lost = isSentAgain(residual) ? node.owners.map(sentAgainOver) : [];
    return Math.max(own, between(node, percentile), ...lost);
  };
}

function isSentAgain(residual: Residual | undefined): boolean {
  return residual !== undefined && isTimeOut(residual.observedMs - residual.expectedMs);
}

function isLeaf({ parents }: LatencyNode): boolean {
  return parents.length === 0;
}

function isShared({ owners }: LatencyNode): boolean {
  return new Set(owners).size > 1;
}

function isSameWay(one: LatencyNode, other: LatencyNode): boolean {
  return (
    one.kind === other.kind && one.rpc.caller === other.rpc.caller && one.rpc.callee === other.rpc.callee
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
