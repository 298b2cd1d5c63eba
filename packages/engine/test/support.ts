import { mkdtempSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCausalGraph, type CausalModel } from '@sage/causal-graph';
import {
  type Clock,
  type Diagnosis,
  failure,
  ManualClock,
  type Outcome,
  objectiveNode,
  readObjective,
  silentLogger,
  success,
  systemClock,
  type Window,
} from '@sage/core';
import type { Config } from '../src/config/config.js';
import { loadConfig } from '../src/config/load.js';
import { startEngine } from '../src/engine.js';
import type { Engine, EngineDeps } from '../src/engine-face.js';
import type { EngineEvent } from '../src/events.js';
import type { Parts } from '../src/parts.js';

export const OBJECTIVE = { service: 'front', operation: 'GET /' } as const;
export const START_MS = 1_700_000_000_000;
const RPC = `(outside)>${OBJECTIVE.service}:${OBJECTIVE.operation}`;
const CALLS = {
  services: ['cart', 'front'],
  rpcs: [
    {
      id: RPC,
      key: { caller: '(outside)', callee: 'front', operation: 'GET /' },
      kinds: ['server'],
      count: 100,
    },
    {
      id: 'front>cart:get',
      key: { caller: 'front', callee: 'cart', operation: 'get' },
      kinds: ['client', 'server'],
      count: 100,
    },
  ],
  edges: [
    { parent: RPC, child: 'front>cart:get', callsPerParent: 1, criticality: 1, awaited: 1, beside: [] },
  ],
} as const;

export function window(index: number, p99Ms: number): Window {
  const startMs = START_MS + index * 10_000;
  const stats = { p50Ms: p99Ms / 4, p95Ms: p99Ms / 2, p99Ms, count: 300 };
  return {
    startMs,
    endMs: startMs + 30_000,
    latency: new Map([[objectiveNode(OBJECTIVE), stats]]),
    metrics: new Map([['cart', new Map([['cpu_usage_cores', 0.2]])]]),
  };
}

export function tempDir(): string {
  return mkdtempSync(join(tmpdir(), 'sage-engine-'));
}

export function configOf(dataDir: string, extra: Record<string, unknown> = {}): Config {
  const loaded = loadConfig(
    JSON.stringify({
      listen: '127.0.0.1:0',
      data_dir: dataDir,
      objectives: [{ name: 'front', ...OBJECTIVE, threshold_ms: 100 }],
      learning: { min_windows: 20 },
      ...extra,
    }),
    { readFile: (path) => (path === 'token' ? 'secret\n' : '') },
  );
  if (!loaded.ok) throw new Error(loaded.message);
  return loaded.value;
}

/** A model that knows nothing but its graph, and says 50 ms to every what-if. */
export function fakeModel(): CausalModel {
  return {
    graph: buildCausalGraph(CALLS),
    r2: new Map([
      ['cart', 0.95],
      ['front', 0.9],
    ]),
    foretold: new Map([
      ['cart', 0.4],
      ['front', 0.3],
    ]),
    abduct: (of) => ({ window: of, residual: () => undefined }),
    predict: () => ({ draws: () => Float64Array.of(50, 50, 150, 50) }),
  };
}

export function fakeDiagnosis(of: Window, objective: Config['objectives'][number]): Diagnosis {
  const { observedMs, broken } = readObjective(objective, of);
  const culprit = {
    service: 'cart',
    resource: 'cpu',
    probability: 0.97,
    share: 1,
    effectMs: 120,
    evidence: [],
  } as const;
  return {
    objective: objective.name,
    verdict: broken ? 'culprits' : 'no-violation',
    windowStartMs: of.startMs,
    windowEndMs: of.endMs,
    observedMs,
    thresholdMs: objective.thresholdMs,
    culprits: broken ? [culprit] : [],
    services: [],
    resources: [],
    victims: [],
    reason: 'As measured.',
  };
}

/** The same where it is broken, with these to blame; undetermined where that is nobody. */
export function fakeBlame(
  of: Window,
  objective: Config['objectives'][number],
  services: readonly string[],
): Diagnosis {
  const diagnosis = fakeDiagnosis(of, objective);
  const [culprit] = diagnosis.culprits;
  if (culprit === undefined) return diagnosis;
  const culprits = services.map((service) => ({ ...culprit, service }));
  return { ...diagnosis, verdict: culprits.length > 0 ? 'culprits' : 'undetermined', culprits };
}

export interface Rig {
  readonly engine: Engine;
  readonly config: Config;
  readonly clock: ManualClock;
  readonly events: EngineEvent[];
  /** How often a diagnosis was asked for. */
  readonly diagnoses: () => number;
  /** Closes a window: the clock moves to its end. */
  window(index: number, p99Ms: number): Promise<void>;
  /** Closes a window in which nothing was called. */
  idle(index: number): Promise<void>;
  url(path: string): string;
}

/**
 * What starts the rigs of the tests of one suite, and closes them after each whatever became of it: an engine that is
 * left running would keep the whole test run from ending.
 */
export function rigsOfEachTest(): typeof startRig {
  const open: Rig[] = [];
  afterEach(() => Promise.all(open.splice(0).map(({ engine }) => engine.close())));
  return async (options) => {
    const rig = await startRig(options);
    open.push(rig);
    return rig;
  };
}

export interface RigOptions {
  readonly dataDir?: string;
  readonly extra?: Record<string, unknown>;
  readonly deps?: Partial<EngineDeps>;
  readonly parts?: Partial<Parts>;
}

/** An engine whose collector is the test and whose model is made at once. */
export async function startRig({ dataDir = tempDir(), extra, deps, parts }: RigOptions = {}): Promise<Rig> {
  const clock = new ManualClock(START_MS);
  const config = configOf(dataDir, extra);
  let push: (window: Window) => void = () => {};
  let diagnoses = 0;
  const fakes = fakeParts({
    startCollector: async ({ onWindow }) => {
      push = onWindow;
      return success({
        endpoints: { otlp_http: '127.0.0.1:4318' },
        callGraph: () => CALLS,
        addSamples: () => {},
        stats: () => ({ spansReceived: 7, spansDropped: { late: 2 } }),
        close: async () => {},
      });
    },
    diagnose: ({ window: of, objective }) => {
      diagnoses++;
      return fakeDiagnosis(of, objective);
    },
    ...parts,
  });
  const started = await startEngine(config, {
    clock,
    logger: silentLogger,
    fetch,
    parts: fakes,
    retryMs: 5,
    ...deps,
  });
  if (!started.ok) throw new Error(started.message);
  const engine = started.value;
  const events: EngineEvent[] = [];
  engine.subscribe((event) => events.push(event));
  const close = async (next: Window) => {
    clock.set(next.endMs);
    push(next);
    await settled();
  };
  return {
    engine,
    config,
    clock,
    events,
    diagnoses: () => diagnoses,
    url: (path) => `${engine.url}${path}`,
    window: (index, p99Ms) => close(window(index, p99Ms)),
    idle: (index) => close({ ...window(index, 0), latency: new Map() }),
  };
}

export function fakeParts(overrides: Partial<Parts>): Parts {
  const missing = () => {
    throw new Error('this test does not use that part');
  };
  return {
    startCollector: missing,
    createWatcher: (objective, brokenWindows) => fakeWatcher(objective, brokenWindows),
    buildGraph: buildCausalGraph,
    learner: {
      fit: async ({ onProgress }) => {
        onProgress({ epoch: 1, epochs: 1, loss: 0.5, r2: 0.9 });
        return fakeModel();
      },
      save: () => 'the model',
      load: (text): Outcome<CausalModel> =>
        text === 'the model' ? success(fakeModel()) : failure('damaged', 'not a model'),
      backend: async () => 'fake',
    },
    diagnose: missing,
    relief: () => undefined,
    loadRelief: () => undefined,
    rehearse: () => {},
    plan: missing,
    prometheus: () => undefined,
    orchestrator: async () => success(undefined),
    ...overrides,
  };
}

function fakeWatcher(
  objective: Config['objectives'][number],
  brokenWindows: number,
): ReturnType<Parts['createWatcher']> {
  let broken = false;
  let contrary = 0;
  return {
    observe: (of) => {
      contrary = readObjective(objective, of).broken === broken ? 0 : contrary + 1;
      if (contrary < brokenWindows) return undefined;
      broken = !broken;
      contrary = 0;
      return { kind: broken ? 'broken' : 'restored', sinceMs: of.startMs };
    },
  };
}

/** Waits until a condition holds; fails after five seconds. */
export async function until(condition: () => boolean, clock: Clock = systemClock): Promise<void> {
  const endMs = clock.now() + 5000;
  while (!condition()) {
    if (clock.now() > endMs) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Promises have run on and files are written, however long that takes. */
export async function settled(): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (process.getActiveResourcesInfo().some((kind) => /^(FS|FileHandle|CloseReq)/i.test(kind))) quiet = 0;
  }
}

let serial = 0;

export interface AlertFields {
  readonly reason?: string;
  readonly status?: 'firing' | 'resolved';
  readonly qos?: string;
  readonly fingerprint?: string;
}

export function webhook({
  status = 'firing',
  qos = 'front',
  fingerprint = `f${serial++}`,
  reason,
}: AlertFields = {}) {
  return {
    version: '4',
    groupKey: `{}:{qos="${qos}"}`,
    ...(reason === undefined ? {} : { notification_reason: reason }),
    truncatedAlerts: 0,
    status,
    receiver: 'sage',
    groupLabels: { qos },
    commonLabels: { qos },
    commonAnnotations: {},
    externalURL: 'http://127.0.0.1:9093',
    alerts: [
      {
        status,
        labels: { alertname: 'Slow', qos },
        annotations: {},
        startsAt: '2023-11-14T22:13:20Z',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: '',
        fingerprint,
      },
    ],
  };
}

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export interface FakeGrafana {
  readonly url: string;
  readonly posts: Record<string, unknown>[];
  readonly patches: Record<string, unknown>[];
  /** The next this many requests are answered 500 after their work is done. */
  failAfterwards: number;
  /** Every request is answered 401 and nothing done. */
  locked: boolean;
  close(): Promise<void>;
}

/** Grafana's annotation API: POST, PATCH by id, GET by tags (AND). */
export async function startGrafana(): Promise<FakeGrafana> {
  const posts: Record<string, unknown>[] = [];
  const patches: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://grafana');
    const body = await bodyOf(request);
    if (grafana.locked) return void response.writeHead(401).end('{}');
    let answer: unknown = [];
    if (request.method === 'POST') answer = { message: 'Annotation added', id: posts.push(body) };
    if (request.method === 'PATCH')
      answer = { message: 'patched', id: patches.push({ ...body, url: url.pathname }) };
    if (request.method === 'GET') {
      const wanted = url.searchParams.getAll('tags');
      answer = posts.flatMap(({ tags }, index) =>
        wanted.every((tag) => (tags as string[]).includes(tag)) ? [{ id: index + 1 }] : [],
      );
    }
    response.statusCode = grafana.failAfterwards-- > 0 ? 500 : 200;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const grafana: FakeGrafana = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    patches,
    failAfterwards: 0,
    locked: false,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return grafana;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text === '' ? {} : JSON.parse(text);
}
