import { readFile, stat } from 'node:fs/promises';
import { errorMessage, failure, type Instance, type Outcome, type ScaleState, success } from '@sage/core';
import { pause } from '../backoff.js';
import type { StaticConfig } from '../config.js';
import type { Orchestrator, OrchestratorDeps, ScaleFailure } from '../orchestrator.js';
import { parsePlacement } from './placement-file.js';

/** `invalid`: the file cannot be read, or says something else than where services run. */
export async function openStatic(
  config: StaticConfig,
  deps: Pick<OrchestratorDeps, 'logger'>,
): Promise<Outcome<Orchestrator, 'invalid'>> {
  const first = await readPlacement(config.file);
  return first.ok ? success(new StaticFile(config, deps, first.value)) : first;
}

interface PlacementFile {
  readonly instances: readonly Instance[];
  /** Of what was read, so that a change can be told. */
  readonly stamp: string;
}

async function readPlacement(file: string): Promise<Outcome<PlacementFile, 'invalid'>> {
  try {
    // Before the content: what changes in between is seen at the next look.
    const stamp = await stampOf(file);
    const parsed = parsePlacement(await readFile(file, 'utf8'));
    return parsed.ok
      ? success({ instances: parsed.value, stamp })
      : failure('invalid', `${file}: ${parsed.message}`);
  } catch (error) {
    return failure('invalid', `the placement cannot be read: ${errorMessage(error)}`);
  }
}

async function stampOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  return `${mtimeMs} ${size} ${ino}`;
}

/** Where services run, as somebody wrote it down; read again when the file changes. It scales nothing. */
class StaticFile implements Orchestrator {
  readonly name = 'static';
  readonly #config: StaticConfig;
  readonly #deps: Pick<OrchestratorDeps, 'logger'>;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  #instances: readonly Instance[];
  #stamp: string;

  constructor(config: StaticConfig, deps: Pick<OrchestratorDeps, 'logger'>, first: PlacementFile) {
    this.#config = config;
    this.#deps = deps;
    this.#instances = first.instances;
    this.#stamp = first.stamp;
    this.#running = this.#follow();
  }

  instances(): readonly Instance[] {
    return this.#instances;
  }

  async scaleState(service: string): Promise<Outcome<ScaleState, ScaleFailure>> {
    const { file } = this.#config;
    return this.#instances.some((instance) => instance.service === service)
      ? failure('unsupported', `${file} says where ${service} runs; nothing here can run more or fewer of it`)
      : failure('not-found', `${file} has no service ${service}`);
  }

  scale(service: string): Promise<Outcome<ScaleState, ScaleFailure>> {
    return this.scaleState(service);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await pause(1000 * this.#config.pollSeconds, signal);
      if (!signal.aborted) await this.#look();
    }
  }

  /** A file that cannot be used leaves what is known; it is told once for each of its contents. */
  async #look(): Promise<void> {
    const { file } = this.#config;
    const stamp = await stampOf(file).catch(errorMessage);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const read = await readPlacement(file);
    if (!read.ok) {
      this.#deps.logger.error('the placement was refused; the present one stays', { error: read.message });
      return;
    }
    this.#stamp = read.value.stamp;
    this.#instances = read.value.instances;
    this.#deps.logger.info('the placement was read again', { instances: read.value.instances.length });
  }
}
