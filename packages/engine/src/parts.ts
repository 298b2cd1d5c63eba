import type { PlanInput, Relief } from '@sage/actuation';
import type { CallGraph, CausalGraph, CausalModel } from '@sage/causal-graph';
import type {
  ActionPlan,
  Clock,
  Culprit,
  Diagnosis,
  Logger,
  MetricSample,
  Objective,
  Outcome,
  Rng,
  Window,
} from '@sage/core';
import type { Orchestrator, OrchestratorDeps } from '@sage/orchestrator';
import type { LoadRelief } from '@sage/root-cause';
import type { Config } from './config/config.js';

/** The collector extension, as the engine sees it. */
export interface CollectorPart {
  /** Where spans and OTLP metrics are received. */
  readonly endpoints: Readonly<Record<string, string>>;
  callGraph(): CallGraph;
  addSamples(samples: readonly MetricSample[]): void;
  stats(): CollectorStats;
  close(): Promise<void>;
}

export interface CollectorStats {
  readonly spansReceived: number;
  /** By reason. */
  readonly spansDropped: Readonly<Record<string, number>>;
}

export interface StartCollectorContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onWindow: (window: Window) => void;
}

/** Tells when an objective breaks and when it holds again. */
export interface WatcherPart {
  /** `sinceMs`: start of the first window in the row that decided. */
  observe(window: Window): { readonly kind: 'broken' | 'restored'; readonly sinceMs: number } | undefined;
}

export interface TrainingProgress {
  readonly epoch: number;
  readonly epochs: number;
  readonly loss: number;
  readonly r2: number | undefined;
}

export interface FitContext {
  readonly graph: CausalGraph;
  readonly windows: readonly Window[];
  /** Windows up to now in which nothing was wrong: these tell of changes for good. */
  readonly calm: readonly Window[];
  readonly epochs: number | undefined;
  readonly seed: number;
  /** An earlier model that the same learner made; what survives in the graph may start from it. */
  readonly present: CausalModel | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TrainingProgress) => void;
}

/** The only maker of models. */
export interface LearnerPart {
  /** Rejects when it is aborted or the windows cannot be learnt from. */
  fit(context: FitContext): Promise<CausalModel>;
  save(model: CausalModel): string;
  load(text: string): Outcome<CausalModel>;
  /** What computes, in words. */
  backend(): Promise<string>;
}

export interface DiagnoseContext {
  readonly model: CausalModel;
  readonly window: Window;
  /** Windows to take the normal from; none from inside an incident. */
  readonly history: readonly Window[];
  readonly objective: Objective;
}

export interface ReliefContext extends DiagnoseContext {
  /** The objective shall hold with this probability. */
  readonly probability: number;
}

/** A source that is asked for readings once per slide. */
export interface MetricSource {
  /** The `source` label of `sage_source_errors_total`. */
  readonly name: string;
  read(nowMs: number): Promise<Outcome<readonly MetricSample[]>>;
}

/** Everything of Sage that the engine puts together; a test passes others. */
export interface Parts {
  startCollector(context: StartCollectorContext): Promise<Outcome<CollectorPart>>;
  createWatcher(objective: Objective, brokenWindows: number): WatcherPart;
  buildGraph(callGraph: CallGraph): CausalGraph;
  readonly learner: LearnerPart;
  diagnose(context: DiagnoseContext, rng: Rng): Diagnosis;
  /** How far the resources of culprits that are helped together must be made normal; undefined where the model cannot tell. */
  relief(context: ReliefContext & { readonly culprits: readonly Culprit[] }, rng: Rng): Relief | undefined;
  /** How much of the load is too much, and whom it saturates. */
  loadRelief(context: ReliefContext, rng: Rng): LoadRelief | undefined;
  /** A diagnosis of something past that is forgotten again. */
  rehearse(context: Omit<DiagnoseContext, 'window'>, rng: Rng): void;
  plan(input: PlanInput): ActionPlan;
  /** undefined where the configuration names no Prometheus. */
  prometheus(
    config: Config,
    deps: { readonly fetch: typeof globalThis.fetch; readonly logger: Logger },
  ): MetricSource | undefined;
  /** undefined where the configuration names none. A failure: what it names cannot be used. */
  orchestrator(
    config: Config,
    deps: Pick<OrchestratorDeps, 'logger' | 'bounds'> & { readonly clock: Clock },
  ): Promise<Outcome<Orchestrator | undefined>>;
}
