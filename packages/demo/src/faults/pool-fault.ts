import type { RunningComponent } from '../application/index.js';
import { askJson } from './http.js';
import type { Injected } from './inject.js';

/** With all connections held so long each, one comes free about as often: the wait of whoever needs one. */
const WAIT_FOR_ONE_MS = 80;

interface PoolState {
  readonly pool: string;
  readonly size: number;
}

/** A batch job inside the component that sits on all connections of its busiest pool. */
export async function startPoolFault(
  component: RunningComponent,
  fetch: typeof globalThis.fetch,
): Promise<Injected> {
  const pools = (await askJson(fetch, component.poolsUrl)) as readonly PoolState[];
  const pool = busiest(component, pools);
  const leak = (connections: number) =>
    askJson(fetch, `${component.url}/-/faults/leak`, {
      method: 'POST',
      body: { pool: pool.pool, connections, holdMs: WAIT_FOR_ONE_MS * pool.size },
    });
  await leak(pool.size);
  return {
    means:
      `a batch job in ${component.name} holds all ${pool.size} connections to ${pool.pool}, ` +
      `about ${(WAIT_FOR_ONE_MS * pool.size) / 1000} s each`,
    undo: async () => {
      await leak(0);
      // The job is gone, and so is the need for the room that an actuator may have made for it.
      await askJson(fetch, `${component.poolsUrl}/${pool.pool}`, {
        method: 'PUT',
        body: { size: pool.size },
      });
    },
  };
}

/** Profiles are asked for by searches and recommendations; elsewhere the first target is on every request's path. */
function busiest(component: RunningComponent, pools: readonly PoolState[]): PoolState {
  const pool =
    pools.find((one) => component.name === 'frontend' && one.pool === 'profile') ??
    pools.find((one) => one.pool === component.pools[0]);
  if (pool === undefined) throw new Error(`${component.name} has no connection pool`);
  return pool;
}
