import { failure, type Outcome, success, type TargetState } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { composeSchemata, type Domains, parseSchemata } from '../steps/schemata.js';
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

/** What limited co-runners may take of the bandwidth, or the least that the processor allows. */
const LIMITED_SHARE = 0.1;
const LINE = 'MB';
/** Bandwidth is allocated where the L3 is. */
const LEVEL = 3;

/** `info/MB`, in the unit that `schemata` has it in. */
export interface BandwidthInfo {
  readonly unit: 'percent' | 'eighth-gigabytes-per-second';
  readonly least: number;
  readonly most: number;
  readonly granularity: number;
}

/**
 * Intel has percent, from `min_bandwidth` in steps of `bandwidth_gran`; AMD has eighths of a GB/s, and what the default
 * group has is the most. Mounted with `mba_MBps`, the kernel takes MB/s and corrects by itself: left to whoever chose it.
 */
export function readBandwidthInfo(system: System): Outcome<BandwidthInfo, 'unsupported'> {
  const number = (file: string) => Number.parseInt(system.read(`${RESCTRL}/info/MB/${file}`) ?? '', 10);
  const least = number('min_bandwidth');
  const granularity = number('bandwidth_gran');
  if (!Number.isFinite(least) || !(granularity > 0)) {
    return failure('unsupported', whyNoResctrl(system, 'memory bandwidth allocation'));
  }
  if (/^.* - resctrl \S+ (?:\S*,)?mba_MBps\b/m.test(system.read('/proc/self/mountinfo') ?? '')) {
    return failure('unsupported', `${RESCTRL} is mounted with mba_MBps`);
  }
  if (!isAmd(system)) return success({ unit: 'percent', least, most: 100, granularity });
  const values = [...parseSchemata(readSchemata(system, ''), LINE).values()].map(Number);
  if (values.length === 0) return failure('unsupported', `${RESCTRL}/schemata names no bandwidth domain`);
  return success({
    unit: 'eighth-gigabytes-per-second',
    least: Math.max(granularity, least),
    most: Math.max(...values),
    granularity,
  });
}

/** `vendor_id	: AuthenticAMD`. */
function isAmd(system: System): boolean {
  return /^vendor_id\s*:\s*(AuthenticAMD|HygonGenuine)$/m.test(system.read('/proc/cpuinfo') ?? '');
}

/** What the target may take where it runs: the least of any domain. */
export function memoryBandwidthState(site: Site, target: TargetConfig): Pick<TargetState, 'memoryBandwidth'> {
  const info = readBandwidthInfo(site.system);
  const pid = targetPids(site, target)[0];
  if (!info.ok || pid === undefined) return {};
  const values = parseSchemata(readSchemata(site.system, groupOf(site.system, pid)), LINE);
  const domains = usedDomains(site, target, LINE, LEVEL);
  const current = Math.min(...[...values].filter(([id]) => domains.includes(id)).map(([, v]) => Number(v)));
  if (!Number.isFinite(current)) return {};
  return { memoryBandwidth: { current, max: info.value.most, unit: info.value.unit } };
}

export function planMemoryBandwidth(site: Site, target: TargetConfig, value: number): Planned {
  const info = readBandwidthInfo(site.system);
  if (!info.ok) return info;
  const { least, most, granularity, unit } = info.value;
  // The kernel would round it up silently.
  if (!isWithin(value, least, most) || value % granularity !== 0) {
    return outOfRange('memory bandwidth', value, least, most, `${unit}, a multiple of ${granularity}`);
  }
  const pids = targetPids(site, target);
  if (pids.length === 0) return failure('unsupported', `no process of ${target.name} runs`);
  const inDefault = groupOf(site.system, pids[0] as number) === '';
  if (inDefault && memoryBandwidthState(site, target).memoryBandwidth?.current === value) return success([]);
  return planBandwidth(
    site,
    info.value,
    usedDomains(site, target, LINE, LEVEL),
    targetGroup(target),
    pids,
    value,
  );
}

/** Co-runners into one group that may take little where the target runs. */
export function planLimitBandwidth(
  site: Site,
  target: TargetConfig,
  pids: readonly number[],
  id: string,
): Planned {
  const info = readBandwidthInfo(site.system);
  if (!info.ok) return info;
  const { least, most, granularity } = info.value;
  const value = Math.max(least, granularity * Math.round((LIMITED_SHARE * most) / granularity), granularity);
  return planBandwidth(
    site,
    info.value,
    usedDomains(site, target, LINE, LEVEL),
    limitedGroup(id),
    pids,
    value,
  );
}

function planBandwidth(
  site: Site,
  info: BandwidthInfo,
  domains: readonly number[],
  group: string,
  pids: readonly number[],
  value: number,
): Planned {
  if (domains.length === 0) return failure('unsupported', `${RESCTRL}/schemata names no bandwidth domain`);
  const exists = listGroups(site.system).includes(group);
  const now: Domains = exists ? parseSchemata(readSchemata(site.system, group), LINE) : new Map();
  const before = (id: number) => now.get(id) ?? BigInt(info.most);
  const changed = domains.filter((id) => before(id) !== BigInt(value));
  const compose = (ofDomain: (id: number) => bigint) =>
    changed.length === 0 ? '' : composeSchemata(new Map(changed.map((id) => [id, ofDomain(id)])), LINE);
  return planGroup(site, group, pids, { value: compose(() => BigInt(value)), was: compose(before) });
}
