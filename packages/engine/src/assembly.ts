import type { CallGraph } from '@sage/causal-graph';
import { readObjective } from '@sage/core';
import type { Orchestrator } from '@sage/orchestrator';
import { Controller } from './acting/controller.js';
import { AlertReceiver } from './alerts/receiver.js';
import type { EngineDeps } from './engine-face.js';
import type { EngineEvent } from './events.js';
import { IncidentPipeline } from './incidents/pipeline.js';
import { LearningLoop } from './learning/learning-loop.js';
import type { Live } from './live.js';
import type { CollectorPart, Parts } from './parts.js';
import { Annotator } from './publishing/annotator.js';
import { createMetrics, type EngineMetrics } from './publishing/metrics.js';
import { Rehearsals } from './rehearsals.js';
import { MetricPoller } from './sources/metric-poller.js';
import type { DataDir } from './storage/data-dir.js';

const MAX_PENDING_ALERTS = 1000;

/** What the parts of a running engine share. What changes while it runs is asked for each time. */
export interface Surroundings {
  readonly deps: EngineDeps;
  readonly parts: Parts;
  readonly data: DataDir;
  readonly orchestrator: Orchestrator | undefined;
  readonly live: () => Live;
  readonly collector: () => CollectorPart | undefined;
  readonly emit: (event: EngineEvent) => void;
}

/** The parts that live as long as the engine does. */
export interface Assembly {
  readonly metrics: EngineMetrics;
  readonly learning: LearningLoop;
  readonly rehearsals: Rehearsals;
  readonly annotator: Annotator;
  readonly pipeline: IncidentPipeline;
  readonly receiver: AlertReceiver;
  readonly poller: MetricPoller;
}

const NO_CALLS: CallGraph = { services: [], rpcs: [], edges: [] };

/** As the traces show it now. */
export function callGraphOf(collector: CollectorPart | undefined): CallGraph {
  return collector?.callGraph() ?? NO_CALLS;
}

/** Puts them together; nothing runs yet. */
export function assemble(surroundings: Surroundings): Assembly {
  const { deps, parts, data, live, collector } = surroundings;
  const { clock, logger } = deps;
  const learning = assembleLearning(surroundings);
  const metrics = assembleMetrics(surroundings, learning);
  const annotator = new Annotator({
    store: data.incidents,
    grafana: () => live().config.grafana,
    fetch: deps.fetch,
    logger,
    onFailure: () => metrics.annotationFailures.inc(),
    ...(deps.retryMs === undefined ? {} : { retryMs: deps.retryMs }),
  });
  const pipeline = assemblePipeline(surroundings, { metrics, learning, annotator });
  return {
    metrics,
    learning,
    annotator,
    pipeline,
    rehearsals: new Rehearsals({
      parts,
      model: () => learning.model,
      history: () => data.history.normal,
      objectives: () => live().config.objectives,
      logger,
    }),
    receiver: new AlertReceiver(data.journal, {
      clock,
      logger,
      process: (entry) => pipeline.alerts(entry),
      maxPending: MAX_PENDING_ALERTS,
    }),
    poller: new MetricPoller({
      sources: () => live().sources,
      addSamples: (samples) => collector()?.addSamples(samples),
      clock,
      logger,
      onError: (source) => metrics.sourceErrors.inc({ source }),
    }),
  };
}

function assembleLearning({ deps, parts, data, live, collector, emit }: Surroundings): LearningLoop {
  const options = {
    parts,
    store: data.models,
    history: data.history,
    callGraph: () => callGraphOf(collector()),
    config: () => live().config.learning,
    objectives: () => live().config.objectives,
    clock: deps.clock,
    logger: deps.logger,
    emit,
  };
  return new LearningLoop(options, data.model);
}

function assembleMetrics(
  { deps, data, live, collector }: Surroundings,
  learning: LearningLoop,
): EngineMetrics {
  return createMetrics({
    objectives: () => {
      const { latest } = data.history;
      return live().config.objectives.map((objective) => {
        const reading = latest === undefined ? undefined : readObjective(objective, latest);
        return { objective, observedMs: reading?.observedMs, broken: reading?.broken ?? false };
      });
    },
    openIncidents: () => data.incidents.open,
    model: () => learning.current,
    modelCheckedMs: () => learning.checkedMs,
    collector: () => collector()?.stats() ?? { spansReceived: 0, spansDropped: {} },
    sources: () => live().sources.map(({ name }) => name),
    pendingAlerts: () => data.journal.pendingCount,
    version: deps.version ?? 'unknown',
  });
}

function assemblePipeline(
  { deps, parts, data, orchestrator, live, emit }: Surroundings,
  { metrics, learning, annotator }: Pick<Assembly, 'metrics' | 'learning' | 'annotator'>,
): IncidentPipeline {
  const { clock, logger } = deps;
  const config = () => live().config;
  const controller = new Controller({
    parts,
    agents: () => live().agents,
    orchestrator,
    config,
    logger,
    count: (action, outcome) => metrics.actions.inc({ action, outcome }),
  });
  return new IncidentPipeline({
    parts,
    store: data.incidents,
    history: data.history,
    controller,
    model: () => learning.model,
    config,
    clock,
    logger,
    emit,
    publish: (incident) => annotator.sync(incident.id),
    onDiagnosis: (diagnosis, seconds) => {
      metrics.diagnoses.inc({ verdict: diagnosis.verdict });
      metrics.diagnosisSeconds.observe(seconds);
      const { objective, verdict, reason } = diagnosis;
      logger.info('diagnosis', { objective, verdict, reason });
    },
    onJudged: (judged) => metrics.judged(judged),
    onUnknownObjective: (qos) => {
      metrics.alerts.inc({ outcome: 'unknown-objective' });
      logger.warn('an alert names no objective by its label qos', { qos: qos ?? '(none)' });
    },
  });
}
