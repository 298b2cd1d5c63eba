import type { Candidate } from '@sage/core';
import { blamelessFinding, type Finding } from './finding.js';
import type { Inquiry } from './inquiry.js';
import { foresee } from './outlook.js';
import { useOfAllText, workloadText } from './reason.js';
import { growthOfAllUse, isOverloaded, normalLoad, strainedBeyondLoad } from './workload.js';

/**
 * Whether load alone, larger by far than what the objective is ordinarily met at, explains the violation. That it is
 * larger has to be sure; by how much is asked of the count as it is.
 */
export function isSurge(inquiry: Inquiry): boolean {
  const { load, settings, scene } = inquiry;
  if (!isLoadUnusual(inquiry) || load.perSecond <= settings.surgeRatio * load.largestPerSecond) return false;
  const strained = strainedBeyondLoad(scene.view.services, scene.signs, beyondLoad(inquiry));
  return strained.length === 0 || wouldNormalLoadRestore(inquiry);
}

/**
 * Whether this service, the most suspect, suffers from nothing but load larger than ordinary: as it is counted, or as
 * all services show it.
 */
export function suffersFromLoad(inquiry: Inquiry, service: string): boolean {
  const { history, scene } = inquiry;
  const isMoreAsked = () => isLoadUnusual(inquiry) || growthOfAllUse(scene.signs, history) !== undefined;
  return isOverloaded(scene.signsOf(service), { ...beyondLoad(inquiry), history }) && isMoreAsked();
}

/** Whether load is larger than ordinary, and the objective would hold had it been normal. */
export function isOwedToLoad(inquiry: Inquiry): boolean {
  return isLoadUnusual(inquiry) && wouldNormalLoadRestore(inquiry);
}

/** It was the load, and nobody's fault. */
export function workloadFinding(inquiry: Inquiry, services: readonly Candidate[]): Finding {
  const { scene, history, load, objective } = inquiry;
  const growth = isLoadUnusual(inquiry) ? undefined : growthOfAllUse(scene.signs, history);
  const reason = growth === undefined ? workloadText(load, objective) : useOfAllText(growth);
  return blamelessFinding(inquiry, { verdict: 'workload', reason, services });
}

function isLoadUnusual({ load }: Inquiry): boolean {
  return load.surePerSecond > load.largestPerSecond;
}

function wouldNormalLoadRestore(inquiry: Inquiry): boolean {
  const { model, reference, scene, settings, worlds, window } = inquiry;
  const intervention = normalLoad(reference, scene.signs, { ...beyondLoad(inquiry), window });
  const { probability } = foresee(model, scene.abduction, { ...worlds, intervention });
  return probability >= settings.minProbability;
}

function beyondLoad({ growth, settings }: Inquiry): { readonly growth: number; readonly threshold: number } {
  return { growth, threshold: settings.anomalyThreshold };
}
