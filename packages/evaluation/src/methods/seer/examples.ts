import type { CausalGraph } from '@sage/causal-graph';
import { mean, standardDeviation } from 'simple-statistics';
import type { QueueDepths } from '../../observed.js';
import { calleesOf } from '../service-nodes.js';

/** Part of a window that the network sees at once, and how far apart two such parts begin. */
const SPAN_PART = 1 / 2;
const STRIDE_PART = 1 / 6;
/** Keeps the logarithm of an empty queue finite: a call in a hundred seconds. */
const EMPTY = 0.01;

/** Depths of the queues through some seconds: a row for each second, a column for each tier. */
export type DepthSpan = readonly Float32Array[];

/** Tiers in the order of calls, depth first from the entries, so that who calls each other stand close together. */
export function tierOrder(graph: CausalGraph): readonly string[] {
  const callees = calleesOf(graph);
  const called = new Set([...callees.values()].flat());
  const order = new Set<string>();
  const visit = (service: string): void => {
    if (order.has(service)) return;
    order.add(service);
    for (const callee of callees.get(service) ?? []) visit(callee);
  };
  for (const service of graph.services) if (!called.has(service)) visit(service);
  for (const service of graph.services) visit(service);
  return [...order];
}

/** Overlapping spans of a window's depths, in logarithms; every tier is a column, 0 calls where the record has none of it. */
export function spansOf({ services, seconds }: QueueDepths, tiers: readonly string[]): readonly DepthSpan[] {
  const columns = tiers.map((tier) => services.indexOf(tier));
  const rows = seconds.map((second) =>
    Float32Array.from(columns, (column) => Math.log((second[column] ?? 0) + EMPTY)),
  );
  const length = Math.ceil(SPAN_PART * rows.length);
  const stride = Math.max(1, Math.ceil(STRIDE_PART * rows.length));
  const spans: DepthSpan[] = [];
  for (let from = 0; from + length <= rows.length; from += stride)
    spans.push(rows.slice(from, from + length));
  return spans;
}

/** Centre and spread of each tier. */
export interface DepthScale {
  readonly centers: Float32Array;
  readonly spreads: Float32Array;
}

export function depthScale(spans: readonly DepthSpan[], tiers: number): DepthScale {
  const rows = spans.flat();
  const columns = Array.from({ length: tiers }, (_, tier) => rows.map((row) => row[tier] as number));
  return {
    centers: Float32Array.from(columns, mean),
    // A tier that nobody ever calls keeps its unit.
    spreads: Float32Array.from(columns, (column) => standardDeviation(column) || 1),
  };
}

export function scaleSpan(span: DepthSpan, { centers, spreads }: DepthScale): DepthSpan {
  return span.map((row) =>
    row.map((value, tier) => (value - (centers[tier] as number)) / (spreads[tier] as number)),
  );
}
