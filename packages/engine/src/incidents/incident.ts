import type { Action, ActionOutcome, ActionPlan, Diagnosis, Resource } from '@sage/core';

export type IncidentSource = 'collector' | 'alertmanager';

/**
 * `advice`: words for people alone. `proposed`: waits for somebody's approval. `due`: decided and written down, so that
 * it is carried out after a crash, too. `done`. `rejected`: somebody said no. `stale`: overtaken before anybody
 * decided.
 */
export type PlanState = 'advice' | 'proposed' | 'due' | 'done' | 'rejected' | 'stale';

/** A plan of an incident; its number in requests is its place in the list, from 1. */
export interface IncidentAction {
  /** When it was made. */
  readonly atMs: number;
  readonly plan: ActionPlan;
  readonly state: PlanState;
  /** Plans made together, one for each culprit, share a number: they are judged together. */
  readonly round: number;
  /** Whether somebody approved it. */
  readonly approved: boolean;
  readonly doneMs: number | null;
  /** The objective's latency before it was carried out, ms. */
  readonly beforeMs: number | null;
  /** Replicas that the service had when it was made, where it scales. */
  readonly replicasBefore: number | null;
  /** Empty where nothing was carried out. */
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
  /** When what was done was last judged. */
  readonly judgedMs: number;
  /** Whether a culprit's service was being treated in another incident, so that this one still waits for its turn. */
  readonly waiting: boolean;
  /** Oldest first. */
  readonly inForce: readonly HeldAction[];
  /** What was released last, while it may have to come back. */
  readonly released: { readonly atMs: number; readonly held: HeldAction } | null;
  /** Times the usual clean windows before something is released. */
  readonly patience: number;
  readonly resting: readonly RestingKnob[];
}

/** An action in force. */
export interface HeldAction {
  /** Or, of a `scale`, the orchestrator. */
  readonly node: string;
  readonly actionId: string;
  readonly action: Action;
  readonly service: string;
  readonly resource: Resource;
  /** The agent undoes it by itself then; null where nobody would. */
  readonly leaseEndsMs: number | null;
  readonly replicasBefore: number | null;
}

/** A knob that did harm or was refused, and is not turned again before a time. */
export interface RestingKnob {
  readonly node: string;
  readonly action: Action;
  readonly untilMs: number;
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
    waiting: false,
    inForce: [],
    released: null,
    patience: 1,
    resting: [],
  };
}

export function publicIncident(record: IncidentRecord): Incident {
  const { id, objective, status, openedMs, closedMs, sources, diagnosis, actions, timeline } = record;
  return { id, objective, status, openedMs, closedMs, sources, diagnosis, actions, timeline };
}

/** The same incident is diagnosed and treated with the same draws. */
export function seedOf(id: string): number {
  return Number.parseInt(id.slice(0, 7), 16);
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

/** Something of it was carried out. */
export function isApplied({ outcomes }: IncidentAction): boolean {
  return outcomes.some(({ status }) => status === 'applied');
}

/** 0 where nothing was planned yet. */
export function lastRoundOf(incident: IncidentRecord | undefined): number {
  return Math.max(0, ...(incident?.actions ?? []).map((entry) => entry.round));
}
