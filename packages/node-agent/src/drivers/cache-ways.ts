import { failure, type Outcome, success, type TargetState } from '@sage/core';
import type { TargetConfig } from '../config.js';
import {
  composeSchemata,
  countWays,
  type Domains,
  longestRun,
  parseSchemata,
  placeMask,
} from '../steps/schemata.js';
import type { System } from '../system.js';
import { targetPids } from '../targets/find-target.js';
import {
  groupOf,
  limitedGroup,
  listGroups,
  planGroup,
  RESCTRL,
  readSchemata,
  targetGroup,
  usedDomains,
  whyNoResctrl,
} from './resctrl.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

/** What limited co-runners get together of the ways of a cache, or the fewest that the processor allows. */
const LIMITED_SHARE = 0.1;

/** The last-level cache's allocation, of `info/L3`. Masks have one bit a way: `cbm_mask` fffff, `shareable_bits` c0000. */
export interface CacheInfo {
  readonly level: 2 | 3;
  /** Its lines in `schemata`: two where code and data are prioritised apart (CDP). */
  readonly lines: readonly string[];
  readonly cbmMask: bigint;
  readonly shareableBits: bigint;
  readonly minCbmBits: number;
  /** By domain: ways that a group has for itself alone, or that are pseudo-locked. */
  readonly takenBits: Domains;
}

/** Processors without an L3 that can be partitioned may have such an L2, which then is shared by few cores. */
export function readCacheInfo(system: System): Outcome<CacheInfo, 'unsupported'> {
  for (const level of [3, 2] as const) {
    for (const lines of [[`L${level}`], [`L${level}CODE`, `L${level}DATA`]]) {
      const info = `${RESCTRL}/info/${lines[0]}`;
      const cbmMask = parseMask(system.read(`${info}/cbm_mask`));
      if (cbmMask === undefined) continue;
      return success({
        level,
        lines,
        cbmMask,
        shareableBits: parseMask(system.read(`${info}/shareable_bits`)) ?? 0n,
        minCbmBits: Number.parseInt(system.read(`${info}/min_cbm_bits`) ?? '', 10) || 1,
        takenBits: parseTakenBits(system.read(`${info}/bit_usage`) ?? ''),
      });
    }
  }
  return failure('unsupported', whyNoResctrl(system, 'cache allocation'));
}

/** One mask: `fffff`. */
export function parseMask(text: string | undefined): bigint | undefined {
  const trimmed = text?.trim() ?? '';
  return /^[0-9a-fA-F]+$/.test(trimmed) ? BigInt(`0x${trimmed}`) : undefined;
}

/**
 * `bit_usage`, a letter for each way, the highest first; E is one group's alone, P is pseudo-locked:
 *
 *     0=SSSSSSSSSSSSSSSSXXXX;1=EEEESSSSSSSSSSSSXXXX
 */
export function parseTakenBits(text: string): Domains {
  const taken = new Map<number, bigint>();
  for (const match of text.matchAll(/(\d+)=([0A-Z]+)/g)) {
    const bits = [...(match[2] as string)].map((letter) => (letter === 'E' || letter === 'P' ? '1' : '0'));
    taken.set(Number(match[1]), BigInt(`0b${bits.join('')}`));
  }
  return taken;
}

/** How many ways the target has where it runs: the fewest of any domain, code and data alike. */
export function cacheWaysState(site: Site, target: TargetConfig): Pick<TargetState, 'llcWays'> {
  const info = readCacheInfo(site.system);
  const pid = targetPids(site, target)[0];
  if (!info.ok || pid === undefined) return {};
  const schemata = readSchemata(site.system, groupOf(site.system, pid));
  const domains = domainsOf(site, target, info.value);
  const ways = info.value.lines.flatMap((line) =>
    [...parseSchemata(schemata, line)].filter(([id]) => domains.includes(id)).map(([, m]) => countWays(m)),
  );
  if (ways.length === 0) return {};
  return { llcWays: { current: Math.min(...ways), max: countWays(info.value.cbmMask) } };
}

/** The target's threads into its group with a mask of `ways` adjacent ways in the cache domains where it runs. */
export function planCacheWays(site: Site, target: TargetConfig, ways: number): Planned {
  const info = readCacheInfo(site.system);
  if (!info.ok) return info;
  const most = countWays(info.value.cbmMask);
  if (!Number.isInteger(ways) || !isWithin(ways, info.value.minCbmBits, most)) {
    return outOfRange('cache share', ways, info.value.minCbmBits, most, 'ways');
  }
  const pids = targetPids(site, target);
  if (pids.length === 0) return failure('unsupported', `no process of ${target.name} runs`);
  const inDefault = groupOf(site.system, pids[0] as number) === '';
  if (inDefault && cacheWaysState(site, target).llcWays?.current === ways) return success([]);
  return planMasks(site, info.value, domainsOf(site, target, info.value), targetGroup(target), pids, ways);
}

/** Co-runners into one group that has few ways where the target runs; elsewhere they keep all. */
export function planLimitCache(
  site: Site,
  target: TargetConfig,
  pids: readonly number[],
  id: string,
): Planned {
  const info = readCacheInfo(site.system);
  if (!info.ok) return info;
  const ways = Math.max(info.value.minCbmBits, Math.round(LIMITED_SHARE * countWays(info.value.cbmMask)), 1);
  return planMasks(site, info.value, domainsOf(site, target, info.value), limitedGroup(id), pids, ways);
}

function planMasks(
  site: Site,
  info: CacheInfo,
  domains: readonly number[],
  group: string,
  pids: readonly number[],
  ways: number,
): Planned {
  if (domains.length === 0) return failure('unsupported', `${RESCTRL}/schemata names no cache domain`);
  const wanted = new Map<number, bigint>();
  const fresh = new Map<number, bigint>();
  for (const id of domains) {
    const allowed = info.cbmMask & ~(info.takenBits.get(id) ?? 0n);
    const mask = placeMask(ways, allowed, info.shareableBits);
    if (mask === undefined) {
      return failure('out-of-range', `no ${ways} adjacent ways of ${allowed.toString(16)} in domain ${id}`);
    }
    wanted.set(id, mask);
    fresh.set(id, longestRun(allowed));
  }
  const exists = listGroups(site.system).includes(group);
  const value: string[] = [];
  const was: string[] = [];
  for (const line of info.lines) {
    const now = exists ? parseSchemata(readSchemata(site.system, group), line) : fresh;
    // Only what changes is written: each domain written is an interrupt of its processors.
    const changed = domains.filter((id) => now.get(id) !== wanted.get(id));
    const pick = (from: Domains) => new Map(changed.map((id) => [id, from.get(id) ?? info.cbmMask]));
    if (changed.length === 0) continue;
    value.push(composeSchemata(pick(wanted), line));
    was.push(composeSchemata(pick(now), line));
  }
  return planGroup(site, group, pids, { value: value.join('\n'), was: was.join('\n') });
}

function domainsOf(site: Site, target: TargetConfig, info: CacheInfo): readonly number[] {
  return usedDomains(site, target, info.lines[0] as string, info.level);
}
