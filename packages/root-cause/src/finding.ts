import type { Candidate, Culprit, Diagnosis } from '@sage/core';
import { resourceEvidence, serviceEvidence } from './evidence.js';
import type { Inquiry } from './inquiry.js';
import type { RankedSuspect } from './level-one.js';
import type { RankedResource } from './level-two.js';
import { culpritsText } from './reason.js';
import { findVictims } from './victims.js';

/** What an inquiry comes to; the diagnosis says of which objective and window. */
export type Finding = Pick<Diagnosis, 'verdict' | 'reason'> &
  Partial<Pick<Diagnosis, 'culprits' | 'services' | 'resources' | 'victims'>>;

/** Somebody is to blame; whoever else is slow is a victim. */
export function culpritsFinding(
  { scene, window, reference, lasts }: Inquiry,
  { culprits, holds }: { readonly culprits: readonly Culprit[]; readonly holds: number },
  candidates: Pick<Finding, 'services' | 'resources'> = {},
): Finding {
  const blamed = culprits.map(({ service }) => service);
  const victims = findVictims(scene.view, window, { reference, culprits: blamed });
  const reason = culpritsText(culprits, victims, { holds, lasts });
  return { verdict: 'culprits', reason, culprits, ...candidates, victims };
}

/** Nobody is to blame, for the reason given; whoever is slow is a victim. */
export function blamelessFinding(
  { scene, window, reference }: Inquiry,
  finding: Omit<Finding, 'culprits' | 'victims'>,
): Finding {
  return { ...finding, victims: findVictims(scene.view, window, { reference, culprits: [] }) };
}

export function serviceCandidate(
  { scene: { signsOf, facts } }: Inquiry,
  { service, anomaly, medianMs, probability }: RankedSuspect,
): Candidate {
  const evidence = serviceEvidence(signsOf(service), facts.responsibility);
  return { service, resource: undefined, anomaly, counterfactualMs: medianMs, probability, evidence };
}

export function resourceCandidate(
  { scene: { signsOf, facts } }: Inquiry,
  service: string,
  { resource, medianMs, probability }: RankedResource,
): Candidate {
  const evidence = resourceEvidence(signsOf(service), resource, facts.responsibility);
  const anomaly = Math.max(0, ...evidence.map(({ z }) => z));
  return { service, resource, anomaly, counterfactualMs: medianMs, probability, evidence };
}
