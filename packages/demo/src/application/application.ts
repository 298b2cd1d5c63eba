import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage, failure, type Logger, type Outcome, success } from '@sage/core';
import type { ComponentConfig, ReadyMessage } from './component/config.js';
import { createBareGround } from './isolation/bare-ground.js';
import { CGROUP_ROOT } from './isolation/cgroups.js';
import { awaitMessage, endChild } from './isolation/child.js';
import type { AgentTarget, Ground, GroundKind, Placed } from './isolation/ground.js';
import { createKernelGround } from './isolation/kernel-ground.js';
import { ownedEnvironment } from './isolation/leftovers.js';
import { createUserGround } from './isolation/user-ground.js';
import { collectTargets, readHotelTopology, type Topology } from './topology/topology.js';

const COMPONENT = fileURLToPath(new URL('./component/component-main.js', import.meta.url));
const HOG = fileURLToPath(new URL('../faults/hog-main.js', import.meta.url));

/** In the command line of every process that a CPU fault starts. */
export const NEIGHBOUR_NAME = 'sage-demo-neighbour';

/** These services export through the Jaeger agent, the other four over OTLP/HTTP: both ways in are used. */
const JAEGER_SERVICES: ReadonlySet<string> = new Set(['search', 'rate', 'recommendation', 'user']);

const READY_TIMEOUT_MS = 60_000;
const GRACE_MS = 3000;
const POOL_SIZE = 16;
/** Chance that a cache misses: often enough for the document stores to be used. */
const MISS_RATIO = 0.08;
const MAX_POOL_SIZE = 64;
/** What the agent may raise a component to: never more than two cores, which every machine here has. */
const MAX_CPU_CORES = 2;

/** Where spans and metrics go. */
export interface TelemetryTargets {
  /** Base of OTLP/HTTP, as `http://127.0.0.1:4318`. */
  readonly otlpUrl: string;
  readonly jaegerHost: string;
  readonly jaegerPort: number;
}

export interface ApplicationOptions {
  readonly isolation: GroundKind;
  /** undefined: no component is instrumented. */
  readonly telemetry: TelemetryTargets | undefined;
  /** For configurations and logs of the components. */
  readonly workDir: string;
  readonly seed?: number;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** A component ended without being told to. */
  readonly onExit?: (component: string, message: string) => void;
}

export interface RunningComponent extends Placed {
  /** Base URL of the component's own port, past any relay. */
  readonly url: string;
  readonly poolsUrl: string;
  /** Targets it holds a connection pool for; empty for stores. */
  readonly pools: readonly string[];
}

export interface Application {
  readonly isolation: GroundKind;
  /** Base URL of the front end, as clients reach it. */
  readonly entryUrl: string;
  readonly components: readonly RunningComponent[];
  /** `targets` of the node agent's configuration. */
  readonly agentTargets: readonly AgentTarget[];
  /** `co_runners.allow` of the node agent's configuration. */
  readonly coRunnerPatterns: readonly string[];
  /** For whatever is started beside it: marks a process as this run's, so that it does not outlive it. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends all processes and removes what was set up. Idempotent. */
  close(): Promise<void>;
}

/** Starts the hotel-reservation application: 14 processes that call each other over HTTP. */
export async function startApplication(
  options: ApplicationOptions,
): Promise<Outcome<Application, 'options' | 'topology' | 'start'>> {
  const mistakes = checkOptions(options);
  if (mistakes.length > 0) return failure('options', mistakes.join('; '));
  const topology = await readHotelTopology();
  if (!topology.ok) return topology;
  const children = new Map<string, ChildProcess>();
  let ground: Ground | undefined;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      await Promise.all([...children.values()].map((child) => endChild(child, GRACE_MS)));
      await ground?.close();
    })();
    return closing;
  };
  try {
    await mkdir(options.workDir, { recursive: true });
    const env = await ownedEnvironment(options.env);
    ground = await createGround({ ...options, env }, topology.value);
    const components = await launchAll(options, topology.value, ground, children);
    for (const [name, child] of children) {
      child.once('exit', (code, signal) => {
        if (closing === undefined)
          options.onExit?.(name, `${name} ended with ${signal ?? `exit code ${code}`}`);
      });
    }
    return success({ ...describe(ground, components), env, close });
  } catch (error) {
    await close();
    return failure('start', `the application did not start: ${errorMessage(error)}`);
  }
}

function checkOptions(options: ApplicationOptions): string[] {
  const mistakes: string[] = [];
  if (!['kernel', 'user', 'none'].includes(options.isolation)) {
    mistakes.push(`isolation: expected kernel, user or none, got ${JSON.stringify(options.isolation)}`);
  }
  if (options.telemetry === undefined) return mistakes;
  const { otlpUrl, jaegerPort } = options.telemetry;
  if (!URL.canParse(otlpUrl)) {
    mistakes.push(
      `telemetry.otlpUrl: expected a URL such as http://127.0.0.1:4318, got ${JSON.stringify(otlpUrl)}`,
    );
  }
  if (!(Number.isInteger(jaegerPort) && jaegerPort > 0 && jaegerPort < 65_536)) {
    mistakes.push(`telemetry.jaegerPort: expected a port from 1 to 65535, got ${jaegerPort}`);
  }
  return mistakes;
}

async function createGround(options: ApplicationOptions, topology: Topology): Promise<Ground> {
  const components = topology.components.map((component) => component.name);
  const { env } = options;
  switch (options.isolation) {
    case 'kernel':
      return createKernelGround({ components, env, cgroupRoot: CGROUP_ROOT });
    case 'user':
      return createUserGround({ components, env, seed: options.seed ?? 1, log: options.log });
    case 'none':
      return createBareGround({ components, env });
  }
}

/** All at once: what takes long is loading the programs, and callers need their callees only for requests. */
async function launchAll(
  options: ApplicationOptions,
  topology: Topology,
  ground: Ground,
  children: Map<string, ChildProcess>,
): Promise<readonly RunningComponent[]> {
  const targets = collectTargets(topology);
  const launched = await Promise.allSettled(
    topology.components.map(async ({ name }): Promise<RunningComponent> => {
      const pools = [...(targets.get(name) ?? [])];
      const configFile = join(options.workDir, `${name}.json`);
      const logFile = join(options.workDir, `${name}.log`);
      await writeFile(
        configFile,
        `${JSON.stringify(configure(options, topology, ground, name, pools), null, 2)}\n`,
      );
      const stderr = openSync(logFile, 'a');
      const child = await ground
        .launch(name, [COMPONENT, configFile], stderr)
        .finally(() => closeSync(stderr));
      children.set(name, child);
      const ready = await awaitMessage<ReadyMessage>(child, 'ready', {
        name,
        timeoutMs: READY_TIMEOUT_MS,
      }).catch(async (error) => {
        // What it wrote itself: the file may be gone with all else by the time that somebody looks.
        const said = (await readFile(logFile, 'utf8').catch(() => '')).trim();
        throw new Error(`${errorMessage(error)}${said === '' ? '' : `; it wrote:\n${said}`}`);
      });
      const address = { host: ground.bindAddress(name).host, port: ready.port };
      const placed: Placed = { name, pid: child.pid as number, address };
      await ground.settle(placed);
      const url = `http://${address.host}:${address.port}`;
      return { ...placed, url, poolsUrl: `${url}/-/pools`, pools };
    }),
  );
  // Only now, when none is half started any more, may a failure lead to the end of all.
  return launched.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

function configure(
  options: ApplicationOptions,
  topology: Topology,
  ground: Ground,
  name: string,
  targets: readonly string[],
): ComponentConfig {
  const service = topology.components.find((component) => component.name === name)?.service;
  return {
    name,
    ...ground.bindAddress(name),
    peers: Object.fromEntries(targets.map((target) => [target, ground.peerAddress(target)])),
    telemetry:
      service === undefined || options.telemetry === undefined
        ? undefined
        : exporters(name, options.telemetry),
    poolSize: POOL_SIZE,
    concurrency: 32,
    queue: 256,
    missRatio: MISS_RATIO,
    seed: options.seed ?? 1,
    neighbour: [process.execPath, HOG, NEIGHBOUR_NAME],
  };
}

function exporters(
  name: string,
  { otlpUrl, jaegerHost, jaegerPort }: TelemetryTargets,
): ComponentConfig['telemetry'] {
  return {
    exporter: JAEGER_SERVICES.has(name)
      ? { kind: 'jaeger', host: jaegerHost, port: jaegerPort }
      : { kind: 'otlp', url: new URL('/v1/traces', otlpUrl).href },
    metricsUrl: new URL('/v1/metrics', otlpUrl).href,
  };
}

function describe(
  ground: Ground,
  components: readonly RunningComponent[],
): Omit<Application, 'env' | 'close'> {
  const entry = ground.peerAddress('frontend');
  return {
    isolation: ground.isolation,
    entryUrl: `http://${entry.host}:${entry.port}`,
    components,
    agentTargets: components.map((component) => ({
      name: component.name,
      pids: [component.pid],
      max_cpu_cores: MAX_CPU_CORES,
      max_pool_size: MAX_POOL_SIZE,
      ...(component.pools.length > 0 ? { pools_url: component.poolsUrl } : {}),
      ...ground.knobs(component),
    })),
    coRunnerPatterns: [NEIGHBOUR_NAME],
  };
}
