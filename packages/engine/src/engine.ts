import type { CausalGraph } from '@sage/causal-graph';
import {
  type Clock,
  errorMessage,
  failure,
  type Logger,
  type ObjectiveReading,
  type Outcome,
  readObjective,
  success,
  type Window,
} from '@sage/core';
import type { Orchestrator } from '@sage/orchestrator';
import { Controller } from './acting/controller.js';
import { AlertReceiver } from './alerts/receiver.js';
import { type Config, scaleBoundsOf } from './config/config.js';
import { restartNeeded } from './config/reload.js';
import type { EngineEvent } from './events.js';
import { alertsRoute } from './http/alerts-route.js';
import { createApp } from './http/app.js';
import { type Listening, listen } from './http/listen.js';
import { IncidentPipeline } from './incidents/pipeline.js';
import { LearningLoop } from './learning/learning-loop.js';
import { ObjectiveWatch } from './objective-watch.js';
import type { CollectorPart, MetricSource, Parts } from './parts.js';
import { Annotator } from './publishing/annotator.js';
import { createMetrics, type EngineMetrics } from './publishing/metrics.js';
import { Rehearsals } from './rehearsals.js';
import { agentSource, MetricPoller } from './sources/metric-poller.js';
import { createNodeAgentClient, type NodeAgentClient } from './sources/node-agent-client.js';
import { type EngineState, engineState } from './state.js';
import { type DataDir, openDataDir } from './storage/data-dir.js';
import { kernelProcesses } from './storage/processes.js';
import { whatIf } from './what-if.js';

const MAX_PENDING_ALERTS = 1000;

export interface EngineDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch: typeof globalThis.fetch;
  /** Path of a Unix socket to serve the HTTP API on, beside the TCP address. */
  readonly serveOn?: string;
  /** Reads the configuration anew for `POST /-/reload`; without it a reload needs one given. */
  readonly readConfig?: () => Outcome<Config>;
  readonly version?: string;
  /** Other parts than Sage's own. */
  readonly parts?: Parts;
  /** First pause before a request to Grafana is tried again, ms. */
  readonly retryMs?: number;
}

export interface Engine {
  /** Of the HTTP API and the page. */
  readonly url: string;
  /** Where spans and metrics are received, by protocol. */
  readonly receivers: Readonly<Record<string, string>>;
  subscribe(listener: (event: EngineEvent) => void): () => void;
  state(): EngineState;
  /** A failure keeps the present configuration. Without an argument, what `deps.readConfig` reads. */
  reload(config?: Config): Outcome<void>;
  /** Stops accepting, ends the training, and leaves everything on disk. A failure names all that could not be done. */
  close(): Promise<Outcome<void, 'close'>>;
}

/** Starts Sage: receivers, learning loop, alert receiver, publishing, HTTP API. Failures name what to change. */
export async function startEngine(config: Config, deps: EngineDeps): Promise<Outcome<Engine>> {
  // Loaded only where it is used: it brings TensorFlow along.
  const parts = deps.parts ?? (await import('./wiring.js')).sageParts;
  const data = await openDataDir(config.dataDir, {
    learner: parts.learner,
    historyWindows: config.learning.historyWindows,
    windowSeconds: config.windows.seconds,
    logger: deps.logger,
    processes: kernelProcesses(process.pid),
  });
  if (!data.ok) return data;
  let engine: RunningEngine | undefined;
  const orchestrator = await parts.orchestrator(config, {
    ...deps,
    bounds: (service) => scaleBoundsOf(engine?.config ?? config, service),
  });
  if (!orchestrator.ok) {
    await data.value.journal.close();
    await data.value.lock.release();
    return failure('orchestrator', `orchestrator: ${orchestrator.message}`);
  }
  engine = new RunningEngine(config, { ...deps, parts }, data.value, orchestrator.value);
  const started = await engine.start();
  if (started.ok) return success(engine);
  await engine.close();
  return started;
}

class RunningEngine implements Engine {
  readonly #deps: EngineDeps;
  readonly #parts: Parts;
  readonly #data: DataDir;
  readonly #orchestrator: Orchestrator | undefined;
  readonly #metrics: EngineMetrics;
  readonly #learning: LearningLoop;
  readonly #rehearsals: Rehearsals;
  readonly #annotator: Annotator;
  readonly #pipeline: IncidentPipeline;
  readonly #receiver: AlertReceiver;
  readonly #poller: MetricPoller;
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  #config: Config;
  #agents: readonly NodeAgentClient[] = [];
  #sources: readonly MetricSource[] = [];
  #watches: readonly ObjectiveWatch[] = [];
  #collector: CollectorPart | undefined;
  #http: Listening | undefined;

  constructor(
    config: Config,
    deps: EngineDeps & { readonly parts: Parts },
    data: DataDir,
    orchestrator: Orchestrator | undefined,
  ) {
    const { clock, logger, fetch, parts } = deps;
    const live = () => this.#config;
    const emit = (event: EngineEvent) => this.#emit(event);
    this.#config = config;
    this.#deps = deps;
    this.#parts = parts;
    this.#data = data;
    this.#orchestrator = orchestrator;
    const metrics = createMetrics({
      objectives: () => this.#readings(),
      openIncidents: () => data.incidents.open,
      model: () => this.#learning.current,
      modelCheckedMs: () => this.#learning.checkedMs,
      collector: () => this.#collector?.stats() ?? { spansReceived: 0, spansDropped: {} },
      sources: () => this.#sources.map(({ name }) => name),
      pendingAlerts: () => data.journal.pendingCount,
      version: deps.version ?? 'unknown',
    });
    this.#metrics = metrics;
    const learning = {
      parts,
      store: data.models,
      history: data.history,
      callGraph: () => this.#collector?.callGraph() ?? NO_CALLS,
      config: () => this.#config.learning,
      objectives: () => this.#config.objectives,
      clock,
      logger,
      emit,
    };
    this.#learning = new LearningLoop(learning, data.model);
    this.#rehearsals = new Rehearsals({
      parts,
      model: () => this.#learning.model,
      history: () => data.history.normal,
      objectives: () => this.#config.objectives,
      logger,
    });
    this.#annotator = new Annotator({
      store: data.incidents,
      grafana: () => this.#config.grafana,
      fetch,
      logger,
      onFailure: () => metrics.annotationFailures.inc(),
      ...(deps.retryMs === undefined ? {} : { retryMs: deps.retryMs }),
    });
    const count = (action: string, outcome: string) => metrics.actions.inc({ action, outcome });
    const agents = () => this.#agents;
    this.#pipeline = new IncidentPipeline({
      parts,
      store: data.incidents,
      history: data.history,
      controller: new Controller({
        parts,
        agents,
        orchestrator,
        config: live,
        logger,
        count,
      }),
      model: () => this.#learning.model,
      config: live,
      clock,
      logger,
      emit,
      publish: (incident) => this.#annotator.sync(incident.id),
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
    this.#receiver = new AlertReceiver(data.journal, {
      clock,
      logger,
      process: (entry) => this.#pipeline.alerts(entry),
      maxPending: MAX_PENDING_ALERTS,
    });
    this.#poller = new MetricPoller({
      sources: () => this.#sources,
      addSamples: (samples) => this.#collector?.addSamples(samples),
      clock,
      logger,
      onError: (source) => metrics.sourceErrors.inc({ source }),
    });
  }

  /** As it was read last. */
  get config(): Config {
    return this.#config;
  }

  get url(): string {
    return this.#http?.url ?? '';
  }

  get receivers(): Readonly<Record<string, string>> {
    return this.#collector?.endpoints ?? {};
  }

  async start(): Promise<Outcome<void>> {
    const { clock, logger, serveOn } = this.#deps;
    this.#apply(this.#config);
    const collector = await this.#parts.startCollector({
      config: this.#config,
      clock,
      logger,
      onWindow: (window) => this.#onWindow(window),
    });
    if (!collector.ok) return collector;
    this.#collector = collector.value;
    const http = await listen(this.#app(), this.#config.listen, { socketPath: serveOn });
    if (!http.ok) return http;
    this.#http = http.value;
    this.#learning.start();
    this.#poller.start(this.#config.windows.slideSeconds * 1000);
    this.#inBackground(this.#pipeline.closeUnconfigured());
    this.#inBackground(this.#pipeline.resume());
    this.#annotator.recover();
    this.#receiver.recover();
    this.#reloaded(true);
    logger.info('Sage is up', { url: this.url, ...this.receivers });
    return success(undefined);
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  state(): EngineState {
    return engineState({
      objectives: this.#config.objectives,
      history: this.#data.history,
      learning: this.#learning,
      incidents: this.#data.incidents,
      graph: this.#graph(),
      minWindows: this.#config.learning.minWindows,
    });
  }

  reload(given?: Config): Outcome<void> {
    const read = given === undefined ? this.#deps.readConfig?.() : success(given);
    const next = read ?? failure('invalid', 'this engine was not started from a file');
    const problem = next.ok ? restartNeeded(this.#config, next.value) : next.message;
    if (!next.ok || problem !== undefined) {
      this.#reloaded(false);
      const message = problem ?? 'the configuration was refused';
      this.#deps.logger.error('reload refused; the present configuration stays', { error: message });
      return failure('invalid', message);
    }
    this.#apply(next.value);
    this.#learning.start();
    this.#inBackground(this.#pipeline.closeUnconfigured());
    this.#annotator.recover();
    this.#reloaded(true);
    this.#deps.logger.info('configuration reloaded');
    return success(undefined);
  }

  async close(): Promise<Outcome<void, 'close'>> {
    this.#poller.stop();
    const steps: readonly (readonly [what: string, step: () => Promise<unknown> | undefined])[] = [
      ['the HTTP server', () => this.#http?.close()],
      ['the collector', () => this.#collector?.close()],
      ['the training', () => this.#learning.close()],
      ['the alerts', () => this.#receiver.close()],
      ['the incidents in work', () => this.#pipeline.idle()],
      ['the orchestrator', () => this.#orchestrator?.close()],
      ['the annotations', () => this.#annotator.close()],
      ['the windows', () => this.#data.history.flush()],
      ['the incidents', () => this.#data.incidents.save()],
      ['the lock of data_dir', () => this.#data.lock.release()],
    ];
    const failures: string[] = [];
    for (const [what, step] of steps) {
      try {
        await step();
      } catch (error) {
        this.#deps.logger.error('Sage could not end in order', { what, error: errorMessage(error) });
        failures.push(`${what}: ${errorMessage(error)}`);
      }
    }
    if (failures.length === 0) return success(undefined);
    return failure('close', `not everything was closed and saved: ${failures.join('; ')}`);
  }

  #apply(config: Config): void {
    const { fetch } = this.#deps;
    this.#config = config;
    this.#agents = config.nodeAgents.map((agent) => createNodeAgentClient(agent, fetch));
    const prometheus = this.#parts.prometheus(config, this.#deps);
    this.#sources = [...(prometheus === undefined ? [] : [prometheus]), ...this.#agents.map(agentSource)];
    this.#watches = config.objectives.map((objective) => {
      const wasBroken = this.#data.incidents.openFor(objective.name)?.collectorBroken ?? false;
      const { createWatcher } = this.#parts;
      return new ObjectiveWatch(objective, {
        createWatcher,
        brokenWindows: config.trigger.brokenWindows,
        wasBroken,
        history: this.#data.history,
        logger: this.#deps.logger,
      });
    });
  }

  #app() {
    const { incidents, history } = this.#data;
    return createApp({
      alerts: alertsRoute({
        receiver: this.#receiver,
        credentials: () => this.#config.alertmanager.credentials,
        count: (outcome) => this.#metrics.alerts.inc({ outcome }),
      }),
      plans: {
        credentials: () => this.#config.alertmanager.credentials,
        decide: (incident, plan, decided) => this.#pipeline.decide(incident, plan, decided),
      },
      registry: this.#metrics.registry,
      incidents,
      state: () => this.state(),
      whatIf: (question) =>
        whatIf(question, {
          objectives: this.#config.objectives,
          model: this.#learning.model,
          window: history.latest,
          normal: history.normal,
        }),
      notReady: () => this.#notReady(),
      reload: () => this.reload(),
      logger: this.#deps.logger,
    });
  }

  #onWindow(window: Window): void {
    const { incidents, history } = this.#data;
    history.add(window, incidents.open.length > 0);
    this.#metrics.windows.inc();
    this.#metrics.lastWindow.set(window.endMs / 1000);
    this.#learning.onWindow(window);
    const readings = new Map<string, ObjectiveReading>(
      this.#config.objectives.map((objective) => [objective.name, readObjective(objective, window)]),
    );
    this.#emit({ type: 'window', window, readings });
    const work = this.#watches.flatMap((watch) => {
      const change = watch.observe(window);
      if (change?.kind === 'restored') return [this.#pipeline.restored(watch.objective)];
      const trigger = change?.kind === 'broken' && this.#config.trigger.collector;
      return trigger ? [this.#pipeline.broken(watch.objective, change.sinceMs)] : [];
    });
    for (const promise of [...work, this.#pipeline.onWindow(window)]) this.#inBackground(promise);
    if (work.length === 0 && incidents.open.length === 0) this.#rehearsals.onCalmWindow();
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error) =>
      this.#deps.logger.error('an incident could not be handled', { error: errorMessage(error) }),
    );
  }

  #notReady(): string | undefined {
    if (this.#learning.model !== undefined) return undefined;
    const { length } = this.#data.history.learnable;
    return `there is no model yet: ${length} of ${this.#config.learning.minWindows} windows with traffic collected`;
  }

  #readings() {
    const { latest } = this.#data.history;
    return this.#config.objectives.map((objective) => {
      const reading = latest === undefined ? undefined : readObjective(objective, latest);
      return { objective, observedMs: reading?.observedMs, broken: reading?.broken ?? false };
    });
  }

  /** As the traces show it now; after a restart, until they do, as the model knows it. */
  #graph(): CausalGraph {
    const calls = this.#collector?.callGraph() ?? NO_CALLS;
    const model = this.#learning.model;
    return calls.rpcs.length === 0 && model !== undefined ? model.graph : this.#parts.buildGraph(calls);
  }

  #reloaded(ok: boolean): void {
    this.#metrics.reloadOk.set(ok ? 1 : 0);
    if (ok) this.#metrics.reloadAt.set(this.#deps.clock.now() / 1000);
  }

  #emit(event: EngineEvent): void {
    if (event.type === 'training' && (event.phase === 'finished' || event.phase === 'failed')) {
      this.#metrics.trainings.inc({ outcome: event.phase });
    }
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#deps.logger.error('a listener failed', { event: event.type, error: errorMessage(error) });
      }
    }
  }
}

const NO_CALLS = { services: [], rpcs: [], edges: [] };
