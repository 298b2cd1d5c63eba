import type { Action, ActionOutcome, ActionPlan, Diagnosis } from '@sage/core';

export type IncidentSource = 'collector' | 'alertmanager';

export interface IncidentAction {
  readonly atMs: number;
  readonly plan: ActionPlan;
  /** Empty where the plan is a recommendation. */
  readonly outcomes: readonly ActionOutcome[];
}

export interface TimelineEntry {
  readonly atMs: number;
  readonly text: string;
}

/** One time in which one objective was broken: what `GET /api/v1/incidents/:id` answers. */
export interface Incident {
  readonly id: string;
  readonly objective: string;
  readonly status: 'open' | 'closed';
  readonly openedMs: number;
  readonly closedMs: number | null;
  /** Everyone who reported it. */
  readonly sources: readonly IncidentSource[];
  readonly diagnosis: Diagnosis | null;
  readonly actions: readonly IncidentAction[];
  readonly timeline: readonly TimelineEntry[];
}

/** What must survive a restart beside what is shown. */
export interface IncidentRecord extends Incident {
  /** Alert id → whether it still fires. */
  readonly alerts: Readonly<Record<string, 'firing' | 'resolved'>>;
  /** When Alertmanager last said that something fires. */
  readonly heardMs: number;
  /** Whether the collector extension still sees the objective broken. */
  readonly collectorBroken: boolean;
  /** Diagnoses made with a model so far. */
  readonly attempts: number;
  readonly annotation: AnnotationState;
  /** Time of the newest action whose effect has been judged. */
  readonly judgedMs: number;
  /** Targets, as `node/target`, that were acted on: another diagnosis touches none of them again. */
  readonly touched: readonly string[];
  readonly inForce: readonly HeldAction[];
}

/** An action in force: the agent undoes it by itself when its lease ends. */
export interface HeldAction {
  readonly node: string;
  readonly actionId: string;
  readonly action: Action;
  readonly leaseEndsMs: number;
}

/** `posting`: a request may have reached Grafana, so the annotation is looked for before another is made. */
export type AnnotationState =
  | { readonly state: 'none' }
  | { readonly state: 'posting' }
  | { readonly state: 'posted'; readonly id: number; readonly text: string; readonly ended: boolean };

export function newIncident(id: string, objective: string, openedMs: number): IncidentRecord {
  return {
    id,
    objective,
    status: 'open',
    openedMs,
    closedMs: null,
    sources: [],
    diagnosis: null,
    actions: [],
    timeline: [],
    alerts: {},
    heardMs: 0,
    collectorBroken: false,
    attempts: 0,
    annotation: { state: 'none' },
    judgedMs: 0,
    touched: [],
    inForce: [],
  };
}

export function publicIncident(record: IncidentRecord): Incident {
  const { id, objective, status, openedMs, closedMs, sources, diagnosis, actions, timeline } = record;
  return { id, objective, status, openedMs, closedMs, sources, diagnosis, actions, timeline };
}

/** An incident ends when each of those who reported it says so. */
export function isResolved(record: IncidentRecord): boolean {
  return !record.collectorBroken && Object.values(record.alerts).every((status) => status === 'resolved');
}

const MAX_TIMELINE = 200;

/** With a line more in its timeline; no text, no line. */
export function noted(record: IncidentRecord, atMs: number, text: string): IncidentRecord {
  if (text === '') return record;
  return { ...record, timeline: [...record.timeline, { atMs, text }].slice(-MAX_TIMELINE) };
}
