import { dirname } from 'node:path/posix';
import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { applyStep, undoStep, verifyStep } from './execute.js';
import { applyQueue, beginsQueue, verifyQueue } from './link-queue.js';
import { isLinkStep, type LinkStep } from './link-step.js';
import type { Step } from './step.js';

/**
 * Each applied and read back, in order, and those that make one queue of an interface together; stops at the first that
 * fails and undoes nothing.
 */
export async function applySteps(system: System, steps: readonly Step[]): Promise<Outcome<void>> {
  for (const part of partsOf(steps)) {
    const done = isQueue(part) ? await applyWhole(system, part) : await applyOne(system, part);
    if (!done.ok) return done;
  }
  return success(undefined);
}

/** Single steps, and the steps of one queue. */
function partsOf(steps: readonly Step[]): readonly (Step | LinkStep[])[] {
  const parts: (Step | LinkStep[])[] = [];
  for (const step of steps) {
    const last = parts.at(-1);
    if (!isLinkStep(step)) parts.push(step);
    else if (last !== undefined && isQueue(last) && !beginsQueue(step, last.at(-1))) last.push(step);
    else parts.push([step]);
  }
  return parts;
}

function isQueue(part: Step | LinkStep[]): part is LinkStep[] {
  return Array.isArray(part);
}

async function applyWhole(system: System, queue: readonly LinkStep[]): Promise<Outcome<void>> {
  const applied = await applyQueue(system, queue);
  return applied.ok ? verifyQueue(system, queue) : applied;
}

async function applyOne(system: System, step: Step): Promise<Outcome<void>> {
  const applied = await applyStep(system, step);
  if (applied.ok) return verifyStep(system, step);
  // A process that has ended meanwhile needs no limit.
  return applied.reason === 'gone' && 'pid' in step ? success(undefined) : applied;
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
