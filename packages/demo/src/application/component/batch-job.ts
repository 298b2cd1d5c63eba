import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rng } from '@sage/core';
import type { Pool } from '@sage/instrumentation/pool';

export interface BatchJob {
  readonly pool: string;
  readonly connections: number;
  readonly holdMs: number;
  stop(): Promise<void>;
}

/**
 * A badly written batch job: `connections` workers that each check a connection out, sit on it for a random while
 * around `holdMs`, give it back and take the next. With as many workers as connections, a request waits until one
 * of them lets go: `holdMs / connections` in the mean. A pool twice the size has room for both.
 */
export function startBatchJob(
  pool: Pool,
  options: { readonly connections: number; readonly holdMs: number; readonly rng: Rng },
): BatchJob {
  const { connections, holdMs, rng } = options;
  const abort = new AbortController();
  const { signal } = abort;
  setMaxListeners(connections + 1, signal);
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const lease = await pool.acquire();
      // A time-out is the pool's own news to its requests; the job just tries again.
      const held = lease.ok ? holdMs * (0.5 + rng.uniform()) : holdMs;
      await sleep(held, undefined, { signal }).catch(() => undefined);
      if (lease.ok) lease.value.release();
    }
  };
  const workers = Array.from({ length: connections }, work);
  return {
    pool: pool.name,
    connections,
    holdMs,
    stop: async () => {
      abort.abort();
      await Promise.all(workers);
    },
  };
}
