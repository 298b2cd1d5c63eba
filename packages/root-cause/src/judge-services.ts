import { type Candidate, RESOURCES } from '@sage/core';
import { hasWaited, LESSER } from './directness.js';
import { blamelessFinding, type Finding, resourceCandidate, serviceCandidate } from './finding.js';
import type { Inquiry } from './inquiry.js';
import {
  fewestThatExplain,
  findCulprits,
  type RankedSuspect,
  rankSuspects,
  type Suspect,
} from './level-one.js';
import { rankResources } from './level-two.js';
import type { Counterfactuals } from './outlook.js';

/** How many services beside the suspects are listed. */
const LISTED = 5;

/** Level 1 of the search: which services. */
export interface JudgedServices {
  /** The services out of the ordinary by their own doing, most likely first; where none is, the oddest few. */
  readonly ranked: readonly RankedSuspect[];
  /** Whether any of them is out of the ordinary. */
  readonly areSuspect: boolean;
  /** Those, and whoever is so by half as much. */
  readonly withLesser: readonly RankedSuspect[];
  /** The same, but of those by half as much only who took longer by itself, as means tell. */
  readonly withDelayed: readonly RankedSuspect[];
  /** Those and, beside them, some out of the question: that restoring them would not help is an answer, too. */
  readonly candidates: readonly Candidate[];
}

export function judgeServices(inquiry: Inquiry): JudgedServices {
  const { scene, settings, ask, excessMs } = inquiry;
  const all = scene.view.services
    .map((service) => ({
      service,
      ...(scene.anomalies.get(service) ?? { anomaly: 0, decisive: 0 }),
      lacks: RESOURCES.some((resource) =>
        hasWaited(scene.signsOf(service), resource, settings.anomalyThreshold),
      ),
    }))
    .sort((a, b) => b.anomaly - a.anomaly);
  const suspects: readonly Suspect[] = all.filter(({ decisive }) => decisive >= settings.anomalyThreshold);
  const lesser = all.filter(({ decisive }) => decisive >= LESSER * settings.anomalyThreshold);
  const judged = { ...settings, excessMs };
  const ranked = rankSuspects(suspects.length > 0 ? suspects : all.slice(0, LISTED), ask, judged);
  const others = all
    .filter(({ service }) => !ranked.some((entry) => entry.service === service))
    .slice(0, LISTED);
  const candidates = rankSuspects([...ranked, ...others], ask, judged).map((entry) =>
    serviceCandidate(inquiry, entry),
  );
  const withLesser = rankSuspects(lesser, ask, judged);
  const certain = new Set([
    ...suspects.map(({ service }) => service),
    ...[...scene.ownDelays.values()].flatMap(({ service, z }) =>
      z >= settings.anomalyThreshold ? service : [],
    ),
  ]);
  const withDelayed = withLesser.filter(({ service }) => certain.has(service));
  return { ranked, areSuspect: suspects.length > 0, withLesser, withDelayed, candidates };
}

/** What the search for whom to blame asks. */
type Search = Pick<Inquiry, 'settings' | 'ask' | 'excessMs'>;

/** The best explanation that was found. */
export interface Blamed {
  readonly blamed: readonly string[];
  /** That restoring them all restores the objective. */
  readonly probability: number;
}

/**
 * Whom to blame. Of many services one or the other is a little odd by chance; but where somebody beyond doubt explains
 * most of a broken objective and leaves it broken, somebody else has a part in it: beside him whoever is odd by half as
 * much is believed, as far as the objective then holds. Of two tails that are equally long either hides the other, and
 * mending one of them wins little: where nobody beyond doubt explains most of it, of those only who took longer by itself in
 * the mean, which is neither hidden nor an error of the model.
 */
export function blame(
  { settings, ask, excessMs }: Search,
  { ranked, areSuspect, withLesser, withDelayed }: Omit<JudgedServices, 'candidates'>,
): Blamed {
  const best = (suspects: readonly RankedSuspect[]) =>
    outlookFor(findCulprits(suspects, ask, { ...settings, excessMs }), ask);
  const sure = best(areSuspect ? ranked : []);
  const isAnybody = sure.blamed.length > 0;
  if (!areSuspect || (isAnybody && sure.probability >= settings.minProbability)) return sure;
  const likely = best(isAnybody ? withLesser : withDelayed);
  const isBeside = sure.blamed.every((service) => likely.blamed.includes(service));
  return isBeside && likely.probability >= settings.minProbability ? likely : sure;
}

/** Who explains nearly all of the excess, where restoring the best that was found does not restore the objective. */
export function blameForExcess({ ask, excessMs }: Omit<Search, 'settings'>, { blamed }: Blamed): Blamed {
  return outlookFor(fewestThatExplain(blamed, ask, excessMs), ask);
}

function outlookFor(blamed: readonly string[], ask: Counterfactuals): Blamed {
  return { blamed, probability: ask(blamed.map((service) => ({ service }))).probability };
}

/** Restoring `blamed`, the best that was found, is not sure enough to restore the objective. */
export function undeterminedFinding(
  inquiry: Inquiry,
  { ranked, areSuspect, candidates }: JudgedServices,
  { blamed, probability }: Blamed,
): Finding {
  const { ask, scene, settings } = inquiry;
  const names = ranked.map(({ service }) => service).join(', ');
  const reason = !areSuspect
    ? 'No service is out of the ordinary by its own doing.'
    : blamed.length === 0
      ? `Several services are a little out of the ordinary (${names}), but no few of them explain the latency.`
      : `Of the services out of the ordinary (${names}), restoring the best set would hold it with probability ${probability.toFixed(2)} only.`;
  // Who is most suspect is no culprit, but what it suffers from is worth telling.
  const resources = ranked.slice(0, settings.maxCulprits).flatMap(({ service }) => {
    const attribution = scene.facts.attribution(service);
    const ranking = rankResources(service, ask, { others: [], attribution });
    return ranking.map((entry) => resourceCandidate(inquiry, service, entry));
  });
  return blamelessFinding(inquiry, { verdict: 'undetermined', reason, services: candidates, resources });
}
