import type { Candidate } from '@sage/core';
import { ownAnomaly } from './evidence.js';
import { blamelessFinding, type Finding, resourceCandidate, serviceCandidate } from './finding.js';
import type { Inquiry } from './inquiry.js';
import { findCulprits, type RankedSuspect, rankSuspects, type Suspect } from './level-one.js';
import { rankResources } from './level-two.js';

/** How many services beside the suspects are listed. */
const LISTED = 5;

/** Level 1 of the search: which services. */
export interface JudgedServices {
  /** The services out of the ordinary by their own doing, most likely first; where none is, the oddest few. */
  readonly ranked: readonly RankedSuspect[];
  /** Whether any of them is out of the ordinary. */
  readonly areSuspect: boolean;
  /** Those and, beside them, some out of the question: that restoring them would not help is an answer, too. */
  readonly candidates: readonly Candidate[];
}

export function judgeServices(inquiry: Inquiry): JudgedServices {
  const { scene, settings, ask, excessMs } = inquiry;
  const all = scene.view.services
    .map((service) => ({ service, ...ownAnomaly(scene.signsOf(service), scene.facts.responsibility) }))
    .sort((a, b) => b.anomaly - a.anomaly);
  const suspects: readonly Suspect[] = all.filter(({ decisive }) => decisive >= settings.anomalyThreshold);
  const judged = { ...settings, excessMs };
  const ranked = rankSuspects(suspects.length > 0 ? suspects : all.slice(0, LISTED), ask, judged);
  const others = all
    .filter(({ service }) => !ranked.some((entry) => entry.service === service))
    .slice(0, LISTED);
  const candidates = rankSuspects([...ranked, ...others], ask, judged).map((entry) =>
    serviceCandidate(inquiry, entry),
  );
  return { ranked, areSuspect: suspects.length > 0, candidates };
}

/** Whom to blame, and the probability that restoring them all restores the objective. */
export function blame(
  { settings, ask, excessMs }: Inquiry,
  { ranked, areSuspect }: JudgedServices,
): { readonly blamed: readonly string[]; readonly probability: number } {
  const blamed = areSuspect ? findCulprits(ranked, ask, { ...settings, excessMs }) : [];
  const { probability } = ask(blamed.map((service) => ({ service })));
  return { blamed, probability };
}

/** Restoring `blamed`, the best that was found, is not sure enough to restore the objective. */
export function undeterminedFinding(
  inquiry: Inquiry,
  { ranked, areSuspect, candidates }: JudgedServices,
  { blamed, probability }: ReturnType<typeof blame>,
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
