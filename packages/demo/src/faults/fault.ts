import { failure, type Outcome, type Rng, success } from '@sage/core';
import type { Isolation } from '../application/index.js';

/** Contention for the processor, a slow link, an exhausted connection pool. */
export const faultKinds = ['cpu', 'network', 'pool'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly service: string;
}

/** On the path of every search or recommendation. */
const BUSY = [
  'frontend',
  'search',
  'geo',
  'rate',
  'profile',
  'recommendation',
  'reservation',
  'memcached-rate',
  'memcached-profile',
  'memcached-reserve',
];
/** Those of them that hold connection pools. */
const POOL_OWNERS = ['frontend', 'search', 'rate', 'profile', 'reservation'];

/**
 * Where a fault of a kind can break an objective of search or recommend.
 *
 * Left out everywhere: `user` and `mongodb-reservation`, which one request in a hundred or fewer reach, and `mongodb-rate`
 * and `mongodb-profile`, asked only after a cache miss: a window sees too few of their calls for a percentile.
 * A cache computes too little for a competing process on its core to hold it up for long; a spent quota does.
 * A slow link in front of the front end delays its clients, not its own serving, where a relay is the link; in a
 * namespace the answers of its callees come by that link, too.
 */
export function servicesFor(kind: FaultKind, isolation: Isolation): readonly string[] {
  switch (kind) {
    case 'cpu':
      return isolation === 'kernel' ? BUSY : BUSY.filter((service) => !service.startsWith('memcached-'));
    case 'network':
      return isolation === 'kernel' ? BUSY : BUSY.filter((service) => service !== 'frontend');
    case 'pool':
      return POOL_OWNERS;
  }
}

export interface DrawOptions {
  readonly isolation: Isolation;
  /** Left out: drawn. */
  readonly kind?: string | undefined;
  readonly service?: string | undefined;
}

/** Draws what was not given; refuses what could not break an objective. */
export function drawFault(rng: Rng, options: DrawOptions): Outcome<Fault, 'options'> {
  const { isolation, service } = options;
  const given = faultKinds.find((kind) => kind === options.kind);
  if (options.kind !== undefined && given === undefined) {
    return failure(
      'options',
      `fault kind: expected ${faultKinds.join(', ')}, got ${JSON.stringify(options.kind)}`,
    );
  }
  const kinds = (given === undefined ? faultKinds : [given]).filter(
    (kind) => service === undefined || servicesFor(kind, isolation).includes(service),
  );
  if (kinds.length === 0) {
    const right = faultKinds
      .map((kind) => `${kind} at ${servicesFor(kind, isolation).join(', ')}`)
      .join('; ');
    return failure(
      'options',
      `a fault ${given ?? ''}@${service} would break no objective; possible are: ${right}`,
    );
  }
  const kind = rng.pick(kinds);
  return success({ kind, service: service ?? rng.pick(servicesFor(kind, isolation)) });
}
