import { groupFolder, groupOf, isOwnGroup, listGroups, RESCTRL, readTasks } from '../drivers/resctrl.js';
import type { Site } from '../drivers/site.js';
import { type CacheReading, readCacheCounters } from '../procfs/cache-counters.js';
import { appendBenign } from '../steps/threads.js';
import { errorCode } from '../system.js';

/** Processors have some hundred counters, and others count, too. */
const MOST_SUBJECTS = 64;
/** Where none is left now, asking each second would not bring one. */
const RETRY_AFTER_MS = 60_000;
const PREFIX = 'sage-';

/**
 * What targets and their co-runners hold of the last-level cache and move to and from memory. Each has a monitoring group
 * of ours, unless it is in a control group of ours, which counts by itself. Monitoring groups change nothing but who is
 * counted where; they are found by their names, so that what a crash leaves is used or removed by the next start.
 */
export class CacheMonitor {
  readonly #folders = new Map<string, string>();
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly site: Site,
    private readonly monotonicMs: () => number,
  ) {}

  /** Whether the configuration wants it and the processor can. A dry run makes no group. */
  get #canCount(): boolean {
    const { config, system } = this.site;
    return config.cacheMonitoring && !config.dryRun && system.exists(`${RESCTRL}/info/L3_MON`);
  }

  /** `subjects`: pids by name, the most important first. Who is no subject any more is not counted any more. */
  async read(subjects: ReadonlyMap<string, readonly number[]>): Promise<ReadonlyMap<string, CacheReading>> {
    const readings = new Map<string, CacheReading>();
    if (!this.site.system.exists(`${RESCTRL}/info/L3_MON`)) return readings;
    const wanted = [...subjects].filter(([, pids]) => pids.length > 0).slice(0, MOST_SUBJECTS);
    for (const name of [...this.#folders.keys()]) {
      if (!wanted.some(([subject]) => subject === name)) this.#remove(name);
    }
    for (const [name, pids] of wanted) {
      const folder = this.#countedIn(name, pids) ?? (await this.#startCounting(name, pids));
      const reading = folder === undefined ? undefined : readCacheCounters(this.site.system, folder);
      if (reading !== undefined) readings.set(name, reading);
    }
    return readings;
  }

  /** Removes the monitoring groups that an earlier run has left. */
  start(): void {
    if (!this.#canCount) return;
    const { system } = this.site;
    for (const group of ['', ...listGroups(system)]) {
      const folder = `${groupFolder(group)}/mon_groups`;
      for (const name of system.list(folder).filter((each) => each.startsWith(PREFIX))) {
        system.removeDirectory(`${folder}/${name}`);
      }
    }
  }

  stop(): void {
    for (const name of [...this.#folders.keys()]) this.#remove(name);
  }

  #countedIn(name: string, pids: readonly number[]): string | undefined {
    const { system } = this.site;
    const own = [groupFolder(PREFIX + name), this.#folders.get(name)];
    return own.find((folder) => {
      if (folder === undefined) return false;
      const members = readTasks(system, folder);
      return pids.every((pid) => members.has(String(pid)));
    });
  }

  async #startCounting(name: string, pids: readonly number[]): Promise<string | undefined> {
    const { system } = this.site;
    if (!this.#canCount || this.monotonicMs() < this.#retryAtMs) return undefined;
    const control = groupOf(system, pids[0] as number);
    // A limited co-runner is counted with all that share its limit, which would not be its own use.
    if (isOwnGroup(control)) return undefined;
    const locked = await system.lock(RESCTRL);
    if (!locked.ok) {
      this.#retryAtMs = this.monotonicMs() + RETRY_AFTER_MS;
      return undefined;
    }
    this.#remove(name);
    const folder = `${groupFolder(control)}/mon_groups/${PREFIX}${name}`;
    try {
      system.makeDirectory(folder);
      this.#folders.set(name, folder);
      for (const pid of pids) {
        for (const tid of system.list(`/proc/${pid}/task`)) {
          appendBenign(system, `${folder}/tasks`, Number(tid));
        }
      }
      return folder;
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      this.#remove(name);
      this.#retryAtMs = this.monotonicMs() + RETRY_AFTER_MS;
      return undefined;
    } finally {
      locked.value();
    }
  }

  #remove(name: string): void {
    const folder = this.#folders.get(name);
    this.#folders.delete(name);
    // Its control group may have gone, and it with that.
    if (folder !== undefined && this.site.system.exists(folder)) this.site.system.removeDirectory(folder);
  }
}
