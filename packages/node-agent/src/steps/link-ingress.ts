import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { goneOr } from './link-class.js';
import type { LinkMirrorStep, LinkRedirectStep } from './link-step.js';
import {
  deleteFilterLines,
  type Filter,
  filterLines,
  filtersOf,
  isOwnRoot,
  readFilters,
  readQdiscs,
  rootOf,
  runTc,
} from './tc.js';

const INGRESS = 'ffff:';
/** Packets; an ifb comes with 32, too few for a queue. */
const QUEUE_LENGTH = 1000;

export function mirrorLine({ device }: LinkMirrorStep): string {
  return `link add name ${device} txqueuelen ${QUEUE_LENGTH} type ifb`;
}

export async function applyMirror(system: System, step: LinkMirrorStep): Promise<Outcome<void>> {
  const up = `link set dev ${step.device} up`;
  const lines = [mirrorLine(step), up];
  const done = await runIp(system, lines);
  if (done.ok || !/File exists/.test(done.message)) return done;
  return runIp(system, [up]);
}

async function runIp(system: System, lines: readonly string[]): Promise<Outcome<void>> {
  const done = await system.run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
  return done.ok ? success(undefined) : failure('ip', `ip ${lines.join('; ')}: ${done.message}`);
}

export async function verifyMirror(system: System, { device }: LinkMirrorStep): Promise<Outcome<void>> {
  const found = await system.run('ip', ['-j', 'link', 'show', 'dev', device]);
  return found.ok ? success(undefined) : failure('verify', `${device} does not exist: ${found.message}`);
}

export async function undoMirror(system: System, { device }: LinkMirrorStep): Promise<Outcome<string>> {
  const qdiscs = await readQdiscs(system, device);
  if (!qdiscs.ok) return goneOr(device, qdiscs);
  if (isOwnRoot(rootOf(qdiscs.value))) return success(`${device} is in use: left`);
  const done = await system.run('ip', ['link', 'del', 'dev', device]);
  return done.ok ? success(`ip link del dev ${device}`) : done;
}

export function redirectLines({ device, to, minor, matches }: LinkRedirectStep): readonly string[] {
  return filterLines(minor, matches).map(
    ({ protocol, pref, match }) =>
      `filter add dev ${device} parent ${INGRESS} protocol ${protocol} pref ${pref} u32 ${match} action mirred egress redirect dev ${to}`,
  );
}

export async function applyRedirect(system: System, step: LinkRedirectStep): Promise<Outcome<void>> {
  const { device, minor } = step;
  const found = await readIngress(system, device);
  if (!found.ok) return found;
  const { exists, filters } = found.value;
  const present = filtersOf(filters, minor);
  const wanted = redirectLines(step);
  if (present.length === wanted.length) return success(undefined);
  return runTc(system, [
    ...(exists ? [] : [`qdisc add dev ${device} handle ${INGRESS} ingress`]),
    ...deleteFilterLines(device, INGRESS, present),
    ...wanted,
  ]);
}

export async function verifyRedirect(system: System, step: LinkRedirectStep): Promise<Outcome<void>> {
  const filters = await readFilters(system, step.device, INGRESS);
  // Without an ingress qdisc tc answers an error; an interface that is gone has taken it along.
  if (!filters.ok && goneOr(step.device, filters).ok) return filters;
  const count = filters.ok ? filtersOf(filters.value, step.minor).length : 0;
  const expected = redirectLines(step).length;
  return count === expected
    ? success(undefined)
    : failure('verify', `${count} filters of ${step.device} lead to ${step.to}: expected ${expected}`);
}

/** The last of them takes the ingress qdisc along: it is ours, for others' are refused. */
export async function undoRedirect(system: System, step: LinkRedirectStep): Promise<Outcome<string>> {
  const { device, minor } = step;
  const found = await readIngress(system, device);
  if (!found.ok) return goneOr(device, found);
  const { exists, filters } = found.value;
  const mine = filtersOf(filters, minor);
  if (!exists || (mine.length === 0 && filters.length > 0))
    return success(`${device} redirects nothing of it`);
  const lines =
    mine.length === filters.length
      ? [`qdisc del dev ${device} ingress`]
      : deleteFilterLines(device, INGRESS, mine);
  const done = await runTc(system, lines);
  return done.ok ? success(`tc ${lines.join('; ')}`) : done;
}

async function readIngress(
  system: System,
  device: string,
): Promise<Outcome<{ readonly exists: boolean; readonly filters: readonly Filter[] }, 'unsupported'>> {
  const qdiscs = await readQdiscs(system, device);
  if (!qdiscs.ok) return qdiscs;
  if (!qdiscs.value.some(({ kind }) => kind === 'ingress')) return success({ exists: false, filters: [] });
  const filters = await readFilters(system, device, INGRESS);
  return filters.ok ? success({ exists: true, filters: filters.value }) : filters;
}
