import { readGroupPids } from '../procfs/cgroup.js';
import { readProcessStat } from '../procfs/process.js';
import type { System } from '../system.js';
import { readNumber } from './control-http.js';
import { isSame, isValue, verifyStep } from './execute.js';
import { readHtbClass, sameRates } from './htb-class.js';
import { lineLike } from './keyed-line.js';
import type { HtbStep, HttpStep, MoveStep, Step, StopStep, TasksStep, WriteStep } from './step.js';

/**
 * How a step stands on the node some time after it was applied. Of a drifted one `step` does it again: what somebody
 * else has put there is now what undoing brings back.
 */
export type Standing =
  | { readonly kind: 'in-force' }
  /** What it was done to is no more: a process, a container, a device. */
  | { readonly kind: 'gone' }
  /** It cannot be read now. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'drifted'; readonly found: string; readonly step: Step };

const IN_FORCE: Standing = { kind: 'in-force' };
const GONE: Standing = { kind: 'gone' };
const UNKNOWN: Standing = { kind: 'unknown' };

export async function standingOf(system: System, step: Step): Promise<Standing> {
  switch (step.op) {
    case 'write':
      return writeStanding(system, step);
    case 'tasks':
      return tasksStanding(system, step);
    case 'move':
      return moveStanding(system, step);
    case 'stop':
      return stopStanding(system, step);
    case 'htb':
      return htbStanding(system, step);
    case 'http':
      return httpStanding(system, step);
    default:
      return readBackStanding(system, step);
  }
}

/** Of steps that bring nothing of anybody else's back: as when they were applied. */
async function readBackStanding(system: System, step: Step): Promise<Standing> {
  const verified = await verifyStep(system, step);
  if (verified.ok) return IN_FORCE;
  return verified.reason === 'verify' ? drifted(verified.message, step) : UNKNOWN;
}

function drifted(found: string, step: Step): Standing {
  return { kind: 'drifted', found, step };
}

function writeStanding(system: System, step: WriteStep): Standing {
  const found = system.read(step.path)?.trim();
  if (found === undefined) return GONE;
  if (isValue(step, found, step.value)) return IN_FORCE;
  return drifted(`${step.path} reads ${JSON.stringify(found)}`, { ...step, was: putThere(step, found) });
}

/** What somebody else has put where this step had written. */
function putThere(step: WriteStep, found: string): string {
  // Schemata are lines of several resources; in a group of our own nobody else's are to be brought back.
  if (step.format === 'schemata') return step.was;
  return step.format === 'line' ? lineLike(found, step.value) : found;
}

function tasksStanding(system: System, step: TasksStep): Standing {
  const inside = new Set((system.read(step.path) ?? '').split('\n'));
  const threads = step.pids.flatMap((pid) => system.list(`/proc/${pid}/task`));
  if (threads.length === 0) return GONE;
  const outside = threads.filter((tid) => !inside.has(tid));
  return outside.length === 0 ? IN_FORCE : drifted(`threads ${outside.join(', ')} left ${step.path}`, step);
}

function moveStanding(system: System, step: MoveStep): Standing {
  if (!isSame(system, step)) return GONE;
  const inside = readGroupPids(system, step.to.replace(/\/[^/]*$/, '')).includes(step.pid);
  return inside ? IN_FORCE : drifted(`process ${step.pid} left ${step.to}`, step);
}

function stopStanding(system: System, step: StopStep): Standing {
  if (!isSame(system, step)) return GONE;
  return readProcessStat(system, step.pid)?.state === 'T'
    ? IN_FORCE
    : drifted(`process ${step.pid} runs again`, step);
}

async function htbStanding(system: System, step: HtbStep): Promise<Standing> {
  const found = await readHtbClass(system, step.device, step.classid);
  if (!found.ok) return UNKNOWN;
  if (sameRates(found.value, step.value)) return IN_FORCE;
  const { classid: _, backlogBytes: __, drops: ___, ...was } = found.value;
  return drifted(`${step.device} ${step.classid} has a rate of ${was.rate}bit`, { ...step, was });
}

async function httpStanding(system: System, step: HttpStep): Promise<Standing> {
  const found = await readNumber(system, step.listUrl, step.key, step.name, step.field);
  if (!found.ok) return found.reason === 'gone' ? GONE : UNKNOWN;
  if (found.value === step.value) return IN_FORCE;
  return drifted(`${step.listUrl}/${step.name} has a ${step.field} of ${found.value}`, {
    ...step,
    was: found.value,
  });
}
