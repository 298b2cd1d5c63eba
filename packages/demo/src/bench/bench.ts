import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorMessage, failure, type Logger, type Outcome, silentLogger, success } from '@sage/core';
import type {
  LiveApplication,
  LiveApplicationOptions,
  Stretch,
  StretchOptions,
  TracedBy,
} from '@sage/evaluation';
import {
  type Application,
  freePort,
  ownedEnvironment,
  startApplication,
  type TelemetryTargets,
} from '../application/index.js';
import { type Endpoint, readHotelTopology } from '../application/topology/topology.js';
import { askJson } from '../faults/http.js';
import { driveStretch, type Usage } from './drive.js';
import { hold, release } from './hold.js';
import { ReceiverProcess } from './receiver-process.js';

export interface BenchOptions extends LiveApplicationOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly log?: Logger;
}

/**
 * The hotel reservation twice, without instrumentation and instrumented, and the receiver: processes that talk on free
 * ports of loopback, share all processors, and end with this process, however it ends.
 */
export async function startBench(options: BenchOptions): Promise<Outcome<LiveApplication, 'start'>> {
  const topology = await readHotelTopology();
  if (!topology.ok) return failure('start', topology.message);
  const workDir = mkdtempSync(join(tmpdir(), 'sage-bench-'));
  // They may be at work in it for a moment yet.
  const removeWorkDir = () => rmSync(workDir, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', removeWorkDir);
  const started: { close(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(started.splice(0).map((part) => part.close()));
    process.off('exit', removeWorkDir);
    removeWorkDir();
  };
  try {
    const parts = await startParts(options, workDir, started);
    return success(new RunningBench(parts, { ...options, endpoints: topology.value.endpoints, close }));
  } catch (error) {
    await close();
    return failure('start', errorMessage(error));
  }
}

interface Parts {
  readonly plain: Application;
  readonly traced: Application;
  readonly receiver: ReceiverProcess;
  /** Why nothing can be measured any more. */
  broken(): string | undefined;
}

async function startParts(
  { seed, env, log = silentLogger }: BenchOptions,
  workDir: string,
  started: { close(): Promise<void> }[],
): Promise<Parts> {
  let broken: string | undefined;
  const telemetry: TelemetryTargets = {
    otlpUrl: `http://127.0.0.1:${await freePort()}`,
    jaegerHost: '127.0.0.1',
    jaegerPort: await freePort(),
  };
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    started.push(part);
    return part;
  };
  const application = async (name: string, targets: TelemetryTargets | undefined) => {
    const outcome = await startApplication({
      ...{ isolation: 'none', telemetry: targets, workDir: join(workDir, name), seed, env, log },
      onExit: (_component, message) => {
        broken ??= message;
      },
    });
    if (!outcome.ok) throw new Error(outcome.message);
    return keep(outcome.value);
  };
  const receiver = async () => {
    const stderr = openSync(join(workDir, 'receiver.log'), 'a');
    const settings = {
      otlpPort: Number(new URL(telemetry.otlpUrl).port),
      jaegerPort: telemetry.jaegerPort,
      workDir,
    };
    const running = ReceiverProcess.start(settings, { env: await ownedEnvironment(env), stderr });
    return keep(await running.finally(() => closeSync(stderr)));
  };
  // Only now, when none is half started any more, may a failure lead to the end of all.
  const [plain, traced, received] = await Promise.allSettled([
    application('plain', undefined),
    application('traced', telemetry),
    receiver(),
  ]);
  const parts = { plain: unwrap(plain), traced: unwrap(traced), receiver: unwrap(received) };
  parts.receiver.guard(parts.traced.components.map(({ pid }) => pid));
  return { ...parts, broken: () => broken };
}

function unwrap<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

interface RunningOptions extends BenchOptions {
  readonly endpoints: readonly Endpoint[];
  close(): Promise<void>;
}

class RunningBench implements LiveApplication {
  readonly #parts: Parts;
  readonly #options: RunningOptions;

  constructor(parts: Parts, options: RunningOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async drive(tracedBy: TracedBy | undefined, options: StretchOptions): Promise<Outcome<Stretch, 'broken'>> {
    try {
      const stretch = await this.#drive(tracedBy, options);
      const broken = this.#parts.broken();
      return broken === undefined ? success(stretch) : failure('broken', broken);
    } catch (error) {
      return failure('broken', this.#parts.broken() ?? errorMessage(error));
    }
  }

  close(): Promise<void> {
    return this.#options.close();
  }

  async #drive(tracedBy: TracedBy | undefined, options: StretchOptions): Promise<Stretch> {
    const { nowMs, endpoints } = this.#options;
    const { plain, traced, receiver } = this.#parts;
    const application = tracedBy === undefined ? plain : traced;
    const usage = async (): Promise<Usage> => {
      const [cpuMs, reading] = await Promise.all([cpuMsOf(application), receiver.read()]);
      return { cpuMs, receiverCpuMs: reading.cpuMs, received: reading.received };
    };
    const drive = () => driveStretch({ entryUrl: application.entryUrl, endpoints, nowMs, usage }, options);
    await receiver.become(tracedBy?.receiver ?? 'nobody');
    if (tracedBy !== undefined) {
      // The front end decides for everybody behind it.
      const body = { ratio: tracedBy.sampling };
      await askJson(fetch, `${traced.entryUrl}/-/sampling`, { method: 'PUT', body });
      return drive();
    }
    // Its timers and its metrics, which it sends every second whether or not it has requests, are not the other's cost.
    hold(traced);
    try {
      return await drive();
    } finally {
      release(traced);
    }
  }
}

/** Processor time of all components since their start. */
async function cpuMsOf({ components }: Application): Promise<number> {
  const usages = await Promise.all(components.map(({ url }) => askJson(fetch, `${url}/-/cpu`)));
  // As `process.cpuUsage` has it, µs.
  const used = usages as readonly { readonly user: number; readonly system: number }[];
  return used.reduce((sum, { user, system }) => sum + (user + system) / 1000, 0);
}
