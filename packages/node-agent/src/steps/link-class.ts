import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import type { HtbReading } from './htb-class.js';
import type { LinkClassStep, LinkRootStep } from './link-step.js';
import {
  classidOf,
  deleteFilterLines,
  filterLines,
  filtersOf,
  isOwnRoot,
  OPEN_MINOR,
  OWN_MAJOR,
  readClasses,
  readFilters,
  readQdiscs,
  rootOf,
  runTc,
} from './tc.js';

/** Of the only class where the whole interface is one target's. */
export const WHOLE_MINOR = 1;

/** Faster than any interface: what HTB never holds back. Without a burst it would wait for its timer between packets. */
const OPEN_RATE = 'rate 100gbit ceil 100gbit burst 1mb cburst 1mb quantum 60000';
/** A queue of this long a time: what waits longer was better lost, for its sender slows down then. */
const QUEUE_SECONDS = 0.05;
/** Two of the largest packets that an interface hands on to be segmented. */
const LEAST_QUEUE_BYTES = 128 * 1024;

const ROOT = `${OWN_MAJOR}:`;

/** The lines that make it; targets come first (prio 0), so that others at full speed cannot take what a class promises. */
export function rootLines({ device, shared }: LinkRootStep): readonly string[] {
  const open = shared ? OPEN_MINOR : WHOLE_MINOR;
  const root = `qdisc add dev ${device} root handle ${ROOT} htb default 0x${open.toString(16)}`;
  if (!shared) return [root];
  return [root, openLine(device)];
}

function openLine(device: string): string {
  return `class replace dev ${device} parent ${ROOT} classid ${classidOf(OPEN_MINOR)} htb prio 1 ${OPEN_RATE}`;
}

export function classLines({ device, minor, value }: Pick<LinkClassStep, 'device' | 'minor' | 'value'>) {
  const classid = classidOf(minor);
  const limit = Math.max(LEAST_QUEUE_BYTES, Math.round((QUEUE_SECONDS * value) / 8));
  return [
    `class replace dev ${device} parent ${ROOT} classid ${classid} htb prio 0 rate ${value}bit ceil ${value}bit quantum 60000`,
    `qdisc replace dev ${device} parent ${classid} bfifo limit ${limit}`,
  ];
}

/** None where the whole interface is the target's: its root leads there. */
export function classFilterLines({ device, minor, matches }: LinkClassStep): readonly string[] {
  if (matches.length === 0) return [];
  return filterLines(minor, matches).map(
    ({ protocol, pref, match }) =>
      `filter add dev ${device} parent ${ROOT} protocol ${protocol} pref ${pref} u32 ${match} flowid ${classidOf(minor)}`,
  );
}

export async function applyRoot(system: System, step: LinkRootStep): Promise<Outcome<void>> {
  const made = await runTc(system, rootLines(step));
  if (made.ok) return made;
  // The kernel adds a root over its own default only: what is there may be ours, of another change or of a run that ended.
  const qdiscs = await readQdiscs(system, step.device);
  if (!qdiscs.ok) return qdiscs;
  if (!isOwnRoot(rootOf(qdiscs.value))) return made;
  return step.shared ? runTc(system, [openLine(step.device)]) : success(undefined);
}

export async function verifyRoot(system: System, step: LinkRootStep): Promise<Outcome<void>> {
  const qdiscs = await readQdiscs(system, step.device);
  if (!qdiscs.ok) return qdiscs;
  const root = rootOf(qdiscs.value);
  if (isOwnRoot(root)) return success(undefined);
  return failure(
    'verify',
    `${step.device} has the root qdisc ${root?.kind ?? '(none)'} ${root?.handle ?? ''}`,
  );
}

/** With the root its classes go, and the kernel puts its default in its place. */
export async function undoRoot(system: System, { device }: LinkRootStep): Promise<Outcome<string>> {
  const qdiscs = await readQdiscs(system, device);
  if (!qdiscs.ok) return goneOr(device, qdiscs);
  if (!isOwnRoot(rootOf(qdiscs.value))) return success(`${device} has no HTB of Sage's`);
  const classes = await readClasses(system, device);
  if (!classes.ok) return classes;
  if (classes.value.some((each) => !isOpen(each))) return success(`the HTB of ${device} is in use: left`);
  const line = `qdisc del dev ${device} root`;
  const done = await runTc(system, [line]);
  return done.ok ? success(`tc ${line}`) : done;
}

export async function applyClass(system: System, step: LinkClassStep): Promise<Outcome<void>> {
  const { device, minor, matches } = step;
  if (matches.length === 0) return runTc(system, classLines(step));
  const filters = await readFilters(system, device, ROOT);
  if (!filters.ok) return filters;
  const present = filtersOf(filters.value, minor);
  const wanted = classFilterLines(step);
  // Replacing a u32 filter adds another one: those that are there go first, unless they are what is wanted.
  const lines =
    present.length === wanted.length ? [] : [...deleteFilterLines(device, ROOT, present), ...wanted];
  return runTc(system, [...classLines(step), ...lines]);
}

export async function verifyClass(system: System, step: LinkClassStep): Promise<Outcome<void>> {
  const { device, minor, matches, value } = step;
  const found = await findClass(system, device, minor);
  if (!found.ok) return found;
  if (found.value === undefined || !isRate(found.value, value)) {
    const rate = found.value === undefined ? 'is missing' : `has the rate ${found.value.rate} bit/s`;
    return failure('verify', `${device} ${classidOf(minor)} ${rate} after ${value} was set`);
  }
  if (matches.length === 0) return success(undefined);
  const filters = await readFilters(system, device, ROOT);
  if (!filters.ok) return filters;
  const leading = filtersOf(filters.value, minor).filter(
    ({ options }) => options?.flowid === classidOf(minor),
  );
  return leading.length === matches.length
    ? success(undefined)
    : failure(
        'verify',
        `${leading.length} filters of ${device} lead to ${classidOf(minor)}: expected ${matches.length}`,
      );
}

export async function undoClass(system: System, step: LinkClassStep): Promise<Outcome<string>> {
  const { device, minor, was } = step;
  const found = await findClass(system, device, minor);
  if (!found.ok) return goneOr(device, found);
  const filters = await readFilters(system, device, ROOT);
  const present = filters.ok ? filtersOf(filters.value, minor) : [];
  if (found.value === undefined && present.length === 0) {
    return success(`${device} ${classidOf(minor)} is gone`);
  }
  const lines =
    was === null
      ? [
          // A class to which filters lead cannot be removed.
          ...deleteFilterLines(device, ROOT, present),
          ...(found.value === undefined ? [] : [`class del dev ${device} classid ${classidOf(minor)}`]),
        ]
      : classLines({ device, minor, value: was });
  const done = await runTc(system, lines);
  return done.ok ? success(`tc ${lines.join('; ')}`) : done;
}

/** undefined where our HTB has no such class, or is not there. */
export async function findClass(
  system: System,
  device: string,
  minor: number,
): Promise<Outcome<HtbReading | undefined, 'unsupported'>> {
  const classes = await readClasses(system, device);
  if (!classes.ok) return classes;
  return success(classes.value.find(({ classid }) => classid === classidOf(minor)));
}

function isOpen({ classid }: HtbReading): boolean {
  return classid === classidOf(OPEN_MINOR);
}

/** tc prints six digits at most: compare to that. */
export function isRate({ rate, ceil }: HtbReading, value: number): boolean {
  return [rate, ceil].every((each) => Math.abs(each - value) <= 1e-5 * value);
}

/** An interface that is gone has taken its queues with it. */
export function goneOr<T extends { readonly ok: false; readonly message: string }>(
  device: string,
  failed: T,
) {
  return /Cannot find device|does not exist/.test(failed.message)
    ? success(`${device} is gone, its queues with it`)
    : failed;
}
