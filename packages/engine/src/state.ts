import type { CausalGraph } from '@sage/causal-graph';
import { type Objective, type Percentile, readObjective, type Window } from '@sage/core';
import { type Incident, publicIncident } from './incidents/incident.js';
import type { IncidentStore } from './incidents/incident-store.js';
import type { WindowHistory } from './learning/history.js';
import type { LearningLoop } from './learning/learning-loop.js';
import { type ServiceGraph, serviceGraph } from './service-view.js';
import { unseenObjective } from './unseen-objective.js';

const SERIES_MS = 15 * 60_000;
const MAX_INCIDENTS = 50;

/** What `GET /api/v1/state` answers; all that the page shows. Times are ms since the epoch, latencies ms. */
export interface EngineState {
  readonly status: 'collecting' | 'training' | 'watching';
  /** Windows in which some call was seen. */
  readonly windows: { readonly collected: number; readonly needed: number };
  readonly training: { epoch: number; epochs: number; loss: number; r2: number | null } | null;
  readonly model: { trainedMs: number; fingerprint: string; r2: Readonly<Record<string, number>> } | null;
  readonly objectives: readonly {
    readonly name: string;
    readonly service: string;
    readonly operation: string;
    readonly percentile: 'p50' | 'p95' | 'p99';
    readonly thresholdMs: number;
    readonly observedMs: number | null;
    readonly broken: boolean;
    /** Why it watches nothing: there is traffic, and no request of it. */
    readonly unseen: string | null;
  }[];
  /** By objective, one point per window of the last 15 minutes. */
  readonly series: Readonly<Record<string, readonly SeriesPoint[]>>;
  readonly graph: ServiceGraph;
  /** Newest first. */
  readonly incidents: readonly Incident[];
}

export interface SeriesPoint {
  /** End of the window. */
  readonly t: number;
  readonly observedMs: number | null;
  readonly thresholdMs: number;
  readonly requestsPerSecond: number;
}

export interface StateFacts {
  readonly objectives: readonly Objective[];
  readonly history: WindowHistory;
  readonly learning: LearningLoop;
  readonly incidents: IncidentStore;
  readonly graph: CausalGraph;
  readonly minWindows: number;
}

export function engineState({
  objectives,
  history,
  learning,
  incidents,
  graph,
  minWindows,
}: StateFacts): EngineState {
  const { current, progress } = learning;
  const { latest, learnable } = history;
  const recent = latest === undefined ? [] : history.since(latest.endMs - SERIES_MS);
  return {
    status: current !== undefined ? 'watching' : learning.training ? 'training' : 'collecting',
    windows: { collected: learnable.length, needed: minWindows },
    training: progress === undefined ? null : { ...progress, r2: progress.r2 ?? null },
    model:
      current === undefined
        ? null
        : {
            trainedMs: current.trainedMs,
            fingerprint: current.model.graph.fingerprint,
            r2: Object.fromEntries(current.model.r2),
          },
    objectives: objectives.map((objective) => {
      const reading = latest === undefined ? undefined : readObjective(objective, latest);
      const { name, service, operation, percentile, thresholdMs } = objective;
      return {
        name,
        service,
        operation,
        percentile: shortName(percentile),
        thresholdMs,
        observedMs: reading?.observedMs ?? null,
        broken: reading?.broken ?? false,
        unseen: unseenObjective(objective, learnable) ?? null,
      };
    }),
    series: Object.fromEntries(objectives.map((objective) => [objective.name, series(objective, recent)])),
    graph: serviceGraph(graph, latest, history.normal, incidents.open),
    incidents: incidents.all.slice(0, MAX_INCIDENTS).map(publicIncident),
  };
}

function series(objective: Objective, windows: readonly Window[]): SeriesPoint[] {
  return windows.map((window) => {
    const { observedMs, requestsPerSecond } = readObjective(objective, window);
    return {
      t: window.endMs,
      observedMs: observedMs ?? null,
      thresholdMs: objective.thresholdMs,
      requestsPerSecond,
    };
  });
}

function shortName(percentile: Percentile): 'p50' | 'p95' | 'p99' {
  return percentile.slice(0, 3) as 'p50' | 'p95' | 'p99';
}
