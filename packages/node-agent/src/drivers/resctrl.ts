import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { type CacheMasks, composeSchemata, countWays, parseSchemata, placeMask } from '../steps/schemata.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { targetPids } from '../targets/find-target.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

const MOUNT = '/sys/fs/resctrl';
/** Groups without it are someone else's. */
const PREFIX = 'sage-';

/** `info/L3`. Masks are hexadecimal, one bit a way: `cbm_mask` fffff, `shareable_bits` c0000. */
export interface L3Info {
  readonly cbmMask: bigint;
  readonly shareableBits: bigint;
  readonly minCbmBits: number;
  readonly numClosids: number;
}

export function readL3Info(system: System): Outcome<L3Info, 'unsupported'> {
  const info = `${MOUNT}/info/L3`;
  const mask = parseMask(system.read(`${info}/cbm_mask`));
  if (mask === undefined) {
    const mounted = system.exists(`${MOUNT}/schemata`);
    const reason = mounted
      ? 'the processor has no L3 cache allocation'
      : `resctrl is not mounted at ${MOUNT}`;
    return failure('unsupported', reason);
  }
  return success({
    cbmMask: mask,
    shareableBits: parseMask(system.read(`${info}/shareable_bits`)) ?? 0n,
    minCbmBits: Number.parseInt(system.read(`${info}/min_cbm_bits`) ?? '1', 10) || 1,
    numClosids: Number.parseInt(system.read(`${info}/num_closids`) ?? '1', 10) || 1,
  });
}

export function parseMask(text: string | undefined): bigint | undefined {
  const trimmed = text?.trim() ?? '';
  return /^[0-9a-fA-F]+$/.test(trimmed) ? BigInt(`0x${trimmed}`) : undefined;
}

export interface CacheGroup {
  /** '' is the default group. */
  readonly name: string;
  readonly masks: CacheMasks;
}

/** The group whose `tasks` (one thread id a line) hold the target's first pid. */
export function readTargetCacheGroup(site: Site, target: TargetConfig): CacheGroup | undefined {
  const pid = targetPids(site, target)[0];
  if (pid === undefined) return undefined;
  const { system } = site;
  const reserved = new Set(['info', 'mon_groups', 'mon_data']);
  const groups = system
    .list(MOUNT)
    .filter((name) => !reserved.has(name) && system.exists(`${MOUNT}/${name}/tasks`));
  for (const name of groups) {
    const tasks = system.read(`${MOUNT}/${name}/tasks`) ?? '';
    if (tasks.split('\n').includes(String(pid))) return readGroup(system, name);
  }
  return readGroup(system, '');
}

function readGroup(system: System, name: string): CacheGroup {
  return { name, masks: parseSchemata(system.read(`${MOUNT}/${name}/schemata`) ?? '') };
}

/** Fewest ways that any cache domain gives the group. */
export function groupWays(group: CacheGroup): number {
  return Math.min(...[...group.masks.values()].map(countWays));
}

/**
 * The target's threads into a group of their own with a mask of `ways` adjacent ways in every cache domain. Undo is
 * removing the group: the kernel gives the threads back to the default one.
 */
export function planLlcWays(site: Site, target: TargetConfig, ways: number): Planned {
  const info = readL3Info(site.system);
  if (!info.ok) return info;
  const { cbmMask, minCbmBits, shareableBits, numClosids } = info.value;
  const most = countWays(cbmMask);
  if (!Number.isInteger(ways) || !isWithin(ways, minCbmBits, most)) {
    return outOfRange('cache share', ways, minCbmBits, most, 'ways');
  }
  const pids = targetPids(site, target);
  const group = readTargetCacheGroup(site, target);
  if (group === undefined) return failure('unsupported', `no process of ${target.name} runs`);
  if (group.name !== '' && !group.name.startsWith(PREFIX)) {
    return failure(
      'not-allowed',
      `${target.name} is in the resctrl group "${group.name}", which is not Sage's`,
    );
  }
  const mask = placeMask(ways, cbmMask, shareableBits);
  if (mask === undefined)
    return failure('out-of-range', `no ${ways} adjacent ways in ${cbmMask.toString(16)}`);
  const domains = readGroup(site.system, '').masks;
  const wanted = new Map([...domains.keys()].map((id) => [id, mask]));
  if (wanted.size === 0) return failure('unsupported', `${MOUNT}/schemata names no L3 domain`);

  const directory = `${MOUNT}/${PREFIX}${target.name}`;
  const own = group.name === `${PREFIX}${target.name}`;
  const schemata: Step = {
    op: 'write',
    path: `${directory}/schemata`,
    value: composeSchemata(wanted),
    was: composeSchemata(own ? group.masks : domains),
    format: 'schemata',
  };
  if (own) return success(schemata.value === schemata.was ? [] : [schemata]);
  if (countGroups(site.system) >= numClosids) {
    return failure('unsupported', `all ${numClosids} resctrl groups of the processor are taken`);
  }
  return success([
    { op: 'mkdir', path: directory, evacuateTo: undefined },
    schemata,
    { op: 'tasks', path: `${directory}/tasks`, pids },
  ]);
}

/** Groups in use, the default one included. */
function countGroups(system: System): number {
  return 1 + system.list(MOUNT).filter((name) => system.exists(`${MOUNT}/${name}/schemata`)).length;
}
