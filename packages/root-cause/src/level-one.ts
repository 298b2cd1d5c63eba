import { CONVINCING, strength } from './anomaly.js';
import type { Restoration } from './intervene.js';
import type { Counterfactuals, Outlook } from './outlook.js';
import { shapley } from './shapley.js';

export interface Suspect {
  readonly service: string;
  readonly anomaly: number;
  /** Whether it was measured to lack something: that is a cause, and slowness may be an effect. */
  readonly lacks?: boolean;
}

/** A gain of less than this part of what excess is left is noise. */
const REAL_GAIN = 0.1;

/** A suspect and the objective had it alone behaved normally. */
export interface RankedSuspect extends Suspect, Outlook {}

/**
 * Most likely first, by how odd a service is and how much its restoration would help, of equal weight:
 *
 *     strength(z) / 30 + min(1, z / threshold) · (P(objective holds) + part of the excess explained) / 2
 *
 * since a service may be as odd as can be and harm nobody, and one that is in order may take the blame for whatever the
 * model leaves unexplained. Who was measured to lack something is given as much of the excess as is noise.
 */
export function rankSuspects(
  suspects: readonly Suspect[],
  ask: Counterfactuals,
  options: { readonly excessMs: number; readonly anomalyThreshold: number },
): RankedSuspect[] {
  const before = ask([]).medianMs;
  const explainedBy = ({ lacks = false, medianMs }: RankedSuspect): number => {
    const part = options.excessMs > 0 ? (before - medianMs) / options.excessMs : 0;
    return Math.min(1, Math.max(0, part)) + (lacks ? REAL_GAIN : 0);
  };
  const score = (suspect: RankedSuspect): number => {
    const { anomaly, probability } = suspect;
    const help = (probability + explainedBy(suspect)) / 2;
    return strength(anomaly) / CONVINCING + Math.min(1, anomaly / options.anomalyThreshold) * help;
  };
  return suspects
    .map((suspect) => ({ ...suspect, ...ask([{ service: suspect.service }]) }))
    .sort((a, b) => score(b) - score(a) || (a.service < b.service ? -1 : 1));
}

/** Nothing more to win. */
const CERTAIN = 0.98;

/**
 * The smallest set of services that restores the objective: greedy forward, each time the one whose restoration lowers
 * the median most, as long as it falls by more than 10 % of the excess that is left, until the objective is sure to
 * hold and enough of the excess is explained; then members without whom it is likelier to hold than not are taken out,
 * the latest first: nobody is blamed for what most likely breaks nothing. Empty where no single restoration has a real
 * gain, or where the set found does not explain enough of the excess.
 */
export function findCulprits(
  suspects: readonly RankedSuspect[],
  ask: Counterfactuals,
  options: {
    readonly excessMs: number;
    readonly maxCulprits: number;
    readonly minProbability: number;
    readonly minExplained: number;
  },
): readonly string[] {
  const outlook = (services: readonly string[]): Outlook => ask(services.map((service) => ({ service })));
  let chosen: string[] = [];
  const before = outlook([]);
  const explains = (after: Outlook): boolean =>
    before.medianMs - after.medianMs >= options.minExplained * options.excessMs;
  let now = before;
  while (chosen.length < options.maxCulprits && !(now.probability >= CERTAIN && explains(now))) {
    const candidates = suspects
      .filter(({ service }) => !chosen.includes(service))
      .map(({ service }) => ({ service, next: outlook([...chosen, service]) }))
      .sort((a, b) => a.next.medianMs - b.next.medianMs);
    const best = candidates[0];
    const leftMs = options.excessMs - (before.medianMs - now.medianMs);
    if (best === undefined || now.medianMs - best.next.medianMs <= REAL_GAIN * Math.max(0, leftMs)) break;
    chosen = [...chosen, best.service];
    now = best.next;
  }
  for (const service of [...chosen].reverse()) {
    const rest = chosen.filter((other) => other !== service);
    if (rest.length === 0) break;
    const without = outlook(rest);
    if (without.probability >= options.minProbability && explains(without)) chosen = rest;
  }
  return explains(outlook(chosen)) ? chosen : [];
}

/**
 * Of culprits whose restoration does not restore the objective the fewest, in their order, that explain all of the
 * excess but what is noise beside it. Counterfactuals are off by a part of what they take away: of an excess of twenty
 * times the objective, what they leave may well be over it. Empty where all of them do not explain as much.
 */
export function fewestThatExplain(
  culprits: readonly string[],
  ask: Counterfactuals,
  excessMs: number,
): readonly string[] {
  const before = ask([]).medianMs;
  for (let size = 1; size <= culprits.length; size++) {
    const few = culprits.slice(0, size);
    const { medianMs } = ask(few.map((service) => ({ service })));
    if (before - medianMs >= (1 - REAL_GAIN) * excessMs) return few;
  }
  return [];
}

/** Each part's share of the excess, by exact Shapley values of the fall of the median; at least 0, at most 1 in sum. */
export function shares(
  parts: readonly Restoration[],
  ask: Counterfactuals,
  excessMs: number,
): readonly number[] {
  const before = ask([]).medianMs;
  const falls = shapley(parts, (set) => before - ask(set).medianMs).map((fall) => Math.max(0, fall));
  const total = Math.max(
    excessMs,
    falls.reduce((sum, fall) => sum + fall, 0),
  );
  return falls.map((fall) => (total > 0 ? fall / total : 0));
}
