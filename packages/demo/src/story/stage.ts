import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger, type Logger } from '@sage/core';
import { type Config, type Engine, loadConfig, startEngine } from '@sage/engine';
import {
  type Application,
  forward,
  freePort,
  HUB_ADDRESS,
  type Isolation,
  type Load,
  startApplication,
  startLoad,
} from '../application/index.js';
import { type AgentProcess, startAgentProcess } from './agent-process.js';
import { type EngineConfigOptions, engineConfigYaml } from './engine-config.js';
import { EngineWatch } from './engine-watch.js';
import type { HubRoutes } from './hub-entry.js';
import type { DemoOptions } from './options.js';

/** Traffic that is not learnt from: fourteen programs are being compiled as they run. */
const WARM_UP_MS = 20_000;

export interface Stage {
  readonly app: Application;
  readonly agent: AgentProcess;
  readonly engine: Engine;
  readonly watch: EngineWatch;
  readonly engineConfig: EngineConfigOptions;
  /** The workload as its clients see it, for a Prometheus. */
  readonly loadMetricsUrl: string;
  readonly log: Logger;
}

export interface StageOptions {
  readonly demo: DemoOptions;
  readonly isolation: Isolation;
  readonly routes: HubRoutes | undefined;
  readonly workDir: string;
  readonly signal: AbortSignal;
  /** Called with what undoes each step, to be run in reverse order. */
  readonly onCleanup: (undo: () => Promise<void>) => void;
  readonly onBroken: (message: string) => void;
}

/** Puts everything up: application, load, node agent, and at last Sage. Throws with what went wrong. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { demo, routes, workDir, signal, onCleanup, onBroken } = options;
  const log = createLogger(
    (line) => appendFileSync(join(workDir, 'demo.log'), line),
    () => demo.clock.now(),
  );
  const receiverHost = options.isolation === 'kernel' ? HUB_ADDRESS : '127.0.0.1';
  const [otlpPort, jaegerPort, agentPort] = [await freePort(), await freePort(), await freePort()];

  const app = required(
    await startApplication({
      isolation: options.isolation,
      telemetry: { otlpUrl: `http://${receiverHost}:${otlpPort}`, jaegerHost: receiverHost, jaegerPort },
      workDir,
      seed: demo.seed,
      env: demo.env,
      log,
      onExit: (_component, message) => onBroken(message),
    }),
  );
  onCleanup(() => app.close());
  signal.throwIfAborted();

  const load = required(
    await startLoad({
      entryUrl: app.entryUrl,
      meanRate: demo.requestsPerSecond,
      seed: demo.seed,
      env: demo.env,
      onExit: onBroken,
    }),
  );
  onCleanup(() => load.close());
  signal.throwIfAborted();
  const loadMetricsUrl = await publishLoadMetrics(load, demo, routes, onCleanup);

  const agent = required(
    await startAgentProcess({
      port: agentPort,
      workDir,
      targets: app.agentTargets,
      coRunnerPatterns: app.coRunnerPatterns,
      fetch: demo.fetch,
      env: app.env,
      signal,
    }),
  );
  onCleanup(() => agent.close());
  await pause(WARM_UP_MS, signal);

  const engineConfig: EngineConfigOptions = {
    port: routes === undefined ? demo.port : 0,
    dataDir: join(workDir, 'data'),
    otlp: `${receiverHost}:${otlpPort}`,
    jaeger: `${receiverHost}:${jaegerPort}`,
    agentUrl: agent.url,
    grafana: await grafanaRoute(demo, routes, onCleanup),
    trigger: demo.trigger,
    learnSeconds: demo.learnSeconds,
    objectives: undefined,
  };
  const engine = required(
    await startEngine(await engineConfigOf(engineConfig), {
      clock: demo.clock,
      logger: log,
      fetch: demo.fetch,
      ...(routes === undefined ? {} : { serveOn: routes.pageSocket }),
    }),
  );
  onCleanup(async () => required(await engine.close()));
  const watch = new EngineWatch(engine);
  onCleanup(async () => watch.close());
  return { app, agent, engine, watch, engineConfig, loadMetricsUrl, log };
}

/** Through the same YAML and the same checks as anybody's configuration. */
export async function engineConfigOf(options: EngineConfigOptions): Promise<Config> {
  const tokenFile = options.grafana?.tokenFile;
  const token = tokenFile === undefined ? '' : await readFile(tokenFile, 'utf8');
  return required(loadConfig(engineConfigYaml(options), { readFile: () => token }));
}

/** Where people find Sage, seen from outside any namespace. */
export function pageUrl(stage: Stage, routes: HubRoutes | undefined): string {
  return routes === undefined ? `${stage.engine.url}/` : `http://127.0.0.1:${routes.pagePort}/`;
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

async function publishLoadMetrics(
  load: Load,
  demo: DemoOptions,
  routes: HubRoutes | undefined,
  onCleanup: StageOptions['onCleanup'],
): Promise<string> {
  const port = routes?.loadMetricsPort ?? (await freePort(demo.loadMetricsPort));
  const from = routes === undefined ? { host: '127.0.0.1', port } : { path: routes.loadMetricsSocket };
  const server = await forward(from, { host: '127.0.0.1', port: Number(new URL(load.metricsUrl).port) });
  onCleanup(async () => void server.close());
  return `http://127.0.0.1:${port}/metrics`;
}

/** Inside the hub Grafana is reached through a unix socket that the process outside forwards. */
async function grafanaRoute(
  demo: DemoOptions,
  routes: HubRoutes | undefined,
  onCleanup: StageOptions['onCleanup'],
): Promise<DemoOptions['grafana']> {
  if (demo.grafana === undefined || routes?.grafanaSocket === undefined) return demo.grafana;
  const port = await freePort();
  const server = await forward({ host: '127.0.0.1', port }, { path: routes.grafanaSocket });
  onCleanup(async () => void server.close());
  return { ...demo.grafana, url: `http://127.0.0.1:${port}` };
}

function required<T>(outcome: { ok: true; value: T } | { ok: false; message: string }): T {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.message);
}
