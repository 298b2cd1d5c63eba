import type { System } from '../system.js';

/** Of the threads of a resctrl group at one moment, over all domains. What the processor does not count is undefined. */
export interface CacheReading {
  readonly occupancyBytes: number | undefined;
  /** To and from memory, local and remote; a counter. */
  readonly memoryBytes: number | undefined;
}

/**
 * `mon_data/mon_L3_00/{llc_occupancy,mbm_total_bytes}`, one folder for each domain: a number each. The kernel makes up
 * for counters of the processor that wrap. A counter that was lost reads `Unavailable`, `Unassigned` or `Error`: then
 * nothing is known of the sum either.
 */
export function readCacheCounters(system: System, group: string): CacheReading | undefined {
  const domains = system.list(`${group}/mon_data`).filter((name) => /^mon_L3_\d+$/.test(name));
  if (domains.length === 0) return undefined;
  const sum = (file: string) => {
    let total = 0;
    for (const domain of domains) {
      const text = system.read(`${group}/mon_data/${domain}/${file}`)?.trim() ?? '';
      if (!/^\d+$/.test(text)) return undefined;
      total += Number(text);
    }
    return total;
  };
  return { occupancyBytes: sum('llc_occupancy'), memoryBytes: sum('mbm_total_bytes') };
}
