import { callsPerSecond, type LatencyNodeId, type Objective, objectiveNode, type Window } from '@sage/core';
import type { NormalReference } from './normal-reference.js';

/** What users ask of one operation, beside what they ordinarily do; all in requests per second. */
export interface LeadingLoad {
  readonly root: LatencyNodeId;
  readonly perSecond: number;
  /** That are surely asked for: of sampled traces few make a count. */
  readonly surePerSecond: number;
  /** In windows like the present one that met the objective. */
  readonly usualPerSecond: number;
  /** That the objective is ordinarily met at. */
  readonly largestPerSecond: number;
}

/** Standard errors of a count. */
const SURE_ERRORS = 2;

/** Requests per second that are surely asked for: n calls are known within √n. */
export function sureLoad(perSecond: number, { startMs, endMs }: Pick<Window, 'startMs' | 'endMs'>): number {
  const seconds = (endMs - startMs) / 1000;
  return perSecond - (SURE_ERRORS * Math.sqrt(perSecond * seconds)) / seconds;
}

/**
 * The load of the objective's own operation, or of another that is surely beyond what is ordinary, and further than that
 * one. An operation that has to wait is counted when it is done, and at no more than its slowest service gets done: how
 * much is asked then shows on the operations that the same users ask for beside it.
 */
export function leadingLoad(window: Window, reference: NormalReference, objective: Objective): LeadingLoad {
  const root = objectiveNode(objective);
  const own = loadOf(root, window, {
    usualPerSecond: reference.loadPerSecond,
    largestPerSecond: reference.largestLoad(root),
  });
  let leading = own;
  for (const [other, usualPerSecond] of reference.rootLoads) {
    const perSecond = callsPerSecond(window, other);
    // What is ordinary is dear to ask for, and at least as much as what is usual.
    if (other === root || usualPerSecond <= 0 || perSecond <= usualPerSecond) continue;
    const load = loadOf(other, window, { usualPerSecond, largestPerSecond: reference.largestLoad(other) });
    if (load.surePerSecond > load.largestPerSecond && beyond(load) > beyond(leading)) leading = load;
  }
  return leading;
}

/**
 * How large to believe it, requests/s: as it is counted, where it is the objective's own operation; of several others the one
 * that is furthest beyond what is ordinary for it is so by luck, too, and is believed as far as it is sure.
 */
export function believedPerSecond(load: LeadingLoad, objective: Objective): number {
  return load.root === objectiveNode(objective) ? load.perSecond : load.surePerSecond;
}

function loadOf(
  root: LatencyNodeId,
  window: Window,
  ordinary: Pick<LeadingLoad, 'usualPerSecond' | 'largestPerSecond'>,
): LeadingLoad {
  const perSecond = callsPerSecond(window, root);
  return { root, perSecond, surePerSecond: sureLoad(perSecond, window), ...ordinary };
}

function beyond({ surePerSecond, largestPerSecond }: LeadingLoad): number {
  return surePerSecond / largestPerSecond;
}
