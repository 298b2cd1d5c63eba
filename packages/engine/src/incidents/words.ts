import type { Judgement } from '@sage/actuation';
import type { ActionOutcome, ActionPlan, Culprit, Diagnosis, PlannedAction } from '@sage/core';
import type { Decision } from './approval.js';
import type { HeldAction, PlanState } from './incident.js';

/** A diagnosis in a sentence, for timelines and annotations. */
export function diagnosisText(diagnosis: Diagnosis): string {
  const observed =
    diagnosis.observedMs === undefined ? 'no request' : `${diagnosis.observedMs.toFixed(1)} ms`;
  const broke = `${diagnosis.objective}: ${observed}, objective ${diagnosis.thresholdMs} ms.`;
  switch (diagnosis.verdict) {
    case 'culprits': {
      const culprits = diagnosis.culprits.map(
        ({ service, resource, replica, probability, effectMs }) =>
          `${resource} of ${service}${replica === undefined ? '' : `, replica ${replica}`} (${(100 * probability).toFixed(0)} % that restoring it restores the objective, −${effectMs.toFixed(1)} ms)`,
      );
      return `${broke} Root cause: ${culprits.join('; ')}. ${diagnosis.reason}`;
    }
    case 'workload':
      return `${broke} The load is the cause. ${diagnosis.reason}`;
    case 'undetermined':
      return `${broke} The cause could not be determined. ${diagnosis.reason}`;
    case 'no-violation':
      return `${broke} The objective holds. ${diagnosis.reason}`;
  }
}

/** What was done about a diagnosis was not enough, and another says no more. */
export function stillStandsText({ verdict }: Diagnosis): string {
  return `diagnosed anew: ${verdict}; what was found before stands`;
}

/** …and another names who may suffer from what drains out of what was helped. */
export function mayDrainText({ culprits }: Diagnosis): string {
  const named = culprits.map(({ service }) => service).join(', ');
  return `diagnosed anew: ${named}; looked at again once what was queued up has drained`;
}

/** What was planned, and what has to happen for it to be done. */
export function planText({ actions, recommendations }: ActionPlan, state: PlanState, number: number): string {
  const parts = [...actions.map(plannedText), ...recommendations].join('; ');
  return state === 'proposed' ? `plan ${number} waits for approval: ${parts}` : parts;
}

function plannedText({ node, action, reason }: PlannedAction): string {
  return `${action.kind} of ${action.target} on ${node}: ${reason}`;
}

export function outcomeText({ action, status, message }: ActionOutcome): string {
  return `${action.kind} of ${action.target}: ${status}${message === '' ? '' : ` (${message})`}`;
}

export function leaseEndedText({ node, action }: HeldAction): string {
  return `the lease of ${action.kind} of ${action.target} on ${node} has ended: the agent has undone it`;
}

/** Why what was released does not come back. */
export function staysReleasedText(
  { node, action, service, resource }: HeldAction,
  culprits: readonly Culprit[],
): string {
  const blamed = culprits.map((culprit) => `${culprit.resource} of ${culprit.service}`).join(', ');
  const why =
    blamed === ''
      ? 'the objective held without it at first'
      : `to blame is ${blamed}, not ${resource} of ${service}`;
  return `${action.kind} of ${action.target} on ${node} stays released: ${why}`;
}

export function decisionText(decision: Decision, number: number, by: string | undefined): string {
  const verb = decision === 'approve' ? 'approved' : 'rejected';
  return `plan ${number} is ${verb}${by === undefined ? '' : ` by ${by}`}`;
}

/** What became of the objective in the two windows after an action, and what follows from it. */
export function judgementText(
  judgement: Judgement,
  observedMs: number,
  expectedMs: number | undefined,
): string {
  const expected = expectedMs === undefined ? '' : `, expected ${expectedMs.toFixed(1)} ms`;
  const found = `two windows after the action: ${observedMs.toFixed(1)} ms${expected}`;
  switch (judgement) {
    case 'keep':
      return `${found}, within the objective`;
    case 'climb':
      return `${found}, still above the objective; more is done`;
    case 'undo':
      return `${found}, worse than before; what was done is undone`;
    case 'wait':
      return found;
  }
}
