import { type Failure, failure, type NodeAction } from '@sage/core';

/** The lowest and highest value; an end that is absent is open, and what drivers and hardware allow holds besides. */
export interface Bound {
  readonly min?: number;
  readonly max?: number;
}

/** What the operator allows beyond what drivers refuse by themselves. */
export interface Limits {
  /** Kinds of actions that may be asked for. */
  readonly actions: readonly NodeAction['kind'][];
  /** Changes that may be begun in any minute; undoing is never limited. */
  readonly changesPerMinute: number;
  readonly changesInForce: number;
  readonly bounds: Readonly<Partial<Record<NodeAction['kind'], Bound>>>;
}

type Quantities = {
  readonly [Kind in NodeAction['kind']]: {
    readonly what: string;
    readonly unit: string;
    readonly of: (action: Extract<NodeAction, { kind: Kind }>) => number;
  };
};

/** Of each kind of action the number that `bounds` speak of. */
const QUANTITIES: Quantities = {
  'cpu-quota': { what: 'cpu quota', unit: 'cores', of: ({ cores }) => cores },
  'cpu-weight': { what: 'cpu weight', unit: 'of 10000', of: ({ weight }) => weight },
  'cpu-set': { what: 'processor set', unit: 'processors', of: ({ cpus }) => new Set(cpus).size },
  'cpu-frequency': { what: 'minimum frequency', unit: 'kHz', of: ({ minKhz }) => minKhz },
  'memory-limit': { what: 'memory limit', unit: 'bytes', of: ({ bytes }) => bytes },
  'disk-weight': { what: 'disk weight', unit: 'of 10000', of: ({ weight }) => weight },
  'limit-corunner': { what: 'co-runners', unit: 'processes', of: ({ pids }) => new Set(pids).size },
  'llc-ways': { what: 'cache share', unit: 'ways', of: ({ ways }) => ways },
  'memory-bandwidth': { what: 'memory bandwidth', unit: 'as the target has it', of: ({ value }) => value },
  'link-rate': { what: 'link rate', unit: 'Mbit/s', of: ({ mbitPerSecond }) => mbitPerSecond },
  'link-delay': { what: 'link delay', unit: 'ms', of: ({ delayMs }) => delayMs },
  'pool-size': { what: 'pool size', unit: 'connections', of: ({ size }) => size },
};

export const ACTION_KINDS = Object.keys(QUANTITIES) as readonly NodeAction['kind'][];

/** Why the operator's limits refuse an action, or undefined. */
export function whyRefused(
  limits: Limits,
  action: NodeAction,
): Failure<'not-allowed' | 'out-of-range'> | undefined {
  const { kind } = action;
  if (!limits.actions.includes(kind)) {
    return failure(
      'not-allowed',
      `limits.actions does not name ${kind}: expected one of ${limits.actions.join(', ')}`,
    );
  }
  const { min, max } = limits.bounds[kind] ?? {};
  const { what, unit, of } = QUANTITIES[kind];
  const value = (of as (action: NodeAction) => number)(action);
  // Written so that a value that is no number is refused.
  const within = (min === undefined || value >= min) && (max === undefined || value <= max);
  if (within) return undefined;
  const ends = [
    ...(min === undefined ? [] : [`at least ${min}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
  ];
  return failure(
    'out-of-range',
    `limits.bounds of ${kind}: ${what} ${value} ${unit}: expected ${ends.join(' and ')}`,
  );
}
