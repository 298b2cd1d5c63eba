import { failure, type Outcome, success } from '@sage/core';
import type { ActuationMode } from '../config/config.js';
import type { IncidentAction, IncidentRecord, PlanState } from './incident.js';

export type Decision = 'approve' | 'reject';

/** `not-found`: there is no such plan; `conflict`: it cannot be decided any more, or not now. */
export type DecisionFailure = 'not-found' | 'conflict';

export interface DecisionFacts {
  readonly mode: ActuationMode;
  /** Another open incident that treats the same service. */
  readonly treatedIn: string | undefined;
}

const WHY_NOT: Readonly<Record<Exclude<PlanState, 'proposed'>, string>> = {
  advice: 'it says what a person should do, and holds nothing that could be carried out',
  due: 'it was approved, and is being carried out',
  done: 'it was carried out',
  rejected: 'it was rejected',
  stale: 'it was overtaken by a later plan or by the end of the incident',
};

/**
 * What becomes of a plan when somebody approves or rejects it: the entry as it is then, the same one where it was
 * decided so before. Decisions are final.
 */
export function decide(
  { id, status, actions }: IncidentRecord,
  number: number,
  decision: Decision,
  { mode, treatedIn }: DecisionFacts,
): Outcome<IncidentAction, DecisionFailure> {
  const entry = actions[number - 1];
  if (entry === undefined) {
    return failure('not-found', `incident ${id} has no plan ${number}: it has ${actions.length}`);
  }
  const refuse = (why: string) => failure('conflict' as const, `plan ${number} of incident ${id}: ${why}`);
  const { state } = entry;
  if (decision === 'approve' ? entry.approved : state === 'rejected') return success(entry);
  if (state !== 'proposed') return refuse(WHY_NOT[state]);
  if (status === 'closed') return refuse('the incident is closed');
  if (decision === 'reject') return success({ ...entry, state: 'rejected' });
  if (mode === 'observe') return refuse('the objective is only observed by now');
  if (treatedIn !== undefined) {
    return refuse(`${entry.plan.service} is being treated in incident ${treatedIn}`);
  }
  return success({ ...entry, state: 'due', approved: true });
}
