import type { CallGraph, CausalGraph, CausalModel } from '@sage/causal-graph';
import {
  type Clock,
  errorMessage,
  type Logger,
  type Objective,
  readObjective,
  type Window,
} from '@sage/core';
import { schedule } from 'node-cron';
import type { Config } from '../config/config.js';
import type { TrainingEvent } from '../events.js';
import type { Parts, TrainingProgress } from '../parts.js';
import { judgedBy, readyToLearn, refusal } from './gate.js';
import type { WindowHistory } from './history.js';
import type { ModelStore, StoredModel } from './model-store.js';

/** Calls `run` whenever the cron expression says so; the result ends that. */
export type Schedule = (expression: string, run: () => void) => { destroy(): unknown };

export interface LearningOptions {
  readonly parts: Pick<Parts, 'learner' | 'buildGraph'>;
  readonly store: ModelStore;
  readonly history: WindowHistory;
  readonly callGraph: () => CallGraph;
  readonly config: () => Config['learning'];
  readonly objectives: () => readonly Objective[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (event: TrainingEvent) => void;
  /** Default: node-cron, by the machine's clock. */
  readonly schedule?: Schedule;
}

/** Learns as soon as there is enough to learn from, and again by the schedule; one training at a time. */
export class LearningLoop {
  readonly #options: LearningOptions;
  #current: StoredModel | undefined;
  /** When the present model was found to hold still. */
  #heldMs: number | undefined;
  #progress: TrainingProgress | undefined;
  #training: Promise<void> | undefined;
  #abort = new AbortController();
  #task: ReturnType<Schedule> | undefined;
  #fingerprint = '';
  #stableFor = 0;
  /** Windows in which some call was seen. */
  #seen = 0;
  /** The same since the call graph was last empty: after the start, or after a long silence. */
  #graphAge = 0;
  #silentFor = 0;
  /** `#seen` from which a first training that failed is tried again. */
  #retryAt = 0;

  constructor(options: LearningOptions, stored: StoredModel | undefined) {
    this.#options = options;
    this.#current = stored;
  }

  get current(): StoredModel | undefined {
    return this.#current;
  }

  get model(): CausalModel | undefined {
    return this.#current?.model;
  }

  /** When the present model was trained, or found to hold still. */
  get checkedMs(): number | undefined {
    return this.#heldMs ?? this.#current?.trainedMs;
  }

  get training(): boolean {
    return this.#training !== undefined;
  }

  get progress(): TrainingProgress | undefined {
    return this.#progress;
  }

  /** Starts, or starts over with another schedule. */
  start(): void {
    void this.#task?.destroy();
    const { schedule: plan = cron, config } = this.#options;
    this.#task = plan(config().schedule, () => this.#retrain());
  }

  /** To be called once per window, after it is in the history. One without calls says nothing of the graph. */
  onWindow({ latency }: Window): void {
    if (latency.size === 0) {
      this.#silentFor++;
      if (this.#silentFor >= this.#options.config().minWindows) this.#graphAge = 0;
      return;
    }
    this.#silentFor = 0;
    this.#graphAge++;
    this.#seen++;
    const { fingerprint } = this.#graph();
    this.#stableFor = fingerprint === this.#fingerprint ? this.#stableFor + 1 : 1;
    this.#fingerprint = fingerprint;
    if (this.#current === undefined && this.#seen >= this.#retryAt) this.#retrain();
  }

  /** Resolves when the training under way, if any, has ended. */
  async idle(): Promise<void> {
    await this.#training;
  }

  async close(): Promise<void> {
    await this.#task?.destroy();
    this.#abort.abort();
    await this.#training;
  }

  #graph(): CausalGraph {
    return this.#options.parts.buildGraph(this.#options.callGraph());
  }

  #retrain(): void {
    if (this.training || this.#abort.signal.aborted) return;
    const { history, config } = this.#options;
    const graph = this.#graph();
    const ready = readyToLearn(graph, {
      present: this.model?.graph,
      windows: history.learnable.length,
      stableFor: this.#stableFor,
      graphAge: this.#graphAge,
      minWindows: config().minWindows,
    });
    if (!ready) return;
    this.#training = this.#train(graph).finally(() => {
      this.#training = undefined;
      this.#progress = undefined;
    });
  }

  /** What broke an objective is to be diagnosed, not to be learnt as usual, even where no incident was opened for it. */
  #calm(): readonly Window[] {
    const { history, objectives } = this.#options;
    return history.normal.filter(
      (window) =>
        window.latency.size > 0 && !objectives().some((objective) => readObjective(objective, window).broken),
    );
  }

  async #train(graph: CausalGraph): Promise<void> {
    const { parts, store, history, config, clock, logger, emit } = this.#options;
    const { epochs, seed } = config();
    const current = this.#current;
    const all = history.learnable;
    const heldOut = current === undefined ? [] : judgedBy(all);
    const windows = all.slice(0, all.length - heldOut.length);
    const startedMs = clock.now();
    emit({ type: 'training', phase: 'started', windows: windows.length });
    try {
      const model = await parts.learner.fit({
        graph,
        windows,
        calm: this.#calm(),
        epochs,
        seed,
        present: current?.model,
        signal: this.#abort.signal,
        onProgress: (progress) => {
          this.#progress = progress;
          emit({ type: 'training', phase: 'progress', ...progress });
        },
      });
      this.#progress = undefined;
      if (model === current?.model) {
        this.#heldMs = clock.now();
        const seconds = (clock.now() - startedMs) / 1000;
        logger.info(
          'the model in use still holds: neither graph nor metrics, latencies or loads have changed',
        );
        emit({ type: 'training', phase: 'finished', r2: model.r2, seconds, windows: windows.length });
        return;
      }
      const refused = current && refusal(model, current.model, heldOut);
      if (refused !== undefined) {
        logger.warn('the new model is worse than the present one, which stays', { why: refused });
        emit({ type: 'training', phase: 'failed', message: `not better than the present model: ${refused}` });
        return;
      }
      const stored: StoredModel = { model, trainedMs: clock.now() };
      this.#current = stored;
      this.#heldMs = undefined;
      await store.save(stored).catch((error) => {
        logger.error('the model cannot be saved', { error: errorMessage(error) });
      });
      const seconds = (clock.now() - startedMs) / 1000;
      logger.info('model trained', { seconds, windows: windows.length, fingerprint: graph.fingerprint });
      emit({ type: 'training', phase: 'finished', r2: model.r2, seconds, windows: windows.length });
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#retryAt = this.#seen + 10;
      logger.error('training failed', { error: errorMessage(error) });
      emit({ type: 'training', phase: 'failed', message: errorMessage(error) });
    }
  }
}

const cron: Schedule = (expression, run) => schedule(expression, run, { noOverlap: true });
