import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { type ControlGroup, groupAncestors } from '../procfs/cgroup.js';
import { leastMemoryLimit, readMemoryUse, readTotalMemory } from '../procfs/memory-use.js';
import type { Step } from '../steps/step.js';
import type { System } from '../system.js';
import { findTargetGroup } from '../targets/find-target.js';
import { enclosingPod } from '../targets/group-names.js';
import { readWritable, writeSteps } from './cgroup-file.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

/** The kernel rounds to pages, which have 64 KiB at most: so much is read back as it was written. */
const GRANULE = 65_536;
/** v1 shows no limit as the largest number of pages. */
const NO_LIMIT = 2 ** 62;

/**
 * Bytes of a limit; undefined where there is none. v2 and v1:
 *
 *     536870912
 *     max                                 9223372036854771712
 */
export function parseMemoryLimit(text: string): number | undefined {
  const bytes = /^\d+\s*$/.test(text) ? Number(text) : NO_LIMIT;
  return bytes >= NO_LIMIT ? undefined : bytes;
}

/** Bytes. */
export interface MemoryKnob {
  readonly group: ControlGroup;
  /** undefined: no limit. */
  readonly current: number | undefined;
  /** The working set. */
  readonly used: number;
  readonly least: number;
  readonly max: number;
  /** Around a container, where it has a limit: raised along with it. */
  readonly pod: { readonly group: ControlGroup; readonly current: number } | undefined;
}

function limitPath({ hierarchy, directory }: ControlGroup): string {
  return `${directory}/${hierarchy.version === 2 ? 'memory.max' : 'memory.limit_in_bytes'}`;
}

export function readMemoryKnob(site: Site, target: TargetConfig): Outcome<MemoryKnob, 'unsupported'> {
  const { system } = site;
  if (target.maxMemoryBytes === undefined) {
    return failure('unsupported', `${target.name} has no max_memory_bytes in the configuration`);
  }
  const found = findTargetGroup(site, target, 'memory');
  if (!found.ok) return found;
  const group = found.value;
  const text = readWritable(system, limitPath(group));
  if (!text.ok) return text;
  const used = readMemoryUse(system, group.directory);
  if (used === undefined)
    return failure('unsupported', `the memory use of ${group.directory} cannot be read`);
  let max = Math.min(target.maxMemoryBytes, readTotalMemory(system) ?? Number.POSITIVE_INFINITY);
  let pod: MemoryKnob['pod'];
  for (const directory of groupAncestors(group)) {
    const outer = { ...group, directory };
    const current = parseMemoryLimit(system.read(limitPath(outer)) ?? '');
    if (current === undefined) continue;
    if (directory === enclosingPod(group.directory)) pod = { group: outer, current };
    // What a group further out does not hold, no limit of this one gives.
    else max = Math.min(max, current);
  }
  const current = parseMemoryLimit(text.value);
  return success({
    group,
    current,
    used,
    least: Math.max(target.minMemoryBytes, leastMemoryLimit(used)),
    max: GRANULE * Math.floor(max / GRANULE),
    pod,
  });
}

export function planMemoryLimit(site: Site, target: TargetConfig, bytes: number): Planned {
  const knob = readMemoryKnob(site, target);
  if (!knob.ok) return knob;
  const { group, current, used, least, max, pod } = knob.value;
  if (!isWithin(bytes, least, max)) {
    const refused = outOfRange('memory limit', bytes, least, max, 'bytes');
    return failure(refused.reason, `${refused.message}, ${used} being in use`);
  }
  const limit = Math.min(max, GRANULE * Math.ceil(bytes / GRANULE));
  // Around first, as with every bound: undo then lowers the container's before the pod's.
  const wanted = pod && Math.max(limit, pod.current + Math.max(0, limit - (current ?? limit)));
  const outer = pod && wanted && wanted > pod.current ? limitSteps(site.system, pod.group, wanted, used) : [];
  return success([...outer, ...limitSteps(site.system, group, limit, least)]);
}

/** `leastHigh`: below it the group would be throttled. */
function limitSteps(system: System, group: ControlGroup, limit: number, leastHigh: number): readonly Step[] {
  const { hierarchy, directory } = group;
  const path = limitPath(group);
  const was = system.read(path)?.trim() ?? '';
  const now = parseMemoryLimit(was) ?? Number.POSITIVE_INFINITY;
  const own = writeSteps(path, String(limit), was, 'memory');
  return hierarchy.version === 2
    ? [...highSteps(system, `${directory}/memory.high`, now, limit, leastHigh), ...own]
    : [...swapSteps(system, `${directory}/memory.memsw.limit_in_bytes`, now, limit), ...own];
}

/**
 * `memory.high`, where it is set, before `memory.max`: when both come down, the kernel takes caches back before anything
 * can be killed. It keeps its distance to the limit.
 */
function highSteps(
  system: System,
  path: string,
  now: number,
  limit: number,
  leastHigh: number,
): readonly Step[] {
  const was = system.read(path)?.trim() ?? '';
  const high = parseMemoryLimit(was);
  if (high === undefined) return [];
  const moved = Number.isFinite(now) ? high + limit - now : Math.max(high, limit);
  const wanted = Math.min(limit, Math.max(moved, leastHigh));
  return writeSteps(path, String(GRANULE * Math.floor(wanted / GRANULE)), was, 'memory');
}

/** v1 refuses a limit above that of memory and swap together, which therefore goes up first, and by as much. */
function swapSteps(system: System, path: string, now: number, limit: number): readonly Step[] {
  const was = system.read(path)?.trim() ?? '';
  const both = parseMemoryLimit(was);
  if (both === undefined || limit <= now) return [];
  return writeSteps(path, String(both + limit - now), was, 'memory');
}
