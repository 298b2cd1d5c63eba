import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, failure, type Logger, type Outcome, silentLogger, success } from '@sage/core';
import {
  type Application,
  freePort,
  ownedEnvironment,
  startApplication,
  type TelemetryTargets,
} from '../application/index.js';
import { type Endpoint, readHotelTopology } from '../application/topology/topology.js';
import { askJson } from '../faults/http.js';
import { driveStretch, type Stretch, type StretchOptions } from './drive.js';
import type { ReceiverKind } from './receiver-messages.js';
import { ReceiverProcess } from './receiver-process.js';

/** How the application is traced while it is driven. */
export interface TracedBy {
  /** Share of requests, 0..1. */
  readonly sampling: number;
  /** Sage, or a receiver that reads and drops. */
  readonly receiver: ReceiverKind;
}

/** A stretch, and the processor time that it took until the last span was sent. */
export interface MeasuredStretch extends Stretch {
  /** Of all the application's processes. */
  readonly cpuMs: number;
  /** Of the receiver's process. */
  readonly receiverCpuMs: number;
  /** Spans where Sage received, messages where they were dropped. */
  readonly received: number;
}

/** The hotel reservation twice, side by side: without instrumentation, and instrumented. One is driven at a time. */
export interface Bench {
  /** `tracedBy` undefined: the one that is not instrumented. `broken`: a process has ended, or does not answer. */
  drive(
    tracedBy: TracedBy | undefined,
    options: StretchOptions,
  ): Promise<Outcome<MeasuredStretch, 'broken'>>;
  /** Ends all processes. Idempotent. */
  close(): Promise<void>;
}

export interface BenchOptions {
  readonly seed: number;
  readonly env: NodeJS.ProcessEnv;
  readonly nowMs: () => number;
  readonly log?: Logger;
}

/** Spans wait half a second for company before they are sent, and are received at once. */
const LAST_SPANS_MS = 700;

/** Starts both applications and the receiver, on free ports of loopback; they end with this process, however it ends. */
export async function startBench(options: BenchOptions): Promise<Outcome<Bench, 'start'>> {
  const topology = await readHotelTopology();
  if (!topology.ok) return failure('start', topology.message);
  const workDir = mkdtempSync(join(tmpdir(), 'sage-bench-'));
  const removeWorkDir = () => rmSync(workDir, { recursive: true, force: true });
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
      dataDir: join(workDir, 'sage'),
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
  return {
    plain: valueOf(plain),
    traced: valueOf(traced),
    receiver: valueOf(received),
    broken: () => broken,
  };
}

function valueOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

class RunningBench implements Bench {
  readonly #parts: Parts;
  readonly #options: BenchOptions & { readonly endpoints: readonly Endpoint[]; close(): Promise<void> };
  #receiver: ReceiverKind | undefined;

  constructor(
    parts: Parts,
    options: BenchOptions & { readonly endpoints: readonly Endpoint[]; close(): Promise<void> },
  ) {
    this.#parts = parts;
    this.#options = options;
  }

  async drive(
    tracedBy: TracedBy | undefined,
    options: StretchOptions,
  ): Promise<Outcome<MeasuredStretch, 'broken'>> {
    try {
      const measured = await this.#measure(tracedBy, options);
      const broken = this.#parts.broken();
      return broken === undefined ? success(measured) : failure('broken', broken);
    } catch (error) {
      return failure('broken', this.#parts.broken() ?? errorMessage(error));
    }
  }

  close(): Promise<void> {
    return this.#options.close();
  }

  async #measure(tracedBy: TracedBy | undefined, options: StretchOptions): Promise<MeasuredStretch> {
    const { nowMs, endpoints } = this.#options;
    const application = tracedBy === undefined ? this.#parts.plain : this.#parts.traced;
    if (tracedBy !== undefined) await this.#turn(tracedBy);
    const [before, received] = [await cpuMsOf(application), await this.#parts.receiver.read()];
    const stretch = await driveStretch({ entryUrl: application.entryUrl, endpoints, nowMs }, options);
    await sleep(LAST_SPANS_MS);
    const [after, now] = [await cpuMsOf(application), await this.#parts.receiver.read()];
    return {
      ...stretch,
      cpuMs: after - before,
      receiverCpuMs: now.cpuMs - received.cpuMs,
      received: now.received - received.received,
    };
  }

  /** The front end decides for everybody behind it. */
  async #turn({ sampling, receiver }: TracedBy): Promise<void> {
    if (this.#receiver !== receiver) {
      await this.#parts.receiver.become(receiver);
      this.#receiver = receiver;
    }
    const entry = this.#parts.traced.entryUrl;
    await askJson(fetch, `${entry}/-/sampling`, { method: 'PUT', body: { ratio: sampling } });
  }
}

/** Processor time of all components since their start. */
async function cpuMsOf({ components }: Application): Promise<number> {
  const usages = await Promise.all(components.map(({ url }) => askJson(fetch, `${url}/-/cpu`)));
  // As `process.cpuUsage` has it, µs.
  const used = usages as readonly { readonly user: number; readonly system: number }[];
  return used.reduce((sum, { user, system }) => sum + (user + system) / 1000, 0);
}
