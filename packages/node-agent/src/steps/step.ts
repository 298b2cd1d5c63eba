import type { HtbClass } from './htb-class.js';
import type { LinkStep } from './link-step.js';

/** Why an action is not carried out. */
export type Refusal =
  | 'unknown-target'
  | 'not-allowed'
  | 'out-of-range'
  | 'unsupported'
  | 'unreachable'
  | 'busy';

/**
 * One write with what was there before: plain data, so that a journal can hold it and a later process undo it.
 * Drivers plan steps; `execute.ts` applies, verifies and undoes them.
 */
export type Step =
  | WriteStep
  | MakeDirectoryStep
  | TasksStep
  | MoveStep
  | StopStep
  | HtbStep
  | HttpStep
  | LinkStep;

export interface WriteStep {
  readonly op: 'write';
  readonly path: string;
  readonly value: string;
  readonly was: string;
  /**
   * How to compare: as text; as schemata, which the kernel pads and reorders; or as one line of several, told by its first
   * word. `memory` is a text whose undoing waits until what is in use fits.
   */
  readonly format: 'text' | 'schemata' | 'line' | 'memory';
  /** What an earlier change of ours had put there, which this one takes over: until this is written, that stands. */
  readonly replaces?: string;
}

/** A control group of our own, told by its prefix; undo removes it. */
export interface MakeDirectoryStep {
  readonly op: 'mkdir';
  readonly path: string;
  /** `cgroup.procs` of the group that gets back whatever runs here; resctrl needs none, the kernel does it. */
  readonly evacuateTo?: string;
}

/** Threads into a resctrl group; removing the group gives them back to the default one. */
export interface TasksStep {
  readonly op: 'tasks';
  readonly path: string;
  readonly pids: readonly number[];
  /** `tasks` of the monitoring group that they leave. */
  readonly back?: string;
}

/** A process into a control group. The start time tells the process from a later one with the same pid. */
export interface MoveStep {
  readonly op: 'move';
  readonly pid: number;
  readonly startTicks: number;
  readonly to: string;
  readonly from: string;
}

export interface StopStep {
  readonly op: 'stop';
  readonly pid: number;
  readonly startTicks: number;
}

export interface HtbStep {
  readonly op: 'htb';
  readonly device: string;
  readonly classid: string;
  readonly value: HtbClass;
  readonly was: HtbClass;
}

/** A number behind HTTP: `GET listUrl` answers an array, `PUT listUrl/NAME` sets one field of one entry. */
export interface HttpStep {
  readonly op: 'http';
  readonly listUrl: string;
  readonly key: 'link' | 'pool';
  readonly name: string;
  readonly field: 'delayMs' | 'size';
  readonly value: number;
  readonly was: number;
}

/** Which lines and entries of a file a write is for, where several changes meet in one. */
function linesOf({ format, value }: WriteStep): string {
  if (format === 'line') return ` ${value.split(' ', 1)[0]}`;
  return format === 'schemata' ? ` ${value.replace(/=[^;\n]*/g, '')}` : '';
}

/** Steps with the same knob are the same place on the node. */
export function knobOf(step: Step): string {
  switch (step.op) {
    case 'move':
    case 'stop':
      return `process:${step.pid}/${step.startTicks}`;
    case 'htb':
      return `htb:${step.device}/${step.classid}`;
    case 'http':
      return `http:${step.listUrl}/${step.name}`;
    case 'link-mirror':
    case 'link-root':
      return `${step.op}:${step.device}`;
    case 'link-class':
    case 'link-redirect':
      return `${step.op}:${step.device}/${step.minor}`;
    case 'write':
      return `write:${step.path}${linesOf(step)}`;
    default:
      return `${step.op}:${step.path}`;
  }
}

/**
 * Whether several changes may each have the step: the group of a target for its cache and its bandwidth, the queue of an
 * interface for each of its classes. Only the last of them undoes it.
 */
export function isShared(step: Step): boolean {
  return ['mkdir', 'tasks', 'link-mirror', 'link-root'].includes(step.op);
}

/** Of the shared steps, those that must stay while `others` are in force. Queues know by themselves who is in them. */
export function isNeeded(step: Step, others: readonly Step[]): boolean {
  if (step.op !== 'mkdir' && step.op !== 'tasks') return false;
  const folder = step.op === 'mkdir' ? step.path : step.path.replace(/\/tasks$/, '');
  return others.some((other) => other.op === 'mkdir' && other.path === folder);
}

/**
 * What undoes both an earlier change and a later one to the same knobs: the later values, over what was there before
 * the earlier, or over what somebody else has put there since. Steps of the earlier that the later does not touch stay,
 * first.
 */
export function inherit(earlier: readonly Step[], later: readonly Step[]): readonly Step[] {
  const before = new Map(earlier.map((step) => [knobOf(step), step]));
  const merged = later.map((step) => {
    const old = before.get(knobOf(step));
    before.delete(knobOf(step));
    if (old === undefined || !('was' in old && 'was' in step) || isTurnedSince(old, step)) return step;
    const replaces = old.op === 'write' ? { replaces: old.value } : {};
    return { ...step, was: old.was, ...replaces } as Step;
  });
  return [...before.values(), ...merged];
}

/** Whether the later step has found something else than the earlier had put there. */
function isTurnedSince(earlier: Step, later: Step): boolean {
  if (earlier.op === 'http' && later.op === 'http') return later.was !== earlier.value;
  const isText = earlier.op === 'write' && later.op === 'write' && later.format === 'text';
  return isText && later.was !== earlier.value;
}
