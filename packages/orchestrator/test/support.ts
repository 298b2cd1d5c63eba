import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng, type Logger, type Outcome } from '@sage/core';
import type { OrchestratorDeps } from '../src/index.js';

export function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.reason}: ${outcome.message}`);
  return outcome.value;
}

/** `reason: message` of a failure. */
export function refusal(outcome: Outcome<unknown>): string {
  return outcome.ok ? 'it went well' : `${outcome.reason}: ${outcome.message}`;
}

export interface TestDeps extends OrchestratorDeps {
  /** `message error` of what was logged. */
  readonly lines: string[];
}

export function testDeps(more: Partial<OrchestratorDeps> = {}): TestDeps {
  const lines: string[] = [];
  const log = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    void lines.push([message, ...Object.values(fields)].join(' '));
  const logger: Logger = { info: log, warn: log, error: log };
  return { logger, rng: createRng(1), bounds: () => ({ min: 1, max: 10 }), retryMs: 5, lines, ...more };
}

const DEADLINE_MS = 5000;

/** Waits until something holds. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sage-orchestrator-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
