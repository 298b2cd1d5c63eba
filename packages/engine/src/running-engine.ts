import type { CausalGraph } from '@sage/causal-graph';
import {
  errorMessage,
  failure,
  type ObjectiveReading,
  type Outcome,
  readObjective,
  success,
  type Window,
} from '@sage/core';
import { type Assembly, assemble, callGraphOf, type Surroundings } from './assembly.js';
import { type ClosingStep, closeAll } from './closing.js';
import type { Config } from './config/config.js';
import { restartNeeded } from './config/reload.js';
import type { Engine } from './engine-face.js';
import type { EngineEvent } from './events.js';
import { alertsRoute } from './http/alerts-route.js';
import { createApp } from './http/app.js';
import { type Listening, listen } from './http/listen.js';
import { Listeners } from './listeners.js';
import { type Live, liveOf } from './live.js';
import type { CollectorPart } from './parts.js';
import { type EngineState, engineState } from './state.js';
import { whatIf } from './what-if.js';

/** What `startEngine` gives out: how its parts follow each window, each reload and the end. */
export class RunningEngine implements Engine {
  readonly #surroundings: Surroundings;
  readonly #assembly: Assembly;
  readonly #listeners: Listeners;
  #live: Live;
  #collector: CollectorPart | undefined;
  #http: Listening | undefined;

  constructor(config: Config, given: Pick<Surroundings, 'deps' | 'parts' | 'data' | 'orchestrator'>) {
    this.#listeners = new Listeners(given.deps.logger);
    this.#surroundings = {
      ...given,
      live: () => this.#live,
      collector: () => this.#collector,
      emit: (event) => this.#emit(event),
    };
    this.#live = this.#read(config);
    this.#assembly = assemble(this.#surroundings);
  }

  /** As it was read last. */
  get config(): Config {
    return this.#live.config;
  }

  get url(): string {
    return this.#http?.url ?? '';
  }

  get receivers(): Readonly<Record<string, string>> {
    return this.#collector?.endpoints ?? {};
  }

  async start(): Promise<Outcome<void>> {
    const { clock, logger, serveOn } = this.#surroundings.deps;
    const collector = await this.#surroundings.parts.startCollector({
      config: this.#live.config,
      clock,
      logger,
      onWindow: (window) => this.#onWindow(window),
    });
    if (!collector.ok) return collector;
    this.#collector = collector.value;
    const http = await listen(this.#app(), this.#live.config.listen, { socketPath: serveOn });
    if (!http.ok) return http;
    this.#http = http.value;
    this.#assembly.learning.start();
    this.#assembly.poller.start(this.#live.config.windows.slideSeconds * 1000);
    this.#inBackground(this.#assembly.pipeline.closeUnconfigured());
    this.#inBackground(this.#assembly.pipeline.resume());
    this.#assembly.annotator.recover();
    this.#assembly.receiver.recover();
    this.#reloaded(true);
    logger.info('Sage is up', { url: this.url, ...this.receivers });
    return success(undefined);
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  state(): EngineState {
    return engineState({
      objectives: this.#live.config.objectives,
      history: this.#surroundings.data.history,
      learning: this.#assembly.learning,
      incidents: this.#surroundings.data.incidents,
      graph: this.#graph(),
      minWindows: this.#live.config.learning.minWindows,
    });
  }

  reload(given?: Config): Outcome<void> {
    const read = given === undefined ? this.#surroundings.deps.readConfig?.() : success(given);
    const next = read ?? failure('invalid', 'this engine was not started from a file');
    const problem = next.ok ? restartNeeded(this.#live.config, next.value) : next.message;
    if (!next.ok || problem !== undefined) {
      this.#reloaded(false);
      const message = problem ?? 'the configuration was refused';
      this.#surroundings.deps.logger.error('reload refused; the present configuration stays', {
        error: message,
      });
      return failure('invalid', message);
    }
    this.#live = this.#read(next.value);
    this.#assembly.learning.start();
    this.#inBackground(this.#assembly.pipeline.closeUnconfigured());
    this.#assembly.annotator.recover();
    this.#reloaded(true);
    this.#surroundings.deps.logger.info('configuration reloaded');
    return success(undefined);
  }

  async close(): Promise<Outcome<void, 'close'>> {
    const { poller, learning, receiver, pipeline, annotator } = this.#assembly;
    const { deps, data, orchestrator } = this.#surroundings;
    poller.stop();
    const steps: readonly ClosingStep[] = [
      ['the HTTP server', () => this.#http?.close()],
      ['the collector', () => this.#collector?.close()],
      ['the training', () => learning.close()],
      ['the alerts', () => receiver.close()],
      ['the incidents in work', () => pipeline.idle()],
      ['the orchestrator', () => orchestrator?.close()],
      ['the annotations', () => annotator.close()],
      ['the windows', () => data.history.flush()],
      ['the incidents', () => data.incidents.save()],
      ['the lock of data_dir', () => data.lock.release()],
    ];
    return closeAll(steps, deps.logger);
  }

  #read(config: Config): Live {
    const { deps, parts, data } = this.#surroundings;
    return liveOf(config, { parts, data, fetch: deps.fetch, logger: deps.logger });
  }

  #app() {
    const { incidents, history } = this.#surroundings.data;
    return createApp({
      alerts: alertsRoute({
        receiver: this.#assembly.receiver,
        credentials: () => this.#live.config.alertmanager.credentials,
        count: (outcome) => this.#assembly.metrics.alerts.inc({ outcome }),
      }),
      plans: {
        credentials: () => this.#live.config.alertmanager.credentials,
        decide: (incident, plan, decided) => this.#assembly.pipeline.decide(incident, plan, decided),
      },
      registry: this.#assembly.metrics.registry,
      incidents,
      state: () => this.state(),
      whatIf: (question) =>
        whatIf(question, {
          objectives: this.#live.config.objectives,
          model: this.#assembly.learning.model,
          window: history.latest,
          normal: history.normal,
        }),
      notReady: () => this.#notReady(),
      reload: () => this.reload(),
      logger: this.#surroundings.deps.logger,
    });
  }

  #onWindow(window: Window): void {
    const { incidents, history } = this.#surroundings.data;
    history.add(window, incidents.open.length > 0);
    this.#assembly.metrics.windows.inc();
    this.#assembly.metrics.lastWindow.set(window.endMs / 1000);
    this.#assembly.learning.onWindow(window);
    const readings = new Map<string, ObjectiveReading>(
      this.#live.config.objectives.map((objective) => [objective.name, readObjective(objective, window)]),
    );
    this.#emit({ type: 'window', window, readings });
    const work = this.#live.watches.flatMap((watch) => {
      const change = watch.observe(window);
      if (change?.kind === 'restored') return [this.#assembly.pipeline.restored(watch.objective)];
      const trigger = change?.kind === 'broken' && this.#live.config.trigger.collector;
      return trigger ? [this.#assembly.pipeline.broken(watch.objective, change.sinceMs)] : [];
    });
    for (const promise of [...work, this.#assembly.pipeline.onWindow(window)]) this.#inBackground(promise);
    if (work.length === 0 && incidents.open.length === 0) this.#assembly.rehearsals.onCalmWindow();
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error) =>
      this.#surroundings.deps.logger.error('an incident could not be handled', {
        error: errorMessage(error),
      }),
    );
  }

  #notReady(): string | undefined {
    if (this.#assembly.learning.model !== undefined) return undefined;
    const { length } = this.#surroundings.data.history.learnable;
    return `there is no model yet: ${length} of ${this.#live.config.learning.minWindows} windows with traffic collected`;
  }

  /** As the traces show it now; after a restart, until they do, as the model knows it. */
  #graph(): CausalGraph {
    const calls = callGraphOf(this.#collector);
    const model = this.#assembly.learning.model;
    return calls.rpcs.length === 0 && model !== undefined
      ? model.graph
      : this.#surroundings.parts.buildGraph(calls);
  }

  #reloaded(ok: boolean): void {
    this.#assembly.metrics.reloadOk.set(ok ? 1 : 0);
    if (ok) this.#assembly.metrics.reloadAt.set(this.#surroundings.deps.clock.now() / 1000);
  }

  #emit(event: EngineEvent): void {
    if (event.type === 'training' && (event.phase === 'finished' || event.phase === 'failed')) {
      this.#assembly.metrics.trainings.inc({ outcome: event.phase });
    }
    this.#listeners.tell(event);
  }
}
