import type { Logger } from '@sage/core';
import { readIfPresent, writeAtomic } from '../storage/files.js';
import { Serial } from '../storage/serial.js';
import type { IncidentRecord } from './incident.js';
import { asIncident } from './incident-schema.js';

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

  /** What is damaged is set aside with a message: better to watch without some of the past than not to watch. */
  static async open(path: string, options: IncidentStoreOptions): Promise<IncidentStore> {
    const store = new IncidentStore(path, options);
    const text = await readIfPresent(path);
    if (text === undefined) return store;
    const { records, damaged } = parseRecords(text);
    for (const record of records) store.#incidents.set(record.id, record);
    if (damaged === 0) return store;
    const aside = `${path}.damaged`;
    await writeAtomic(aside, text);
    const fields = { path, aside, damaged, kept: records.length };
    options.logger.error(
      'the file of incidents is damaged; a copy was set aside and what is whole kept',
      fields,
    );
    store.#unsaved = true;
    await store.save();
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

  /** The latest incident that this alert reported, open or closed. */
  ofAlert(alertId: string): IncidentRecord | undefined {
    return this.all.find(({ alerts }) => Object.hasOwn(alerts, alertId));
  }

  /** Changes memory at once; `save` makes it last. */
  put(record: IncidentRecord): IncidentRecord {
    this.#incidents.set(record.id, record);
    this.#unsaved = true;
    for (const { id, status, inForce } of this.#incidents.values()) {
      if (this.#incidents.size <= this.#maxIncidents) break;
      // What is in force must be taken back one day.
      if (status === 'closed' && inForce.length === 0) this.#incidents.delete(id);
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

/** `damaged`: records that are not whole; 1 where the file is no list at all. */
function parseRecords(text: string): {
  readonly records: readonly IncidentRecord[];
  readonly damaged: number;
} {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    return { records: [], damaged: 1 };
  }
  if (!Array.isArray(values)) return { records: [], damaged: 1 };
  const records = values.flatMap((value) => asIncident(value) ?? []);
  return { records, damaged: values.length - records.length };
}
