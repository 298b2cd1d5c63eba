import { ACTION_KINDS, type ActionStatus, type Verdict } from '@sage/core';
import type { TrainingEvent } from '../events.js';
import type { AlertCount } from '../http/alerts-route.js';

/** What the labels of counters can say. Records, so that the compiler misses a word that is added elsewhere. */

const verdicts: Readonly<Record<Verdict, true>> = {
  culprits: true,
  workload: true,
  undetermined: true,
  'no-violation': true,
};

const statuses: Readonly<Record<ActionStatus, true>> = {
  applied: true,
  unchanged: true,
  'dry-run': true,
  refused: true,
  failed: true,
  released: true,
};

const alerts: Readonly<Record<AlertCount, true>> = {
  accepted: true,
  duplicate: true,
  repeat: true,
  full: true,
  failed: true,
  unauthorized: true,
  unsupported: true,
  'too-large': true,
  aborted: true,
  invalid: true,
  'unknown-objective': true,
};

const trainings: Readonly<Record<Extract<TrainingEvent['phase'], 'finished' | 'failed'>, true>> = {
  finished: true,
  failed: true,
};

export const VERDICTS = Object.keys(verdicts).map((verdict) => ({ verdict }));
export const ACTION_OUTCOMES = ACTION_KINDS.flatMap((action) =>
  Object.keys(statuses).map((outcome) => ({ action, outcome })),
);
export const ALERT_OUTCOMES = Object.keys(alerts).map((outcome) => ({ outcome }));
export const TRAININGS = Object.keys(trainings).map((outcome) => ({ outcome }));
