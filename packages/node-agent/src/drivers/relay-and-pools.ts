import { failure, type Outcome, success } from '@sage/core';
import type { TargetConfig } from '../config.js';
import { type HttpFailure, readEntries, readNumber } from '../steps/control-http.js';
import { isWithin, outOfRange, type Planned, type Site } from './site.js';

/** No remedy needs a link slower than this. */
export const MOST_DELAY_MS = 10_000;

/** The delay that a relay on the target's link adds. */
export async function planLinkDelay(site: Site, target: TargetConfig, delayMs: number): Promise<Planned> {
  const { relay } = target;
  if (relay === undefined) return failure('unsupported', `${target.name} has no relay in the configuration`);
  if (!isWithin(delayMs, relay.nominalDelayMs, MOST_DELAY_MS)) {
    return outOfRange('link delay', delayMs, relay.nominalDelayMs, MOST_DELAY_MS, 'ms');
  }
  const listUrl = `${relay.url}/links`;
  const was = await readNumber(site.system, listUrl, 'link', relay.link, 'delayMs');
  if (!was.ok) return refusal(was);
  if (was.value === delayMs) return success([]);
  return success([
    { op: 'http', listUrl, key: 'link', name: relay.link, field: 'delayMs', value: delayMs, was: was.value },
  ]);
}

/** The size of a pool that the target itself lets change. */
export async function planPoolSize(
  site: Site,
  target: TargetConfig,
  pool: string,
  size: number,
): Promise<Planned> {
  if (target.poolsUrl === undefined) {
    return failure('unsupported', `${target.name} has no pools_url in the configuration`);
  }
  if (!Number.isInteger(size) || !isWithin(size, 1, target.maxPoolSize)) {
    return outOfRange('pool size', size, 1, target.maxPoolSize, 'connections');
  }
  const was = await readNumber(site.system, target.poolsUrl, 'pool', pool, 'size');
  if (!was.ok) return refusal(was);
  if (was.value === size) return success([]);
  return success([
    {
      op: 'http',
      listUrl: target.poolsUrl,
      key: 'pool',
      name: pool,
      field: 'size',
      value: size,
      was: was.value,
    },
  ]);
}

export interface RelayLink {
  readonly delayMs: number;
  /** Of the target: bytes that came to it over the link, and bytes it sent. */
  readonly receivedBytes: number;
  readonly transmittedBytes: number;
}

export async function readRelayLink(site: Site, target: TargetConfig): Promise<RelayLink | undefined> {
  const { relay } = target;
  if (relay === undefined) return undefined;
  const links = await readEntries(site.system, `${relay.url}/links`);
  const found = links.ok ? links.value.find((entry) => entry.link === relay.link) : undefined;
  if (found === undefined || typeof found.delayMs !== 'number') return undefined;
  return {
    delayMs: found.delayMs,
    receivedBytes: Number(found.receivedBytes ?? Number.NaN),
    transmittedBytes: Number(found.transmittedBytes ?? Number.NaN),
  };
}

export interface PoolReading {
  readonly pool: string;
  readonly size: number;
  readonly pending: number;
}

export async function readPools(
  site: Site,
  target: TargetConfig,
): Promise<readonly PoolReading[] | undefined> {
  if (target.poolsUrl === undefined) return undefined;
  const entries = await readEntries(site.system, target.poolsUrl);
  if (!entries.ok) return undefined;
  const pools: PoolReading[] = [];
  for (const { pool, size, pending } of entries.value) {
    if (typeof pool !== 'string' || typeof size !== 'number') continue;
    pools.push({ pool, size, pending: typeof pending === 'number' ? pending : 0 });
  }
  return pools;
}

function refusal(failed: Extract<Outcome<number, HttpFailure>, { ok: false }>): Planned {
  return failure(failed.reason === 'unsupported' ? 'unsupported' : 'unreachable', failed.message);
}
