import { failure, type Outcome, success } from '@sage/core';
import type { LinkConfig, TargetConfig } from '../config.js';
import { type HtbReading, readHtbClass } from '../steps/htb-class.js';
import type { System } from '../system.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

export const LEAST_MBIT = 0.1;

/**
 * The kind and handle of an interface's root queueing discipline, of `tc -j qdisc show dev X`:
 *
 *     [{"kind":"htb","handle":"1:","root":true,"refcnt":3,"options":{"r2q":10,"default":"0x10"}}]
 *     [{"kind":"noqueue","handle":"0:","root":true,"refcnt":2,"options":{}}]
 */
export function parseRootQdisc(text: string): { readonly kind: string; readonly handle: string } | undefined {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    return undefined;
  }
  const list = Array.isArray(entries) ? (entries as Record<string, unknown>[]) : [];
  const root = list.find((entry) => entry.root === true);
  if (typeof root?.kind !== 'string' || typeof root.handle !== 'string') return undefined;
  return { kind: root.kind, handle: root.handle };
}

/** The configured class, and only under an HTB root with the configured major number. */
export async function readLinkClass(
  system: System,
  link: LinkConfig,
): Promise<Outcome<HtbReading, 'unsupported' | 'not-allowed'>> {
  const answer = await system.run('tc', ['-j', 'qdisc', 'show', 'dev', link.device]);
  if (!answer.ok) return failure('unsupported', `tc cannot read ${link.device}: ${answer.message}`);
  const root = parseRootQdisc(answer.value);
  const major = `${link.classid.split(':')[0]}:`;
  if (root?.kind !== 'htb' || root.handle !== major) {
    const found = root === undefined ? 'no root qdisc' : `a root qdisc ${root.kind} ${root.handle}`;
    return failure(
      'not-allowed',
      `${link.device} has ${found}: expected htb ${major}, others are not ours to change`,
    );
  }
  return readHtbClass(system, link.device, link.classid);
}

export async function planLinkRate(
  site: Site,
  target: TargetConfig,
  mbitPerSecond: number,
): Promise<Planned> {
  const { link } = target;
  if (link === undefined) return failure('unsupported', `${target.name} has no link in the configuration`);
  if (!isWithin(mbitPerSecond, LEAST_MBIT, link.maxMbit)) {
    return outOfRange('link rate', mbitPerSecond, LEAST_MBIT, link.maxMbit, 'Mbit/s');
  }
  const now = await readLinkClass(site.system, link);
  if (!now.ok) return now;
  const { classid, backlogBytes: _, ...was } = now.value;
  const rate = Math.round(mbitPerSecond * 1e6);
  if (was.rate === rate && was.ceil === rate) return success([]);
  return success([{ op: 'htb', device: link.device, classid, value: { ...was, rate, ceil: rate }, was }]);
}
