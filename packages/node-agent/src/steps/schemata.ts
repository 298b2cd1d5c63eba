/** Values of one resource by domain id; ids may have gaps. Cache: a bit mask, one bit a way. Memory bandwidth: a number. */
export type Domains = ReadonlyMap<number, bigint>;

/** Bandwidth is decimal, masks are hexadecimal. */
function isDecimal(resource: string): boolean {
  return resource === 'MB' || resource === 'SMBA';
}

/**
 * The values of one resource in a group's `schemata`. The kernel pads names and values; with code and data prioritised
 * apart (CDP) a cache has two lines:
 *
 *         L3:0=fffff;2=fffff
 *     L3CODE:0=fffff;2=fffff
 *         MB:0=100;2=100
 */
export function parseSchemata(text: string, resource: string): Domains {
  const domains = new Map<number, bigint>();
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z0-9]+):(.+)$/.exec(line);
    if (match === null || match[1] !== resource) continue;
    for (const entry of (match[2] as string).split(';')) {
      const pair = /^\s*(\d+)=\s*([0-9a-fA-F]+)\s*$/.exec(entry);
      if (pair === null) continue;
      const value = pair[2] as string;
      if (!isDecimal(resource)) domains.set(Number(pair[1]), BigInt(`0x${value}`));
      else if (/^\d+$/.test(value)) domains.set(Number(pair[1]), BigInt(value));
    }
  }
  return domains;
}

/** One line of `schemata`. Domains that it does not name stay as they are. */
export function composeSchemata(domains: Domains, resource: string): string {
  const radix = isDecimal(resource) ? 10 : 16;
  const entries = [...domains]
    .sort(([a], [b]) => a - b)
    .map(([id, value]) => `${id}=${value.toString(radix)}`);
  return `${resource}:${entries.join(';')}`;
}

/** Whether every value of every line of `wanted` is in force in `found`, which may hold more. */
export function sameSchemata(found: string, wanted: string): boolean {
  const lines = wanted.split('\n').filter((line) => line.trim() !== '');
  return lines.every((line) => {
    const resource = resourceOf(line);
    const now = parseSchemata(found, resource);
    const wish = parseSchemata(line, resource);
    return wish.size > 0 && [...wish].every(([id, value]) => now.get(id) === value);
  });
}

/** `L3` of `L3:0=f;2=f`. */
export function resourceOf(line: string): string {
  return line.trim().split(':')[0] as string;
}

export function countWays(mask: bigint): number {
  let count = 0;
  for (let rest = mask; rest > 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}

/**
 * A run of `ways` adjacent bits inside `allowed`: the one that overlaps `shared` (used by devices as well) least,
 * lowest first. undefined where no such run is allowed. Adjacent everywhere: sparse masks are a permission, not a duty.
 */
export function placeMask(ways: number, allowed: bigint, shared: bigint): bigint | undefined {
  if (ways < 1) return undefined;
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

/** The longest run of adjacent bits, the lowest of several: what the kernel gives a new group. */
export function longestRun(allowed: bigint): bigint {
  for (let ways = countWays(allowed); ways > 0; ways--) {
    const mask = placeMask(ways, allowed, 0n);
    if (mask !== undefined) return mask;
  }
  return 0n;
}
