import { STATS_COLUMNS, StatsColumns } from './packed-latency.js';
import { Keys, PackedMap } from './packed-map.js';
import { addFeatures, readFeatures, writeFeatures } from './packed-metrics.js';
import type { FeatureName } from './telemetry.js';
import type { ReplicaReading, Window } from './window.js';

type Replicas = NonNullable<Window['replicas']>;

/** The rows and the columns behind the statistics of one service. */
interface ServiceKeys {
  readonly replicas: Keys<string>;
  readonly features: Keys<FeatureName>;
}

/** Where the rows of one service lie. */
interface Block {
  readonly at: number;
  readonly rows: number;
  readonly features: number;
}

/** Packs what was read of replicas in windows that have most of them in common: [service][replica][statistic, feature]. */
export class ReplicaPacker {
  readonly #services = new Keys<string>();
  /** [service]. */
  readonly #keys: ServiceKeys[] = [];

  pack(replicas: Replicas): Replicas {
    for (const [service, readings] of replicas) this.#add(service, readings);
    const count = this.#services.size;
    // [service]: starts, rows and features of the blocks, as they are now.
    const places = new Uint32Array(3 * count);
    let length = 0;
    for (let s = 0; s < count; s++) {
      const { replicas: names, features } = this.#keys[s] as ServiceKeys;
      places.set([length, names.size, features.size], 3 * s);
      length += names.size * (STATS_COLUMNS + features.size);
    }
    const blockOf = (s: number): Block => ({
      at: places[3 * s] as number,
      rows: places[3 * s + 1] as number,
      features: places[3 * s + 2] as number,
    });
    const isSeen = new Uint8Array(count);
    const columns = new ReplicaColumns(length);
    for (const [service, readings] of replicas) {
      const s = this.#services.add(service);
      isSeen[s] = 1;
      columns.write(this.#keys[s] as ServiceKeys, blockOf(s), readings);
    }
    return new PackedMap(this.#services, count, (s) =>
      isSeen[s] === 1 ? columns.read(this.#keys[s] as ServiceKeys, blockOf(s)) : undefined,
    );
  }

  #add(service: string, readings: ReadonlyMap<string, ReplicaReading>): void {
    const s = this.#services.add(service);
    this.#keys[s] ??= { replicas: new Keys(), features: new Keys() };
    const { replicas, features } = this.#keys[s];
    for (const [replica, { metrics }] of readings) {
      replicas.add(replica);
      addFeatures(features, metrics);
    }
  }
}

/** Of a row's statistics the first is marked where the replica was read, the second where it has them. */
class ReplicaColumns {
  readonly #stats: StatsColumns;
  readonly #isRead: Uint8Array;

  constructor(length: number) {
    this.#stats = new StatsColumns(length);
    this.#isRead = new Uint8Array(length);
  }

  write(keys: ServiceKeys, block: Block, readings: ReadonlyMap<string, ReplicaReading>): void {
    for (const [replica, { latency, metrics }] of readings) {
      const at = rowAt(block, keys.replicas.add(replica));
      this.#isRead[at] = 1;
      if (latency !== undefined) {
        this.#isRead[at + 1] = 1;
        this.#stats.write(at, latency);
      }
      const columns = { values: this.#stats.values, isRead: this.#isRead };
      writeFeatures(keys.features, metrics, columns, at + STATS_COLUMNS);
    }
  }

  read({ replicas, features }: ServiceKeys, block: Block): ReadonlyMap<string, ReplicaReading> {
    const columns = { values: this.#stats.values, isRead: this.#isRead };
    return new PackedMap(replicas, block.rows, (row) => {
      const at = rowAt(block, row);
      if (this.#isRead[at] !== 1) return undefined;
      return {
        latency: this.#isRead[at + 1] === 1 ? this.#stats.read(at) : undefined,
        metrics: readFeatures(features, block.features, columns, at + STATS_COLUMNS),
      };
    });
  }
}

function rowAt({ at, features }: Block, row: number): number {
  return at + row * (STATS_COLUMNS + features);
}
