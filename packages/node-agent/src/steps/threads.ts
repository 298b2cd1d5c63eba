import { failure, type Outcome, success } from '@sage/core';
import { errorCode, type System } from '../system.js';
import type { TasksStep } from './step.js';

/** Threads that a thread starts are in its group from the start: after a few looks there is none left outside. */
const MOST_LOOKS = 8;

export function moveThreads(system: System, step: TasksStep): Outcome<void> {
  const done = new Set<string>();
  // Threads started while we write are found by looking again, until a look finds none.
  for (let look = 0; look < MOST_LOOKS; look++) {
    const threads = threadsOf(system, step.pids).filter((tid) => !done.has(tid));
    if (threads.length === 0) break;
    for (const tid of threads) {
      appendBenign(system, step.path, Number(tid));
      done.add(tid);
    }
  }
  return success(undefined);
}

export function verifyThreads(system: System, step: TasksStep): Outcome<void> {
  const found = new Set((system.read(step.path) ?? '').split('\n'));
  const outside = threadsOf(system, step.pids).filter((tid) => !found.has(tid));
  if (outside.length === 0) return success(undefined);
  // Those that have ended since they were listed are in no group.
  const alive = outside.filter((tid) => threadsOf(system, step.pids).includes(tid));
  return alive.length === 0
    ? success(undefined)
    : failure('verify', `threads ${alive.join(', ')} are not in ${step.path}`);
}

/**
 * The kernel gives threads back to the default group with the group's removal. Whoever counted them in a monitoring
 * group gets them back there, by way of the default group: a monitor takes threads of its own parent only.
 */
export function returnThreads(system: System, step: TasksStep): Outcome<string> {
  const { back, path, pids } = step;
  if (back === undefined || !system.exists(back)) {
    return success(`threads of ${pids.join(', ')} go back with the group`);
  }
  const parent = back.replace(/\/mon_groups\/[^/]+\/tasks$/, '/tasks');
  const mine = new Set((system.read(path) ?? '').split('\n'));
  for (const tid of threadsOf(system, pids).filter((each) => mine.has(each))) {
    appendBenign(system, parent, Number(tid));
    appendBenign(system, back, Number(tid));
  }
  return success(`write the threads of ${pids.join(', ')} to ${back}`);
}

function threadsOf(system: System, pids: readonly number[]): readonly string[] {
  return pids.flatMap((pid) => system.list(`/proc/${pid}/task`));
}

/** One id a write; ESRCH says that it has ended, which is no failure. */
export function appendBenign(system: System, path: string, id: number): void {
  try {
    system.append(path, `${id}\n`);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
