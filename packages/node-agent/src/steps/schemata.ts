/** Cache bit masks by cache id; ids may have gaps. */
export type CacheMasks = ReadonlyMap<number, bigint>;

/**
 * The masks of one resource in a group's `schemata`. The kernel pads names and masks:
 *
 *         L3:0=fffff;2=fffff
 *         MB:0=100;2=100
 */
export function parseSchemata(text: string, resource = 'L3'): CacheMasks {
  const masks = new Map<number, bigint>();
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z0-9]+):(.+)$/.exec(line);
    if (match === null || match[1] !== resource) continue;
    for (const entry of (match[2] as string).split(';')) {
      const pair = /^\s*(\d+)=\s*([0-9a-fA-F]+)\s*$/.exec(entry);
      if (pair !== null) masks.set(Number(pair[1]), BigInt(`0x${pair[2]}`));
    }
  }
  return masks;
}

export function composeSchemata(masks: CacheMasks, resource = 'L3'): string {
  const entries = [...masks].sort(([a], [b]) => a - b).map(([id, mask]) => `${id}=${mask.toString(16)}`);
  return `${resource}:${entries.join(';')}`;
}

/** Whether every mask of `wanted` is in force in `found`, which may hold more. */
export function sameSchemata(found: string, wanted: string): boolean {
  const now = parseSchemata(found);
  const wish = parseSchemata(wanted);
  return wish.size > 0 && [...wish].every(([id, mask]) => now.get(id) === mask);
}

export function countWays(mask: bigint): number {
  let count = 0;
  for (let rest = mask; rest > 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}

/**
 * A run of `ways` adjacent bits inside `allowed`: the one that overlaps `shared` (used by devices as well) least,
 * lowest first. undefined where no such run is allowed.
 */
export function placeMask(ways: number, allowed: bigint, shared: bigint): bigint | undefined {
  let best: bigint | undefined;
  let bestOverlap = Number.POSITIVE_INFINITY;
  const run = (1n << BigInt(ways)) - 1n;
  for (let shift = 0n; run << shift <= allowed; shift++) {
    const mask = run << shift;
    if ((mask & allowed) !== mask) continue;
    const overlap = countWays(mask & shared);
    if (overlap < bestOverlap) {
      best = mask;
      bestOverlap = overlap;
    }
  }
  return best;
}
