import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createRng,
  errorMessage,
  failure,
  median,
  milliseconds,
  type Objective,
  type Outcome,
  type Rng,
  success,
} from '@sage/core';
import {
  freePort,
  type Isolation,
  insideHub,
  leaveWithOuter,
  supportsKernelIsolation,
  sweepLeftovers,
} from '../application/index.js';
import { drawFault, type Fault } from '../faults/index.js';
import { calibrateObjectives } from './calibrate.js';
import { WINDOW_SECONDS } from './engine-config.js';
import { type Episode, faultEpisode, quietEpisode } from './episode.js';
import { hubRoutes, runInHub } from './hub-entry.js';
import { Narrator } from './narrator.js';
import type { DemoOptions, FaultChoice, IsolationChoice } from './options.js';
import { othersProcessors, readProcessorTimes } from './other-load.js';
import { type DemoResult, writeResult } from './result.js';
import { engineConfigOf, pageUrl, pause, type Stage, setStage } from './stage.js';

const BETWEEN_FAULTS_MS = 130_000;
const TRAINING_PATIENCE_MS = 240_000;
/**
 * The training shares the processors with the application, and what it slows is no fault: objectives hold when whoever
 * watches them looks back on nothing that it touched. Sage looks back one window, the alerting rules 30 s, and what they
 * look at was scraped and judged a few seconds before.
 */
const SETTLE_MS: Readonly<Record<DemoOptions['trigger'], number>> = {
  collector: WINDOW_SECONDS * 1000 + 2_000,
  alertmanager: 40_000,
};

/** `sage demo`: success where every diagnosis asked for was right and latency recovered. */
export async function runDemo(
  options: DemoOptions,
): Promise<Outcome<{ readonly success: boolean }, 'usage' | 'start'>> {
  const rng = createRng(options.seed);
  const isolation = await chooseIsolation(options.isolation);
  if (!isolation.ok) return isolation;
  const drawRound = (round: number) =>
    chooseFault(options.fault, isolation.value.kind, rng.fork(`fault ${round}`));
  const first = drawRound(0);
  if (!first.ok) return failure('usage', first.message);

  const inside = insideHub(options.env);
  const routes = hubRoutes(options.env);
  if (inside) {
    leaveWithOuter();
  } else {
    const taken = await takenPort([options.port, options.loadMetricsPort]);
    if (taken !== undefined) return failure('start', taken);
    await sweepLeftovers();
  }
  const workDir = routes?.workDir ?? (await mkdtemp(join(tmpdir(), 'sage-demo-')));
  if (isolation.value.kind === 'kernel' && !inside) {
    const ended = await runInHub(options, workDir);
    return ended.ok ? success({ success: ended.value === 0 }) : ended;
  }

  const narrator = new Narrator({ ...options, now: () => options.clock.now() });
  const abort = new AbortController();
  const stopBy = (reason: string) => abort.abort(new Error(reason));
  let toldToEnd = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    options.onSignal(signal, () => {
      toldToEnd = true;
      stopBy(`ended by ${signal} before there was a result`);
    });
  }
  const undo: (() => Promise<void>)[] = [];
  let right = false;
  try {
    narrator.say(
      `Sage demo, seed ${options.seed}. Isolation: ${isolation.value.kind} (${isolation.value.why}).`,
    );
    narrator.say('Starting a hotel-reservation application: 14 components, one process each.');
    const stage = await setStage({
      demo: options,
      isolation: isolation.value.kind,
      routes,
      workDir,
      signal: abort.signal,
      onCleanup: (step) => undo.push(step),
      onBroken: stopBy,
    });
    narrator.say(
      `It runs: ${options.requestsPerSecond} requests/s, open loop. The page: ${narrator.bold(pageUrl(stage, routes))}`,
    );
    narrator.detail(`Requests as its clients see them, for a Prometheus: ${stage.loadMetricsUrl}`);
    const processorTimes = () => readProcessorTimes('/proc', process.pid, () => options.clock.now());
    const beforeLearning = await processorTimes();
    const r2 = await learn(stage, narrator, abort.signal);
    const othersWhileLearning = othersProcessors(beforeLearning, await processorTimes());
    await pause(SETTLE_MS[options.trigger], abort.signal);
    const trained = narrator.elapsedSeconds();
    const objectives = await setObjectives(stage, narrator, options);
    const context = {
      stage,
      narrator,
      objectives,
      nowMs: () => options.clock.now(),
      processorTimes,
      othersWhileLearning,
      signal: abort.signal,
    };

    for (let round = 0; ; round++) {
      const fault = round === 0 ? first : drawRound(round);
      if (!fault.ok) return failure('usage', fault.message);
      const episode =
        fault.value === undefined ? await quietEpisode(context) : await faultEpisode(context, fault.value);
      const result = resultOf(options, isolation.value.kind, { episode, trained, r2 });
      if (options.json !== undefined) await writeResult(result, options.json, options.stdout);
      right = result.success && (right || round === 0);
      if (options.once) break;
      narrator.say('Sage keeps watching. The next fault follows in two minutes; Ctrl-C ends the demo.');
      await pause(BETWEEN_FAULTS_MS, abort.signal);
    }
    return success({ success: right });
  } catch (error) {
    // Without --once there is no other way to end.
    if (toldToEnd && !options.once) {
      narrator.say('Told to end.');
      return success({ success: right });
    }
    // What else fails once the demo is told to end, or a part of it has ended, follows from that.
    return failure('start', errorMessage(abort.signal.aborted ? abort.signal.reason : error));
  } finally {
    for (const step of undo.reverse()) {
      await step().catch((error) => narrator.detail(`Not everything ended in order: ${errorMessage(error)}`));
    }
    if (right) await rm(workDir, { recursive: true, force: true });
    else narrator.detail(`Logs, model and incidents stay in ${workDir}`);
  }
}

/** Says so at once, and not when fourteen programs are running. */
async function takenPort(ports: readonly number[]): Promise<string | undefined> {
  for (const port of ports) {
    try {
      await freePort(port);
    } catch {
      return `port ${port} of 127.0.0.1 is in use; stop what listens there, or choose another with --port (0 takes a free one)`;
    }
  }
  return undefined;
}

/** undefined: nothing shall be injected. */
function chooseFault(choice: FaultChoice, isolation: Isolation, rng: Rng): Outcome<Fault | undefined> {
  return choice === 'none' ? success(undefined) : drawFault(rng, { ...choice, isolation });
}

async function chooseIsolation(
  choice: IsolationChoice,
): Promise<Outcome<{ readonly kind: Isolation; readonly why: string }, 'start'>> {
  const user = (why: string) => success({ kind: 'user' as const, why });
  if (choice === 'user') return user('asked for: competing processes and a delaying relay make the faults');
  const supported = await supportsKernelIsolation();
  if (supported.ok) {
    return success({
      kind: 'kernel',
      why: 'root: cgroups, and tc in network namespaces of its own, make the faults',
    });
  }
  if (choice === 'kernel')
    return failure('start', `kernel isolation is not possible here: ${supported.message}`);
  return user(`${supported.message}: competing processes and a delaying relay make the faults`);
}

/** Follows the learning until there is a model; the result is its mean R² on held-out windows. */
async function learn(stage: Stage, narrator: Narrator, signal: AbortSignal): Promise<number> {
  narrator.say('Sage watches and learns how latency flows. Nothing is labelled, nothing is told.');
  const finished = await stage.watch.next(
    (event) => {
      if (event.type === 'window') {
        const { windows, status } = stage.engine.state();
        if (status === 'collecting') {
          narrator.progress(
            windows.collected / windows.needed,
            `windows ${windows.collected}/${windows.needed}`,
          );
        }
      }
      if (event.type !== 'training') return undefined;
      if (event.phase === 'started') narrator.say(`Training on ${event.windows} windows.`);
      if (event.phase === 'failed') narrator.say(narrator.bad(`Training failed: ${event.message}`));
      if (event.phase === 'progress') {
        const r2 = event.r2 === undefined ? '' : `  R² ${event.r2.toFixed(3)}`;
        narrator.progress(
          event.epoch / event.epochs,
          `epoch ${event.epoch}/${event.epochs}  loss ${event.loss.toFixed(4)}${r2}`,
        );
      }
      return event.phase === 'finished' ? event : undefined;
    },
    { timeoutMs: stage.engineConfig.learnSeconds * 1000 + TRAINING_PATIENCE_MS, signal },
  );
  if (finished === undefined) throw new Error('there was no model in time');
  const r2 = median([...finished.r2.values()]);
  narrator.say(
    `Trained in ${finished.seconds.toFixed(1)} s. Held-out windows are given back with R² ${r2.toFixed(3)}, median over services.`,
  );
  return r2;
}

async function setObjectives(
  stage: Stage,
  narrator: Narrator,
  options: DemoOptions,
): Promise<readonly Objective[]> {
  const objectives = calibrateObjectives(stage.watch.windows);
  const reloaded = stage.engine.reload(await engineConfigOf({ ...stage.engineConfig, objectives }));
  if (!reloaded.ok) throw new Error(reloaded.message);
  const words = objectives.map(
    ({ name, operation, thresholdMs }) => `${name} (${operation}) p99 ≤ ${milliseconds(thresholdMs)}`,
  );
  narrator.say(`Objectives, set from the calm: ${words.join('; ')}.`);
  if (options.trigger === 'alertmanager') {
    narrator.detail(
      'Sage does not watch them itself: it waits for an Alertmanager to post to /api/v1/alerts.',
    );
  }
  return objectives;
}

function resultOf(
  { seed }: DemoOptions,
  isolation: Isolation,
  found: { readonly episode: Episode; readonly trained: number; readonly r2: number },
): DemoResult {
  const { episode, trained, r2 } = found;
  return {
    seed,
    isolation,
    ...episode,
    seconds: { ...episode.seconds, trained },
    r2,
    success: episode.right && episode.recovered,
  };
}
