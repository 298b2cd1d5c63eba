import { rename } from 'node:fs/promises';
import type { Logger } from '@sage/core';
import { readIfPresent, writeAtomic } from '../storage/files.js';
import { Serial } from '../storage/serial.js';
import type { IncidentRecord } from './incident.js';

export interface IncidentStoreOptions {
  readonly logger: Logger;
  /** Incidents kept; the oldest closed ones go first. */
  readonly maxIncidents?: number;
}

/** The incidents, in memory and in one JSON file that is replaced as a whole. */
export class IncidentStore {
  readonly #path: string;
  readonly #maxIncidents: number;
  readonly #incidents = new Map<string, IncidentRecord>();
  readonly #serial = new Serial();
  #unsaved = false;

  private constructor(path: string, options: IncidentStoreOptions) {
    this.#path = path;
    this.#maxIncidents = options.maxIncidents ?? 500;
  }

  /** A damaged file is set aside with a message: better to watch without the past than not to watch. */
  static async open(path: string, options: IncidentStoreOptions): Promise<IncidentStore> {
    const store = new IncidentStore(path, options);
    const text = await readIfPresent(path);
    if (text === undefined) return store;
    const records = parseRecords(text);
    if (records === undefined) {
      const aside = `${path}.damaged`;
      options.logger.error('the file of incidents cannot be read and was set aside', { path, aside });
      await rename(path, aside);
      return store;
    }
    for (const record of records) store.#incidents.set(record.id, record);
    return store;
  }

  /** Newest first. */
  get all(): readonly IncidentRecord[] {
    return [...this.#incidents.values()].reverse();
  }

  get open(): readonly IncidentRecord[] {
    return this.all.filter(({ status }) => status === 'open');
  }

  get(id: string): IncidentRecord | undefined {
    return this.#incidents.get(id);
  }

  openFor(objective: string): IncidentRecord | undefined {
    return this.open.find((incident) => incident.objective === objective);
  }

  /** Whether this alert has its incident already, open or closed. */
  ofAlert(alertId: string): IncidentRecord | undefined {
    return this.all.find(({ alerts }) => Object.hasOwn(alerts, alertId));
  }

  /** Changes memory at once; `save` makes it last. */
  put(record: IncidentRecord): IncidentRecord {
    this.#incidents.set(record.id, record);
    this.#unsaved = true;
    for (const { id, status } of this.#incidents.values()) {
      if (this.#incidents.size <= this.#maxIncidents) break;
      if (status === 'closed') this.#incidents.delete(id);
    }
    return record;
  }

  /** Changes what is there now, which may be newer than what the caller last saw. */
  update(id: string, change: (record: IncidentRecord) => IncidentRecord): IncidentRecord {
    const record = this.#incidents.get(id);
    if (record === undefined) throw new Error(`there is no incident ${id}`);
    return this.put(change(record));
  }

  /** Resolves when everything put so far is on disk. */
  save(): Promise<void> {
    return this.#serial.run(async () => {
      if (!this.#unsaved) return;
      this.#unsaved = false;
      try {
        await writeAtomic(this.#path, `${JSON.stringify([...this.#incidents.values()])}\n`);
      } catch (error) {
        this.#unsaved = true;
        throw error;
      }
    });
  }
}

function parseRecords(text: string): IncidentRecord[] | undefined {
  try {
    const records: unknown = JSON.parse(text);
    const whole = (record: Partial<IncidentRecord> | null) =>
      typeof record?.id === 'string' &&
      typeof record.objective === 'string' &&
      typeof record.openedMs === 'number' &&
      Array.isArray(record.timeline) &&
      typeof record.alerts === 'object' &&
      typeof record.annotation === 'object';
    return Array.isArray(records) && records.every(whole) ? (records as IncidentRecord[]) : undefined;
  } catch {
    return undefined;
  }
}
