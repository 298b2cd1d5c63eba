import type { System } from '../system.js';
import { parseCpuList } from './cpu-list.js';

/** A cache and the processors that share it. Ids may have gaps, and are unique within a level. */
export interface CacheDomain {
  readonly level: number;
  readonly id: number;
  readonly cpus: readonly number[];
}

/**
 * Caches for data that the given processors use, of /sys/devices/system/cpu/cpuN/cache/indexM:
 *
 *     level 3, type Unified, id 0, shared_cpu_list 0-7
 */
export function readCacheDomains(system: System, cpus: readonly number[]): readonly CacheDomain[] {
  const domains = new Map<string, CacheDomain>();
  for (const cpu of cpus) {
    const folder = `/sys/devices/system/cpu/cpu${cpu}/cache`;
    for (const index of system.list(folder).filter((name) => /^index\d+$/.test(name))) {
      const text = (file: string) => system.read(`${folder}/${index}/${file}`)?.trim() ?? '';
      if (!/^\d+$/.test(text('id')) || text('type') === 'Instruction') continue;
      const [level, id] = [Number(text('level')), Number(text('id'))];
      domains.set(`${level}/${id}`, { level, id, cpus: parseCpuList(text('shared_cpu_list')) });
    }
  }
  return [...domains.values()].sort((a, b) => a.level - b.level || a.id - b.id);
}
