import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { goneOr } from './link-class.js';
import { ingressOf, type LinkReading, qdiscsOf } from './link-reading.js';
import type { LinkMirrorStep, LinkRedirectStep } from './link-step.js';
import {
  deleteFilterLines,
  type Filter,
  filterLines,
  filtersOf,
  INGRESS,
  isOwnRoot,
  readFilters,
  readQdiscs,
  rootOf,
  runTc,
} from './tc.js';

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

/** One that is up has a queueing discipline, if only the kernel's own. */
export function whyNotMirror({ device }: LinkMirrorStep, reading: LinkReading): string | undefined {
  return qdiscsOf(reading, device).length > 0 ? undefined : `${device} does not exist, or is down`;
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

export function missingRedirectLines(step: LinkRedirectStep, reading: LinkReading): readonly string[] {
  const { device, minor } = step;
  const present = redirectsOf(reading, minor);
  const wanted = redirectLines(step);
  if (present.length === wanted.length) return [];
  return [
    ...(ingressOf(reading, device) ? [] : [`qdisc add dev ${device} handle ${INGRESS} ingress`]),
    ...deleteFilterLines(device, INGRESS, present),
    ...wanted,
  ];
}

export function whyNotRedirect(step: LinkRedirectStep, reading: LinkReading): string | undefined {
  const count = redirectsOf(reading, step.minor).length;
  const expected = redirectLines(step).length;
  if (count === expected) return undefined;
  return `${count} filters of ${step.device} lead to ${step.to}: expected ${expected}`;
}

function redirectsOf({ filters }: LinkReading, minor: number): readonly Filter[] {
  return filtersOf(
    filters.filter(({ options }) => options?.actions !== undefined),
    minor,
  );
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
