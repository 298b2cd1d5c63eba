import type { Candidate } from '@sage/core';
import { blamelessFinding, type Finding } from './finding.js';
import type { Inquiry } from './inquiry.js';
import { foresee } from './outlook.js';
import { workloadText } from './reason.js';
import { isOverloaded, normalLoad, strainedBeyondLoad } from './workload.js';

/** Standard errors of a count. */
const SURE_ERRORS = 2;

/** Requests per second that are surely asked for: of sampled traces few make a count, and n calls are known within √n. */
export function sureLoad({ load, window }: Pick<Inquiry, 'load' | 'window'>): number {
  const seconds = (window.endMs - window.startMs) / 1000;
  return load - (SURE_ERRORS * Math.sqrt(load * seconds)) / seconds;
}

/** Whether load alone, larger by far than what the objective is ordinarily met at, explains the violation. */
export function isSurge(inquiry: Inquiry): boolean {
  const { reference, settings, scene } = inquiry;
  if (sureLoad(inquiry) <= settings.surgeRatio * reference.largestLoadPerSecond) return false;
  const strained = strainedBeyondLoad(scene.view.services, scene.signs, beyondLoad(inquiry));
  return strained.length === 0 || wouldNormalLoadRestore(inquiry);
}

/** Whether this service, the most suspect, suffers from nothing but load larger than ordinary. */
export function suffersFromLoad(inquiry: Inquiry, service: string): boolean {
  const { history, scene } = inquiry;
  return isLoadUnusual(inquiry) && isOverloaded(scene.signsOf(service), { ...beyondLoad(inquiry), history });
}

/** Whether load is larger than ordinary, and the objective would hold had it been normal. */
export function isOwedToLoad(inquiry: Inquiry): boolean {
  return isLoadUnusual(inquiry) && wouldNormalLoadRestore(inquiry);
}

/** It was the load, and nobody's fault. */
export function workloadFinding(inquiry: Inquiry, services: readonly Candidate[]): Finding {
  const reason = workloadText(inquiry.load, inquiry.reference);
  return blamelessFinding(inquiry, { verdict: 'workload', reason, services });
}

function isLoadUnusual(inquiry: Inquiry): boolean {
  return sureLoad(inquiry) > inquiry.reference.largestLoadPerSecond;
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
