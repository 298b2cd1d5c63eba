import {
  type Objective,
  objectiveNode,
  PERCENTILES,
  type Percentile,
  quantile,
  readObjective,
  type Window,
} from '@sage/core';
import { isSupported } from '@sage/root-cause';
import type { Topology } from '@sage/simulator';

/** An objective is what 199 calm windows of 200 keep, and a fifth more. */
const THRESHOLD_QUANTILE = 0.995;
const MARGIN = 1.2;
/** A percentile is chosen that all but the emptiest twentieth of the windows have calls enough for. */
const COUNT_QUANTILE = 0.05;

/**
 * An objective for the root operation of every endpoint: the highest percentile that its windows have calls enough for,
 * and a threshold from calm windows. Endpoints that are asked for too seldom have none.
 */
export function objectivesOf(
  { endpoints, services }: Topology,
  calm: readonly Window[],
): readonly Objective[] {
  const found = new Map<string, Objective>();
  for (const { name, entry, rootSpans } of endpoints) {
    const service = services.find((candidate) => candidate.name === entry)?.label ?? entry;
    const [operation] = rootSpans;
    if (operation === undefined) continue;
    const node = objectiveNode({ service, operation });
    const stats = calm.flatMap((window) => window.latency.get(node) ?? []);
    const percentile = highestSupported(calm.map((window) => window.latency.get(node)?.count ?? 0));
    if (percentile === undefined || found.has(node)) continue;
    const usualMs = quantile(
      stats.map((item) => item[percentile]),
      THRESHOLD_QUANTILE,
    );
    found.set(node, { name, service, operation, percentile, thresholdMs: MARGIN * usualMs });
  }
  return [...found.values()];
}

function highestSupported(counts: readonly number[]): Percentile | undefined {
  if (counts.length === 0) return undefined;
  const few = quantile(counts, COUNT_QUANTILE);
  return PERCENTILES.findLast((percentile) => isSupported(few, percentile));
}

/** An objective and how a window has it: broken above 1. */
export interface Judged {
  readonly objective: Objective;
  /** What is observed over what is promised; 0 where the window saw no request. */
  readonly ratio: number;
}

/** The objective that a window breaks most, or keeps with the least to spare. */
export function worstOf(window: Window, objectives: readonly Objective[]): Judged {
  const judged = objectives.map((objective) => {
    const { observedMs = 0 } = readObjective(objective, window);
    return { objective, ratio: observedMs / objective.thresholdMs };
  });
  return judged.reduce((worst, item) => (item.ratio > worst.ratio ? item : worst));
}
