import { buildCausalGraph, type CausalGraph } from '@sage/causal-graph';
import { type Objective, OUTSIDE, type RpcKey, rpcId } from '@sage/core';

/** A hotel-like application. `user` is reached by another root: it is no ancestor of the objective. */
export const CALLS: readonly (readonly [string, string])[] = [
  ['frontend', 'search'],
  ['frontend', 'reservation'],
  ['frontend', 'profile'],
  ['frontend', 'recommendation'],
  ['search', 'geo'],
  ['search', 'rate'],
  ['rate', 'memcached-rate'],
  ['reservation', 'memcached-reserve'],
  ['profile', 'memcached-profile'],
];

export const SERVICES = [
  'frontend',
  'search',
  'geo',
  'rate',
  'memcached-rate',
  'reservation',
  'memcached-reserve',
  'profile',
  'memcached-profile',
  'recommendation',
] as const;

export const OBJECTIVE: Objective = {
  name: 'hotels',
  service: 'frontend',
  operation: '/hotels',
  percentile: 'p99Ms',
  thresholdMs: 90,
};

/** Who shares a core with whom. */
export const NEIGHBOURS: ReadonlyMap<string, string> = new Map([
  ['frontend', 'memcached-rate'],
  ['memcached-rate', 'frontend'],
  ['search', 'memcached-reserve'],
  ['memcached-reserve', 'search'],
  ['geo', 'profile'],
  ['profile', 'geo'],
  ['rate', 'recommendation'],
  ['recommendation', 'rate'],
  ['reservation', 'memcached-profile'],
  ['memcached-profile', 'reservation'],
]);

export const isStore = (service: string): boolean => service.startsWith('memcached');

const keyOf = (caller: string, callee: string): RpcKey => ({ caller, callee, operation: `/${callee}` });

export const ROOT: RpcKey = { caller: OUTSIDE, callee: 'frontend', operation: '/hotels' };
const LOGIN: RpcKey = { caller: OUTSIDE, callee: 'user', operation: '/user' };

export function hotelGraph(): CausalGraph {
  const roots = [ROOT, LOGIN].map((key) => ({
    id: rpcId(key),
    key,
    kinds: ['server'] as const,
    count: 1000,
  }));
  const calls = CALLS.map(([caller, callee]) => {
    const key = keyOf(caller, callee);
    const kinds = isStore(callee)
      ? (['client'] as const)
      : (['client', 'server', 'request', 'response'] as const);
    return { id: rpcId(key), key, kinds, count: 1000 };
  });
  const served = (service: string): string => {
    if (service === 'frontend') return rpcId(ROOT);
    const [caller] = CALLS.find(([, callee]) => callee === service) ?? [OUTSIDE];
    return rpcId(keyOf(caller, service));
  };
  return buildCausalGraph({
    services: [...SERVICES, 'user'].sort(),
    rpcs: [...roots, ...calls],
    edges: CALLS.map(([caller, callee]) => ({
      parent: served(caller),
      child: rpcId(keyOf(caller, callee)),
      callsPerParent: 1,
      criticality: 1,
      awaited: 1,
      beside: [],
    })),
  });
}
