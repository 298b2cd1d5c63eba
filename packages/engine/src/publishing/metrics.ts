import { predictionError } from '@sage/actuation';
import type { Objective, Percentile } from '@sage/core';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { IncidentRecord } from '../incidents/incident.js';
import type { JudgedAction } from '../incidents/treatment.js';
import type { StoredModel } from '../learning/model-store.js';
import type { CollectorStats } from '../parts.js';
import { ACTION_OUTCOMES, ALERT_OUTCOMES, TRAININGS, VERDICTS } from './label-values.js';

/** As Prometheus writes quantiles. */
const QUANTILES: Readonly<Record<Percentile, string>> = { p50Ms: '0.5', p95Ms: '0.95', p99Ms: '0.99' };

/** What is read when somebody scrapes. */
export interface MetricsView {
  readonly objectives: () => readonly {
    readonly objective: Objective;
    readonly observedMs: number | undefined;
    readonly broken: boolean;
  }[];
  readonly openIncidents: () => readonly IncidentRecord[];
  readonly model: () => StoredModel | undefined;
  /** When the present model was trained, or found to hold still. */
  readonly modelCheckedMs: () => number | undefined;
  readonly collector: () => CollectorStats;
  /** Names of the metric sources that are asked. */
  readonly sources: () => readonly string[];
  readonly pendingAlerts: () => number;
  readonly version: string;
}

export interface EngineMetrics {
  readonly registry: Registry;
  readonly diagnosisSeconds: Histogram;
  readonly diagnoses: Counter<'verdict'>;
  readonly actions: Counter<'action' | 'outcome'>;
  /** What came of an action beside what was predicted. */
  readonly judged: (judged: JudgedAction) => void;
  readonly alerts: Counter<'outcome'>;
  readonly windows: Counter;
  readonly lastWindow: Gauge;
  readonly sourceErrors: Counter<'source'>;
  readonly trainings: Counter<'outcome'>;
  readonly annotationFailures: Counter;
  readonly reloadOk: Gauge;
  readonly reloadAt: Gauge;
}

export function createMetrics(view: MetricsView): EngineMetrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    collect: (gauge: Gauge<L>) => void,
  ) =>
    new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        // reset() would leave a gauge without labels at 0, which is a value and not the want of one.
        if (labelNames.length === 0) this.remove();
        else this.reset();
        collect(this as Gauge<L>);
      },
    });
  /** Without a sample until it is set. */
  const gaugeToSet = (name: string, help: string) => {
    const unset = new Gauge({ name, help, registers });
    unset.remove();
    return unset;
  };
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  /** Every value of its labels counts from 0: `increase()` does not see a series that is born at 1. */
  const counterFromZero = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    known: readonly Readonly<Record<L, string>>[],
  ) => {
    const zeroed = counter(name, help, labelNames);
    for (const labels of known) zeroed.inc(labels, 0);
    return zeroed;
  };

  diagnosisGauges(gauge, view);
  gauge('sage_qos_violation', 'Whether the latest window breaks the objective.', ['qos'], (self) => {
    for (const { objective, observedMs, broken } of view.objectives()) {
      // Without a request the objective neither holds nor is broken.
      if (observedMs !== undefined) self.set({ qos: objective.name }, broken ? 1 : 0);
    }
  });
  gauge('sage_qos_latency_seconds', "The objective's percentile in the latest window.", ['qos'], (self) => {
    for (const { objective, observedMs } of view.objectives()) {
      if (observedMs !== undefined) self.set({ qos: objective.name }, observedMs / 1000);
    }
  });
  const objectiveLabels = ['qos', 'service', 'operation', 'quantile'];
  gauge('sage_qos_objective_seconds', 'What the percentile shall not exceed.', objectiveLabels, (self) => {
    for (const { objective } of view.objectives()) {
      const { name: qos, service, operation, thresholdMs } = objective;
      self.set({ qos, service, operation, quantile: QUANTILES[objective.percentile] }, thresholdMs / 1000);
    }
  });
  gauge(
    'sage_model_r2',
    "Held-out R² of the latency of the service's own nodes, encoded and decoded again with it in sight.",
    ['service'],
    (self) => {
      for (const [service, r2] of view.model()?.model.r2 ?? []) self.set({ service }, r2);
    },
  );
  gauge(
    'sage_model_foretold_r2',
    "Held-out R² of the latency of the service's own nodes, foretold by metrics, load and calls alone.",
    ['service'],
    (self) => {
      for (const [service, r2] of view.model()?.model.foretold ?? []) self.set({ service }, r2);
    },
  );
  gauge('sage_model_trained_timestamp_seconds', 'When the present model was trained.', [], (self) => {
    const model = view.model();
    if (model !== undefined) self.set(model.trainedMs / 1000);
  });
  gauge(
    'sage_model_checked_timestamp_seconds',
    'When the present model was trained, or found to hold still.',
    [],
    (self) => {
      const checkedMs = view.modelCheckedMs();
      if (checkedMs !== undefined) self.set(checkedMs / 1000);
    },
  );
  gauge('sage_alerts_pending', 'Alert notifications accepted and not worked off.', [], (self) =>
    self.set(view.pendingAlerts()),
  );
  spanCounters(registers, view);
  const judged = predictionMetrics(registers);
  new Gauge({ name: 'sage_build_info', help: 'Always 1.', labelNames: ['version'], registers }).set(
    { version: view.version },
    1,
  );

  return {
    registry,
    diagnosisSeconds: new Histogram({
      name: 'sage_diagnosis_duration_seconds',
      help: 'Time from window to diagnosis.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    diagnoses: counterFromZero('sage_diagnoses_total', 'Diagnoses made.', ['verdict'], VERDICTS),
    actions: counterFromZero(
      'sage_actions_total',
      'What node agents and the orchestrator answered.',
      ['action', 'outcome'],
      ACTION_OUTCOMES,
    ),
    judged,
    alerts: counterFromZero(
      'sage_alerts_received_total',
      'Notifications of Alertmanager.',
      ['outcome'],
      ALERT_OUTCOMES,
    ),
    windows: counter('sage_windows_total', 'Windows seen since the start.'),
    lastWindow: gaugeToSet('sage_last_window_timestamp_seconds', 'End of the latest window.'),
    sourceErrors: new Counter({
      name: 'sage_source_errors_total',
      help: 'Questions a metric source did not answer.',
      labelNames: ['source'],
      registers,
      // Which sources there are changes with the configuration.
      collect() {
        for (const source of view.sources()) this.inc({ source }, 0);
      },
    }),
    trainings: counterFromZero('sage_trainings_total', 'Trainings of the model.', ['outcome'], TRAININGS),
    annotationFailures: counter('sage_annotation_failures_total', 'Requests to Grafana that failed.'),
    reloadOk: gaugeToSet(
      'sage_config_last_reload_successful',
      'Whether the last reading of the configuration succeeded.',
    ),
    reloadAt: gaugeToSet(
      'sage_config_last_reload_success_timestamp_seconds',
      'When the configuration was last read with success.',
    ),
  };
}

/** There while the incident is open, gone after it. */
function diagnosisGauges(
  gauge: <L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    collect: (gauge: Gauge<L>) => void,
  ) => unknown,
  view: MetricsView,
): void {
  const labels = ['qos', 'service', 'resource'] as const;
  const culprits = () =>
    view.openIncidents().flatMap(({ objective, diagnosis }) =>
      (diagnosis?.culprits ?? []).map(({ service, resource, probability, effectMs }) => ({
        labels: { qos: objective, service, resource },
        probability,
        effectMs,
      })),
    );
  const help = 'Probability that restoring this resource of this service restores the objective.';
  gauge('sage_root_cause', help, labels, (self) => {
    for (const culprit of culprits()) self.set(culprit.labels, culprit.probability);
  });
  gauge(
    'sage_root_cause_effect_seconds',
    'Fall of the latency when it alone is restored.',
    labels,
    (self) => {
      for (const culprit of culprits()) self.set(culprit.labels, culprit.effectMs / 1000);
    },
  );
}

/** Each action is an experiment that grades the model: the last one of each objective, and all of them. */
function predictionMetrics(registers: Registry[]): EngineMetrics['judged'] {
  const labelNames = ['qos'] as const;
  const predicted = new Gauge({
    name: 'sage_action_predicted_latency_seconds',
    help: 'Latency of the objective that the model expected of the last action judged.',
    labelNames,
    registers,
  });
  const observed = new Gauge({
    name: 'sage_action_observed_latency_seconds',
    help: 'Latency of the objective two windows after the last action judged.',
    labelNames,
    registers,
  });
  const error = new Histogram({
    name: 'sage_action_prediction_error_ratio',
    help: 'Difference of the latency two windows after an action from the expected one, as a part of that.',
    labelNames,
    buckets: [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5],
    registers,
  });
  return ({ objective: qos, expectedMs, observedMs }) => {
    const ratio = predictionError(expectedMs, observedMs);
    if (expectedMs === undefined || ratio === undefined) return;
    predicted.set({ qos }, expectedMs / 1000);
    observed.set({ qos }, observedMs / 1000);
    error.observe({ qos }, ratio);
  };
}

/** Counted elsewhere, so set anew at each scrape. */
function spanCounters(registers: Registry[], view: MetricsView): void {
  new Counter({
    name: 'sage_spans_received_total',
    help: 'Spans received.',
    registers,
    collect() {
      this.reset();
      this.inc(view.collector().spansReceived);
    },
  });
  new Counter({
    name: 'sage_spans_dropped_total',
    help: 'Spans not used.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(view.collector().spansDropped))
        this.inc({ reason }, count);
    },
  });
}
