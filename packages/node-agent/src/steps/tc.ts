import { isIPv6 } from 'node:net';
import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { type HtbReading, parseHtbClasses } from './htb-class.js';
import type { LinkMatch } from './link-step.js';

/** Handle of every root HTB that the agent makes. Nobody counts that high by hand, and tc itself takes 8000 and up. */
export const OWN_MAJOR = '5a6e';
/** The class of everybody else on an interface that several share. */
export const OPEN_MINOR = 0xffff;

export function classidOf(minor: number): string {
  return `${OWN_MAJOR}:${minor.toString(16)}`;
}

/**
 * One queueing discipline of `tc -s -j qdisc show [dev X]`; `dev` is absent where X was named:
 *
 *     [{"kind":"htb","handle":"5a6e:","root":true,"refcnt":3,"options":{…},"bytes":0,"packets":0,"drops":0,"backlog":0,"qlen":0},
 *      {"kind":"bfifo","handle":"8001:","parent":"5a6e:1","options":{"limit":262144},"drops":3,"backlog":1514},
 *      {"kind":"ingress","handle":"ffff:","parent":"ffff:fff1","options":{}}]
 */
export interface Qdisc {
  readonly kind: string;
  readonly handle: string;
  readonly dev?: string;
  readonly root?: boolean;
  readonly parent?: string;
  readonly backlog?: number;
  readonly drops?: number;
}

/** A filter of `tc -j filter show`; entries without `flowid` or action are the chains and hash tables around it. */
export interface Filter {
  readonly protocol: string;
  readonly pref: number;
  readonly kind: string;
  readonly options?: {
    readonly fh?: string;
    readonly flowid?: string;
    readonly actions?: readonly unknown[];
  };
}

export function parseQdiscs(text: string): readonly Qdisc[] {
  return parseList<Qdisc>(text).filter(
    ({ kind, handle }) => typeof kind === 'string' && typeof handle === 'string',
  );
}

export function parseFilters(text: string): readonly Filter[] {
  return parseList<Filter>(text).filter(
    ({ pref, options }) =>
      typeof pref === 'number' && (options?.flowid !== undefined || options?.actions !== undefined),
  );
}

/** tc answers nothing at all instead of an empty list in some releases. */
function parseList<T>(text: string): readonly T[] {
  try {
    const entries: unknown = JSON.parse(text);
    return Array.isArray(entries) ? (entries as T[]) : [];
  } catch {
    return [];
  }
}

export async function readQdiscs(
  system: System,
  device: string,
): Promise<Outcome<readonly Qdisc[], 'unsupported'>> {
  const answer = await system.run('tc', ['-s', '-j', 'qdisc', 'show', 'dev', device]);
  if (answer.ok) return success(parseQdiscs(answer.value));
  return failure('unsupported', `tc cannot read ${device}: ${answer.message}`);
}

export function rootOf(qdiscs: readonly Qdisc[]): Qdisc | undefined {
  return qdiscs.find(({ root }) => root === true);
}

export function isOwnRoot(qdisc: Qdisc | undefined): boolean {
  return qdisc?.kind === 'htb' && qdisc.handle === `${OWN_MAJOR}:`;
}

export async function readClasses(
  system: System,
  device: string,
): Promise<Outcome<readonly HtbReading[], 'unsupported'>> {
  const answer = await system.run('tc', ['-s', '-d', '-j', 'class', 'show', 'dev', device]);
  if (answer.ok) return success(parseHtbClasses(answer.value));
  return failure('unsupported', `tc cannot read ${device}: ${answer.message}`);
}

/** `parent` is a root's handle, or `ffff:` for what comes in. */
export async function readFilters(
  system: System,
  device: string,
  parent: string,
): Promise<Outcome<readonly Filter[], 'unsupported'>> {
  const answer = await system.run('tc', ['-j', 'filter', 'show', 'dev', device, 'parent', parent]);
  if (answer.ok) return success(parseFilters(answer.value));
  return failure('unsupported', `tc cannot read the filters of ${device}: ${answer.message}`);
}

/** All lines in one run of tc. They are not one transaction: it stops at the first that fails. */
export async function runTc(system: System, lines: readonly string[]): Promise<Outcome<void>> {
  if (lines.length === 0) return success(undefined);
  const done = await system.run('tc', ['-batch', '-'], `${lines.join('\n')}\n`);
  return done.ok ? success(undefined) : failure('tc', `${lines.join('; ')}: ${done.message}`);
}

export interface FilterLine {
  readonly protocol: 'ip' | 'ipv6' | 'all';
  readonly pref: number;
  /** As tc takes it after `u32`. */
  readonly match: string;
}

/**
 * u32 on addresses. Every kernel has it, it sees both versions of IP, and it does not depend on the version of control
 * groups: the classifier by net_cls is of v1 alone, and what v2 has needs nftables marks or a BPF program.
 *
 * A pref belongs to one protocol, so each class has two: twice its number, and the next.
 */
export function filterLines(minor: number, matches: readonly LinkMatch[]): readonly FilterLine[] {
  if (matches.length === 0) return [{ protocol: 'all', pref: 2 * minor, match: 'match u32 0 0' }];
  return matches.map(({ field, address }) =>
    isIPv6(address)
      ? { protocol: 'ipv6', pref: 2 * minor + 1, match: `match ip6 ${field} ${address}/128` }
      : { protocol: 'ip', pref: 2 * minor, match: `match ip ${field} ${address}/32` },
  );
}

/** Of the filters that are there, those of a class. */
export function filtersOf(filters: readonly Filter[], minor: number): readonly Filter[] {
  return filters.filter(({ pref }) => pref === 2 * minor || pref === 2 * minor + 1);
}

/** Removes the filters of a class that are there. */
export function deleteFilterLines(
  device: string,
  parent: string,
  filters: readonly Filter[],
): readonly string[] {
  const groups = new Set(filters.map(({ pref, protocol }) => `pref ${pref} protocol ${protocol}`));
  return [...groups].map((group) => `filter del dev ${device} parent ${parent} ${group}`);
}
