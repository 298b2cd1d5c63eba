import { FEATURES, type FeatureName, type Window } from '@sage/core';
import type { Answer, Calibrated, LabelledWindow, Ranked, Truth } from '../observed.js';
import { candidates } from './candidates.js';

/** Above which a metric of a tier is held to be the cause, and how well that did on the labelled windows. */
export interface Threshold {
  readonly service: string;
  readonly feature: FeatureName;
  readonly value: number;
  readonly f1: number;
}

/**
 * Offline Oracle (Sage, section 5): an upper threshold per tier and metric, chosen offline with the labels known, the same
 * at every load; flags every tier of which one is exceeded, whatever the objective does.
 *
 * Decided here: "best" is the F1 of "above it" for "this tier was short of this metric's resource and broke an objective" on
 * the labelled windows. Of equally good thresholds the one in the middle of the highest gap; where no labelled window is a
 * case of it, the largest value of all of them, above which is what was never seen without that cause. A tier is
 * judged by those of its metrics, the best first, that each make the F1 of "one of them is exceeded" for "this tier broke an
 * objective" better: with all of them some metric of every tier would always be above its threshold. Tiers are ranked by the
 * F1 of the best metric above its threshold.
 */
export const oracleMethod: Calibrated = {
  name: 'oracle',
  prepare: async (calibration) => {
    if (calibration === undefined) return undefined;
    const thresholds = usefulTogether(chooseThresholds(calibration.windows), calibration.windows);
    return {
      name: 'oracle',
      answer: (observed) => answerOf(observed.window, candidates(observed), thresholds),
    };
  },
};

/** One for every metric of every tier in the windows. */
export function chooseThresholds(windows: readonly LabelledWindow[]): readonly Threshold[] {
  const columns = new Map<string, Labelled[]>();
  for (const { window, truth } of windows) {
    for (const [service, metrics] of window.metrics) {
      for (const [feature, value] of metrics) {
        if (!Number.isFinite(value)) continue;
        const key = `${service} ${feature}`;
        const column = columns.get(key) ?? [];
        columns.set(key, column);
        column.push({ service, feature, value, isCause: isCause(truth, service, feature) });
      }
    }
  }
  return [...columns.values()].map(bestThreshold);
}

/** Of every tier the thresholds, the best first, that improve on those before them when any of them may flag the tier. */
export function usefulTogether(
  thresholds: readonly Threshold[],
  windows: readonly LabelledWindow[],
): readonly Threshold[] {
  return [...new Set(thresholds.map(({ service }) => service))].flatMap((tier) => {
    const causes = windows.map(({ truth }) => truth.some(({ service }) => service === tier));
    const total = causes.filter((cause) => cause).length;
    const flagged = new Set<number>();
    let best = 0;
    return thresholds
      .filter(({ service }) => service === tier)
      .sort((a, b) => b.f1 - a.f1)
      .filter((threshold) => {
        const added = windows.flatMap(({ window }, i) =>
          !flagged.has(i) && exceeds(window, threshold) ? [i] : [],
        );
        const all = [...flagged, ...added];
        const f1 = (2 * all.filter((i) => causes[i]).length) / (all.length + total);
        if (!(f1 > best)) return false;
        best = f1;
        for (const i of added) flagged.add(i);
        return true;
      });
  });
}

function exceeds({ metrics }: Window, { service, feature, value }: Threshold): boolean {
  return (metrics.get(service)?.get(feature) ?? value) > value;
}

interface Labelled {
  readonly service: string;
  readonly feature: FeatureName;
  readonly value: number;
  readonly isCause: boolean;
}

function isCause(truth: readonly Truth[], service: string, feature: FeatureName): boolean {
  return truth.some(
    (culprit) => culprit.service === service && culprit.resource === FEATURES[feature].resource,
  );
}

/** Goes through the cuts of the sorted column from above: F1 = 2 · hits / (flagged + causes). */
function bestThreshold(column: readonly Labelled[]): Threshold {
  const sorted = [...column].sort((a, b) => b.value - a.value);
  const { service, feature, value: largest } = sorted[0] as Labelled;
  const causes = sorted.filter((item) => item.isCause).length;
  let best = { value: largest, f1: 0 };
  let hits = 0;
  sorted.forEach((item, index) => {
    if (item.isCause) hits += 1;
    const next = sorted[index + 1]?.value;
    if (next === item.value) return;
    const f1 = (2 * hits) / (index + 1 + causes);
    // Below the least value there is no gap: flag all from it on.
    if (f1 > best.f1) best = { value: ((next ?? item.value - 1) + item.value) / 2, f1 };
  });
  return { service, feature, ...best };
}

function answerOf(window: Window, services: readonly string[], thresholds: readonly Threshold[]): Answer {
  const blamed = services
    .flatMap((service): Ranked[] => {
      const [best] = thresholds
        .filter((threshold) => threshold.service === service)
        .filter((threshold) => exceeds(window, threshold))
        .sort((a, b) => b.f1 - a.f1);
      if (best === undefined) return [];
      return [{ service, resource: FEATURES[best.feature].resource, probability: best.f1 }];
    })
    .sort((a, b) => b.probability - a.probability);
  return { verdict: blamed.length > 0 ? 'culprits' : 'undetermined', blamed, ranked: blamed };
}
