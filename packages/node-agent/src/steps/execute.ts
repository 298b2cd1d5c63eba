import { posix } from 'node:path';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import { readGroupPids } from '../procfs/cgroup.js';
import { leastMemoryLimit, readMemoryUse } from '../procfs/memory-use.js';
import { readProcessStat } from '../procfs/process.js';
import { errorCode, type System } from '../system.js';
import { putNumber, readNumber } from './control-http.js';
import { changeArguments, readHtbClass, sameClass, sameRates } from './htb-class.js';
import { hasLine } from './keyed-line.js';
import { applyLinkStep, describeLinkStep, undoLinkStep, verifyLinkStep } from './link-steps.js';
import { sameSchemata } from './schemata.js';
import type { HtbStep, MakeDirectoryStep, MoveStep, Step, StopStep, WriteStep } from './step.js';
import { appendBenign, moveThreads, returnThreads, verifyThreads } from './threads.js';

/** The write or command, as a person would type it. */
export function describeStep(step: Step): string {
  switch (step.op) {
    case 'write':
      return `write ${JSON.stringify(step.value)} to ${step.path} (was ${JSON.stringify(step.was)})`;
    case 'mkdir':
      return `mkdir ${step.path}`;
    case 'tasks':
      return `write the threads of ${step.pids.join(', ')} to ${step.path}`;
    case 'move':
      return `write ${step.pid} to ${step.to} (was in ${step.from})`;
    case 'stop':
      return `kill -STOP ${step.pid}`;
    case 'htb':
      return `tc ${changeArguments(step.device, step.classid, step.value, false).join(' ')} (was ${step.was.rate}bit)`;
    case 'http':
      return `PUT ${step.listUrl}/${step.name} {"${step.field}":${step.value}} (was ${step.was})`;
    default:
      return describeLinkStep(step);
  }
}

export async function applyStep(system: System, step: Step): Promise<Outcome<void>> {
  try {
    switch (step.op) {
      case 'write':
        return applyWrite(system, step);
      case 'mkdir':
        return await makeGroup(system, step);
      case 'tasks':
        return moveThreads(system, step);
      case 'move':
        if (!isSame(system, step)) return failure('gone', `process ${step.pid} is gone`);
        system.append(step.to, `${step.pid}\n`);
        return success(undefined);
      case 'stop':
        if (!isSame(system, step)) return failure('gone', `process ${step.pid} is gone`);
        system.signal(step.pid, 'SIGSTOP');
        return success(undefined);
      case 'htb': {
        const done = await system.run('tc', changeArguments(step.device, step.classid, step.value, false));
        return done.ok ? success(undefined) : done;
      }
      case 'http':
        return await putNumber(
          system,
          `${step.listUrl}/${encodeURIComponent(step.name)}`,
          step.field,
          step.value,
        );
      default:
        return await applyLinkStep(system, step);
    }
  } catch (error) {
    return failure(
      'write',
      `${describeStep(step)}: ${errorMessage(error)}${lastCommandStatus(system, step)}`,
    );
  }
}

/** Reads back what `applyStep` wrote. */
export async function verifyStep(system: System, step: Step): Promise<Outcome<void>> {
  switch (step.op) {
    case 'write':
      return verifyWrite(system, step);
    case 'mkdir':
      return system.exists(step.path) ? success(undefined) : failure('verify', `${step.path} does not exist`);
    case 'move':
      return readGroupPids(system, step.to.replace(/\/[^/]*$/, '')).includes(step.pid)
        ? success(undefined)
        : failure('verify', `process ${step.pid} is not in ${step.to}`);
    case 'htb': {
      const found = await readHtbClass(system, step.device, step.classid);
      if (!found.ok) return found;
      const message = `${step.device} ${step.classid} reads rate ${found.value.rate} ceil ${found.value.ceil} bit/s`;
      return sameRates(found.value, step.value) ? success(undefined) : failure('verify', message);
    }
    case 'http': {
      const found = await readNumber(system, step.listUrl, step.key, step.name, step.field);
      if (!found.ok) return found;
      const message = `${step.listUrl}: ${step.name} has ${step.field} ${found.value} after ${step.value} was set`;
      return found.value === step.value ? success(undefined) : failure('verify', message);
    }
    case 'tasks':
      return verifyThreads(system, step);
    // A signal is delivered when kill returns.
    case 'stop':
      return success(undefined);
    default:
      return await verifyLinkStep(system, step);
  }
}

/**
 * Puts back what was there, and only if what is there now is ours: a knob that someone else has turned meanwhile is
 * theirs. Safe for a step that was never applied, and twice. The value says what was done, for people.
 */
export async function undoStep(system: System, step: Step): Promise<Outcome<string>> {
  try {
    switch (step.op) {
      case 'write':
        return undoWrite(system, step);
      case 'mkdir':
        return removeGroup(system, step);
      case 'tasks':
        return returnThreads(system, step);
      case 'move':
        return undoMove(system, step);
      case 'stop':
        if (!isSame(system, step)) return success(`process ${step.pid} is gone`);
        system.signal(step.pid, 'SIGCONT');
        return success(`kill -CONT ${step.pid}`);
      case 'htb':
        return await undoHtb(system, step);
      case 'http': {
        const url = `${step.listUrl}/${encodeURIComponent(step.name)}`;
        const found = await readNumber(system, step.listUrl, step.key, step.name, step.field);
        if (!found.ok)
          return found.reason === 'gone' ? success(`${url} is gone, its setting with it`) : found;
        if (found.value === step.was) return success(`${url} already is at ${step.was}`);
        if (found.value !== step.value)
          return success(`${url} is at ${found.value}, set by someone else: left`);
        const done = await putNumber(system, url, step.field, step.was);
        return done.ok ? success(`PUT ${url} {"${step.field}":${step.was}}`) : done;
      }
      default:
        return await undoLinkStep(system, step);
    }
  } catch (error) {
    return failure('undo', `undo of ${describeStep(step)}: ${errorMessage(error)}`);
  }
}

export function isValue(step: WriteStep, found: string, value: string): boolean {
  if (step.format === 'schemata') return sameSchemata(found, value);
  return step.format === 'line' ? hasLine(found, value) : found === value;
}

/** What the kernel has made of a value that it does not take as it is, is nobody's: what was there goes back at once. */
function applyWrite(system: System, step: WriteStep): Outcome<void> {
  writeValue(system, step.path, step.value);
  const verified = verifyWrite(system, step);
  if (!verified.ok) writeValue(system, step.path, step.was);
  return verified;
}

function verifyWrite(system: System, step: WriteStep): Outcome<void> {
  const found = system.read(step.path)?.trim();
  if (found !== undefined && isValue(step, found, step.value)) return success(undefined);
  return failure(
    'verify',
    `${step.path} reads ${JSON.stringify(found)} after ${JSON.stringify(step.value)} was written`,
  );
}

/** A write of nothing does not reach the kernel; an empty line clears. */
function writeValue(system: System, path: string, value: string): void {
  system.write(path, value === '' ? '\n' : value);
}

function undoWrite(system: System, step: WriteStep): Outcome<string> {
  const found = system.read(step.path)?.trim();
  if (found === undefined) return success(`${step.path} is gone`);
  if (isValue(step, found, step.was))
    return success(`${step.path} already reads ${JSON.stringify(step.was)}`);
  const isOurs = [step.value, step.replaces].some(
    (value) => value !== undefined && isValue(step, found, value),
  );
  if (!isOurs) {
    return success(`${step.path} reads ${JSON.stringify(found)}, written by someone else: left`);
  }
  const why = step.format === 'memory' ? whyNotLowerable(system, step) : undefined;
  if (why !== undefined) return failure('undo', why);
  writeValue(system, step.path, step.was);
  return success(`write ${JSON.stringify(step.was)} to ${step.path}`);
}

/** Below what is in use the kernel would kill (v2) or refuse (v1): the limit stays until the use has gone down. */
function whyNotLowerable(system: System, step: WriteStep): string | undefined {
  const used = readMemoryUse(system, posix.dirname(step.path)) ?? 0;
  const least = leastMemoryLimit(used);
  return Number(step.was) < least
    ? `${step.path} stays at ${step.value}: ${step.was} would not hold the ${used} bytes in use`
    : undefined;
}

const BUSY_TRIES = 5;
const BUSY_WAIT_MS = 500;

async function makeGroup(system: System, step: MakeDirectoryStep): Promise<Outcome<void>> {
  for (let left = BUSY_TRIES; ; left--) {
    try {
      system.makeDirectory(step.path);
      return success(undefined);
    } catch (error) {
      const code = errorCode(error);
      // Made for another change, or left by an earlier run of ours: the name carries our prefix.
      if (code === 'EEXIST') return success(undefined);
      if (code === 'ENOSPC' && isResctrl(step.path)) {
        throw new Error(`no group left: the processor's are all taken${lastCommandStatus(system, step)}`);
      }
      // resctrl reuses a monitor's id once the cache has forgotten it, and looks for such once a second.
      if (code !== 'EBUSY' || left <= 1) throw error;
      await system.sleep(BUSY_WAIT_MS);
    }
  }
}

function isResctrl(path: string): boolean {
  return path.startsWith('/sys/fs/resctrl/');
}

function removeGroup(system: System, step: MakeDirectoryStep): Outcome<string> {
  if (!system.exists(step.path)) return success(`${step.path} is gone`);
  if (step.evacuateTo !== undefined) {
    // Children that the moved processes have started since.
    for (const pid of readGroupPids(system, step.path))
      appendBenign(system, existing(system, step.evacuateTo), pid);
  }
  system.removeDirectory(step.path);
  return success(`rmdir ${step.path}`);
}

function undoMove(system: System, step: MoveStep): Outcome<string> {
  if (!isSame(system, step)) return success(`process ${step.pid} is gone`);
  const group = step.to.replace(/\/[^/]*$/, '');
  if (!readGroupPids(system, group).includes(step.pid))
    return success(`process ${step.pid} is not in ${group}`);
  const from = existing(system, step.from);
  appendBenign(system, from, step.pid);
  return success(`write ${step.pid} to ${from}`);
}

/** The group that a process came from may be gone: then its nearest ancestor. */
function existing(system: System, procs: string): string {
  let directory = procs.replace(/\/[^/]*$/, '');
  while (directory.lastIndexOf('/') > 0 && !system.exists(`${directory}/cgroup.procs`)) {
    directory = directory.slice(0, directory.lastIndexOf('/'));
  }
  return `${directory}/cgroup.procs`;
}

async function undoHtb(system: System, step: HtbStep): Promise<Outcome<string>> {
  const found = await readHtbClass(system, step.device, step.classid);
  const place = `${step.device} ${step.classid}`;
  if (!found.ok) {
    return /Cannot find device|has no HTB class/.test(found.message) ? success(`${place} is gone`) : found;
  }
  if (sameRates(found.value, step.was)) return success(`${place} already is at ${step.was.rate}bit`);
  if (!sameRates(found.value, step.value)) {
    return success(`${place} is at ${found.value.rate}bit, set by someone else: left`);
  }
  let written: readonly string[] = [];
  // tc computes bursts anew for a rate and the kernel the quantum: only where that differs from what was, set them.
  for (const exact of [false, true]) {
    written = changeArguments(step.device, step.classid, step.was, exact);
    const done = await system.run('tc', written);
    if (!done.ok) return done;
    const now = await readHtbClass(system, step.device, step.classid);
    if (!now.ok) return now;
    if (sameClass(now.value, step.was)) break;
  }
  return success(`tc ${written.join(' ')}`);
}

export function isSame(system: System, step: MoveStep | StopStep): boolean {
  return readProcessStat(system, step.pid)?.startTicks === step.startTicks;
}

/** resctrl says why in a file, not in the error. */
function lastCommandStatus(system: System, step: Step): string {
  const path = 'path' in step ? step.path : '';
  const mount = /^(.*\/resctrl)\//.exec(path)?.[1];
  const status = mount === undefined ? undefined : system.read(`${mount}/info/last_cmd_status`)?.trim();
  return status === undefined || status === '' || status === 'ok' ? '' : ` (${status})`;
}
