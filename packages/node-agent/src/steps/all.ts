import { dirname } from 'node:path/posix';
import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { applyStep, undoStep, verifyStep } from './execute.js';
import type { Step } from './step.js';

/** Each applied and read back, in order; stops at the first that fails and undoes nothing. */
export async function applySteps(system: System, steps: readonly Step[]): Promise<Outcome<void>> {
  for (const step of steps) {
    const applied = await applyStep(system, step);
    // A process that has ended meanwhile needs no limit.
    if (!applied.ok && applied.reason === 'gone' && 'pid' in step) continue;
    if (!applied.ok) return applied;
    const verified = await verifyStep(system, step);
    if (!verified.ok) return verified;
  }
  return success(undefined);
}

/**
 * All of them in reverse, whichever fail; but what stands in one folder with a value that could not be put back waits
 * for it, because the kernel wants them in order (no maximum below the minimum). The value says what was done.
 */
export async function undoSteps(system: System, steps: readonly Step[]): Promise<Outcome<readonly string[]>> {
  const done: string[] = [];
  const failed: string[] = [];
  const stuck = new Set<string>();
  for (const step of steps.toReversed()) {
    const folder = step.op === 'write' ? dirname(step.path) : undefined;
    if (folder !== undefined && stuck.has(folder)) continue;
    const undone = await undoStep(system, step);
    if (undone.ok) done.push(undone.value);
    else {
      failed.push(undone.message);
      if (folder !== undefined) stuck.add(folder);
    }
  }
  return failed.length === 0 ? success(done) : failure('undo', failed.join('; '));
}
