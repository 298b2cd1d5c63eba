import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createLogger, errorMessage, failure, type Outcome, systemClock } from '@sage/core';
import type { Config } from './config/config.js';
import { checkConfig, type LoadConfigOptions, loadConfig } from './config/load.js';
import { startEngine } from './engine.js';

export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

export interface ServeOptions {
  readonly configPath: string;
  readonly writeLog: (line: string) => void;
  /** SIGTERM and SIGINT end the server, SIGHUP reads the configuration again. */
  readonly onSignal: (signal: Signal, handler: () => void) => unknown;
  readonly version?: string;
  /** Path of a Unix socket to serve the HTTP API on, too. */
  readonly serveOn?: string;
}

/**
 * `sage serve`: runs until told to end. `config`: the file cannot be used; `start`: Sage cannot start with it; `close`:
 * it ran, and could not save all that it knew.
 */
export async function runServe(options: ServeOptions): Promise<Outcome<void, 'config' | 'start' | 'close'>> {
  const logger = createLogger(options.writeLog, () => systemClock.now());
  const readConfig = () => readConfigFile(options.configPath);
  const config = readConfig();
  if (!config.ok) return failure('config', config.message);

  const { sageParts: parts } = await import('./wiring.js');
  logger.info('learning runs on', { backend: await parts.learner.backend() });
  const started = await startEngine(config.value, {
    clock: systemClock,
    logger,
    fetch,
    parts,
    readConfig,
    ...(options.version === undefined ? {} : { version: options.version }),
    ...(options.serveOn === undefined ? {} : { serveOn: options.serveOn }),
  });
  if (!started.ok) return failure('start', started.message);
  const engine = started.value;
  options.onSignal('SIGHUP', () => engine.reload());
  const signal = await new Promise<Signal>((end) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) options.onSignal(name, () => end(name));
  });
  logger.info('ending', { signal });
  return engine.close();
}

/** `sage check-config FILE`: every error, one a line, or that there is none. */
export function checkConfigFile(path: string): { readonly ok: boolean; readonly text: string } {
  try {
    return checkConfig(readFileSync(path, 'utf8'), beside(path));
  } catch (error) {
    return { ok: false, text: unreadable(path, error) };
  }
}

/** The configuration in a file, token files read; the failure's message names the file and all that is wrong. */
export function readConfigFile(path: string): Outcome<Config> {
  try {
    const loaded = loadConfig(readFileSync(path, 'utf8'), beside(path));
    return loaded.ok ? loaded : failure(loaded.reason, `${path} is refused:\n${loaded.message}`);
  } catch (error) {
    return failure('unreadable', unreadable(path, error));
  }
}

/** Files are named relative to the configuration. */
function beside(configPath: string): LoadConfigOptions {
  const resolvePath = (path: string) => resolve(dirname(configPath), path);
  return { readFile: (path) => readFileSync(resolvePath(path), 'utf8'), resolvePath };
}

function unreadable(path: string, error: unknown): string {
  return `the configuration ${path} cannot be read: ${errorMessage(error)}`;
}
