import type { Meter } from '@opentelemetry/api';
import { Pool, type PoolOptions } from './pool.js';

const POOL_NAME = 'db.client.connection.pool.name';

/** Bounds in seconds: from "there was one free" to the acquire time-out. */
const WAIT_BOUNDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** Makes pools that report `db.client.connection.pending_requests` (mean waiting) and `.wait_time` (s). */
export class PoolRegistry {
  readonly #pools: Pool[] = [];
  readonly #recordWait: (seconds: number, pool: string) => void;

  constructor(meter: Meter) {
    const histogram = meter.createHistogram('db.client.connection.wait_time', {
      unit: 's',
      description: 'time waited for a connection of the pool',
      advice: { explicitBucketBoundaries: WAIT_BOUNDS },
    });
    this.#recordWait = (seconds, pool) => histogram.record(seconds, { [POOL_NAME]: pool });
    meter
      .createObservableGauge('db.client.connection.pending_requests', {
        unit: '{request}',
        description: 'requests waiting for a connection of the pool, mean since the last export',
      })
      .addCallback((result) => {
        for (const pool of this.#pools) result.observe(pool.takeMeanPending(), { [POOL_NAME]: pool.name });
      });
  }

  create(options: PoolOptions): Pool {
    const pool = new Pool({
      ...options,
      onWait: (seconds) => {
        this.#recordWait(seconds, options.name);
        options.onWait?.(seconds);
      },
    });
    this.#pools.push(pool);
    return pool;
  }

  close(): void {
    for (const pool of this.#pools) pool.close();
  }
}
