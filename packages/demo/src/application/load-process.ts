import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { awaitMessage, endChild } from './isolation/child.js';
import { ownedEnvironment } from './isolation/leftovers.js';

const PROGRAM = fileURLToPath(new URL('./load/load-main.js', import.meta.url));

/** Requests per second that the demo asks for: some 40 % of one core for the whole application. */
export const DEFAULT_RATE = 30;

export interface LoadOptions {
  readonly entryUrl: string;
  /** Mean requests per second of all endpoints together. Default 30. */
  readonly meanRate?: number;
  readonly seed: number;
  /** Default 2000; arrivals beyond are counted as dropped. */
  readonly maxOutstanding?: number;
  readonly env: NodeJS.ProcessEnv;
  /** The process ended without being told to. */
  readonly onExit?: (message: string) => void;
}

export interface Load {
  /** Prometheus exposition: `http_server_request_duration_seconds{service,operation,code}`. */
  readonly metricsUrl: string;
  close(): Promise<void>;
}

/** Starts the open-loop workload in a process of its own. */
export async function startLoad(options: LoadOptions): Promise<Outcome<Load, 'options' | 'start'>> {
  const meanRate = options.meanRate ?? DEFAULT_RATE;
  if (!(meanRate > 0 && meanRate <= 10_000)) {
    return failure('options', `meanRate: expected 0 to 10000 requests per second, got ${meanRate}`);
  }
  if (!URL.canParse(options.entryUrl)) {
    return failure('options', `entryUrl: expected a URL, got ${JSON.stringify(options.entryUrl)}`);
  }
  const settings = {
    entryUrl: options.entryUrl,
    meanRate,
    seed: options.seed,
    maxOutstanding: options.maxOutstanding ?? 2000,
  };
  const child = fork(PROGRAM, [JSON.stringify(settings)], {
    detached: true,
    env: await ownedEnvironment(options.env),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    const ready = await awaitMessage<{ kind: 'ready'; port: number }>(child, 'ready', {
      name: 'the load generator',
      timeoutMs: 15_000,
    });
    return success(watch(child, ready.port, options));
  } catch (error) {
    await endChild(child, 1000);
    return failure('start', errorMessage(error));
  }
}

function watch(child: ChildProcess, port: number, { onExit }: LoadOptions): Load {
  let closing = false;
  child.once('exit', (code, signal) => {
    if (!closing) onExit?.(`the load generator ended with ${signal ?? `exit code ${code}`}`);
  });
  return {
    metricsUrl: `http://127.0.0.1:${port}/metrics`,
    close: () => {
      closing = true;
      return endChild(child, 1000);
    },
  };
}
