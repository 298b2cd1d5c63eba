import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ActionOutcome, errorMessage, failure, type Outcome, success } from '@sage/core';
import { stringify } from 'yaml';
import { endChild } from '../application/index.js';

export interface AgentProcess {
  readonly url: string;
  /** Has it undo all that it did, the newest first. Rejects where it does not answer. */
  undoAll(): Promise<void>;
  close(): Promise<void>;
}

export interface AgentOptions {
  readonly port: number;
  readonly workDir: string;
  /** The `targets` section of the agent's configuration. */
  readonly targets: readonly object[];
  /** Regular expressions on command lines of processes that the agent may limit. */
  readonly coRunnerPatterns: readonly string[];
  readonly fetch: typeof fetch;
  /** Of the run that it belongs to: see `Application.env`. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends the waiting for it; its reason becomes the message. */
  readonly signal: AbortSignal;
}

const READY_TRIES = 100;
const READY_EVERY_MS = 100;
/** Asked politely first, so that it undoes what it changed. */
const STOP_PATIENCE_MS = 5_000;

/** Starts the real node agent beside the application, free to act on the demo's own processes and on nothing else. */
export async function startAgentProcess(options: AgentOptions): Promise<Outcome<AgentProcess, 'agent'>> {
  const configPath = join(options.workDir, 'node-agent.yaml');
  const url = `http://127.0.0.1:${options.port}`;
  await writeFile(
    configPath,
    stringify({
      listen: `127.0.0.1:${options.port}`,
      node: 'demo',
      journal: join(options.workDir, 'node-agent-journal.jsonl'),
      dry_run: false,
      // The engine asks every two seconds.
      sample_seconds: 1,
      targets: options.targets,
      co_runners: { allow: options.coRunnerPatterns, suspend: true },
    }),
  );
  const main = fileURLToPath(import.meta.resolve('@sage/node-agent/main'));
  const logPath = join(options.workDir, 'node-agent.log');
  const child = spawn(process.execPath, [main, '--config', configPath], {
    // A terminal's Ctrl-C is for the demo, which ends it when it has undone what it did.
    detached: true,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(logPath);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.on('close', () => log.end());
  const refused = async (why: string) => {
    await endChild(child, STOP_PATIENCE_MS);
    return failure('agent', why);
  };
  let answer = '';
  for (let tries = 0; tries < READY_TRIES; tries++) {
    if (options.signal.aborted) return refused(errorMessage(options.signal.reason));
    if (child.exitCode !== null || child.signalCode !== null) {
      return refused(
        `the node agent ended with ${child.signalCode ?? `status ${child.exitCode}`}; see ${logPath}`,
      );
    }
    try {
      if ((await options.fetch(`${url}/-/ready`)).ok) {
        return success({
          url,
          undoAll: () => undoAll(url, options.fetch),
          close: () => endChild(child, STOP_PATIENCE_MS),
        });
      }
    } catch (error) {
      answer = ` (${errorMessage(error)})`;
    }
    await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS));
  }
  const seconds = (READY_TRIES * READY_EVERY_MS) / 1000;
  return refused(`the node agent was not ready after ${seconds} s${answer}; see ${logPath}`);
}

async function undoAll(url: string, fetch: typeof globalThis.fetch): Promise<void> {
  const outcomes = (await (await fetch(`${url}/api/v1/actions`)).json()) as readonly ActionOutcome[];
  for (const { id } of outcomes.filter(({ status }) => status === 'applied').reverse()) {
    const answer = await fetch(`${url}/api/v1/actions/${encodeURIComponent(id)}`, { method: 'DELETE' });
    if (!answer.ok) throw new Error(`the node agent did not undo ${id}: ${await answer.text()}`);
  }
}
