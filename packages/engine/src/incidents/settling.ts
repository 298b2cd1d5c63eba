import { WINDOWS_TO_JUDGE } from '@sage/actuation';
import { type IncidentRecord, isApplied } from './incident.js';

/**
 * For two windows after an action what was queued up drains, and floods whoever is downstream: latency then speaks of the
 * recovery and not of a cause.
 */
export interface Settling {
  /** The time from which windows count again; 0 where nothing was done. */
  readonly settledMs: number;
  /** Services for which something was done that has not settled yet. */
  readonly helped: ReadonlySet<string>;
}

export function settlingOf(
  incidents: readonly IncidentRecord[],
  { windowSeconds, nowMs }: { readonly windowSeconds: number; readonly nowMs: number },
): Settling {
  const settlingMs = WINDOWS_TO_JUDGE * windowSeconds * 1000;
  const done = incidents.flatMap(({ actions }) =>
    actions.flatMap((action) =>
      isApplied(action) && action.doneMs !== null
        ? [{ service: action.plan.service, settledMs: action.doneMs + settlingMs }]
        : [],
    ),
  );
  return {
    settledMs: done.reduce((latest, { settledMs }) => Math.max(latest, settledMs), 0),
    helped: new Set(done.filter(({ settledMs }) => settledMs > nowMs).map(({ service }) => service)),
  };
}
