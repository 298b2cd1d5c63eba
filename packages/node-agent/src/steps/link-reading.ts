import { failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';
import { type HtbReading, parseHtbClasses } from './htb-class.js';
import {
  type Filter,
  INGRESS,
  isOwnRoot,
  OWN_ROOT,
  parseFilters,
  parseQdiscs,
  type Qdisc,
  rootOf,
} from './tc.js';

/** Queueing disciplines of all interfaces, and what else was asked for of one queue. */
export interface LinkReading {
  readonly qdiscs: readonly Qdisc[];
  readonly classes: readonly HtbReading[];
  /** Those with which a redirect begins, and those that lead to a class. */
  readonly filters: readonly Filter[];
}

/** What of a queue is to be read beside the queueing disciplines: each from an interface that may have none of it. */
export interface LinkParts {
  /** An interface without which nothing can be said. */
  readonly device?: string;
  /** The classes of our HTB there. */
  readonly classesOf?: string;
  /** The filters that lead to classes of our HTB there. */
  readonly filtersOf?: string;
  /** The filters that redirect what comes in there. */
  readonly redirectsOf?: string;
}

/**
 * All in one run of tc, whose start costs more than its work. It stops at the first part that is not there at all, as an
 * interface that is gone: then once more, without what is not there.
 */
export async function readParts(
  system: System,
  parts: LinkParts,
): Promise<Outcome<LinkReading, 'unsupported'>> {
  const all = await readLines(system, linesOf(parts));
  return all.ok ? all : readPresent(system, parts);
}

/** For what is not expected to be there: looks first, and then reads what there is. */
export async function readPresent(
  system: System,
  parts: LinkParts,
): Promise<Outcome<LinkReading, 'unsupported'>> {
  const { device } = parts;
  const bare = await readLines(system, linesOf({ device }));
  if (!bare.ok) return bare;
  const hasRoot = (device: string | undefined) =>
    device !== undefined && isOwnRoot(rootOf(qdiscsOf(bare.value, device))) ? device : undefined;
  const hasIngress = (device: string | undefined) =>
    device !== undefined && ingressOf(bare.value, device) ? device : undefined;
  const found = linesOf({
    classesOf: hasRoot(parts.classesOf),
    filtersOf: hasRoot(parts.filtersOf),
    redirectsOf: hasIngress(parts.redirectsOf),
  });
  return found.length === 0 ? bare : readLines(system, found);
}

export function qdiscsOf({ qdiscs }: Pick<LinkReading, 'qdiscs'>, device: string): readonly Qdisc[] {
  return qdiscs.filter(({ dev }) => dev === device);
}

export function ingressOf(reading: Pick<LinkReading, 'qdiscs'>, device: string): boolean {
  return qdiscsOf(reading, device).some(({ kind }) => kind === 'ingress');
}

function linesOf(parts: { readonly [Part in keyof LinkParts]: string | undefined }): readonly string[] {
  const { device, classesOf, filtersOf, redirectsOf } = parts;
  return [
    ...(device === undefined ? [] : [`qdisc show dev ${device}`]),
    ...(classesOf === undefined ? [] : [`class show dev ${classesOf}`]),
    ...(filtersOf === undefined ? [] : [`filter show dev ${filtersOf} parent ${OWN_ROOT}`]),
    ...(redirectsOf === undefined ? [] : [`filter show dev ${redirectsOf} parent ${INGRESS}`]),
  ];
}

async function readLines(
  system: System,
  lines: readonly string[],
): Promise<Outcome<LinkReading, 'unsupported'>> {
  const input = `${['qdisc show', ...lines].join('\n')}\n`;
  const answer = await system.run('tc', ['-s', '-d', '-j', '-batch', '-'], input);
  if (answer.ok) return success(parseReading(answer.value));
  return failure('unsupported', `tc cannot read ${lines.join(' and ') || 'qdiscs'}: ${answer.message}`);
}

/**
 * One answer after the other, each a list on one line or, of classes in older releases, text. What an entry is, it says
 * itself: classes have a `class`, filters a `pref`, and queueing disciplines neither.
 *
 *     [{"kind":"htb","handle":"5a6e:","dev":"v1","root":true,…},{"kind":"ingress","handle":"ffff:","dev":"v1",…}]
 *     class htb 5a6e:1 root prio 0 quantum 60000 rate 20Mbit ceil 20Mbit linklayer ethernet burst …
 *      Sent 0 bytes 0 pkt (dropped 0, overlimits 0 requeues 0)
 *     [{"protocol":"all","pref":2,"kind":"u32","chain":0,"options":{"fh":"800::800",…,"actions":[…]}}]
 */
export function parseReading(text: string): LinkReading {
  const lines = text.split('\n');
  const lists = lines.filter((line) => line.startsWith('['));
  const rest = lines.filter((line) => !line.startsWith('[')).join('\n');
  return {
    qdiscs: lists.flatMap(parseQdiscs).filter((entry) => !('pref' in entry) && !('class' in entry)),
    classes: [...lists.flatMap(parseHtbClasses), ...parseHtbClasses(rest)],
    filters: lists.flatMap(parseFilters),
  };
}
