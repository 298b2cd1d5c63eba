import type { ActionOutcome, ActionPlan, Diagnosis, ObjectiveReading, Window } from '@sage/core';
import type { Incident } from './incidents/incident.js';
import type { TrainingProgress } from './parts.js';

/** What happens in the engine, as it happens. */
export type EngineEvent =
  | {
      readonly type: 'window';
      readonly window: Window;
      readonly readings: ReadonlyMap<string, ObjectiveReading>;
    }
  | TrainingEvent
  | { readonly type: 'incident-opened'; readonly incident: Incident }
  | { readonly type: 'diagnosed'; readonly incident: Incident; readonly diagnosis: Diagnosis }
  | {
      readonly type: 'action';
      readonly incident: Incident;
      readonly plan: ActionPlan;
      readonly outcomes: readonly ActionOutcome[];
    }
  | { readonly type: 'incident-closed'; readonly incident: Incident };

export type TrainingEvent =
  | { readonly type: 'training'; readonly phase: 'started'; readonly windows: number }
  | ({ readonly type: 'training'; readonly phase: 'progress' } & TrainingProgress)
  | {
      readonly type: 'training';
      readonly phase: 'finished';
      readonly r2: ReadonlyMap<string, number>;
      readonly seconds: number;
      readonly windows: number;
    }
  | { readonly type: 'training'; readonly phase: 'failed'; readonly message: string };
