import type { Action } from '@sage/core';

/** True where `held` already does what `wanted` would: the same knob at the same value or beyond it. */
export function alreadyDone(wanted: Action, held: Action): boolean {
  if (wanted.target !== held.target) return false;
  switch (wanted.kind) {
    case 'cpu-quota':
      return held.kind === 'cpu-quota' && held.cores >= wanted.cores;
    case 'cpu-frequency':
      return held.kind === 'cpu-frequency' && held.minKhz >= wanted.minKhz;
    case 'limit-corunner':
      return held.kind === 'limit-corunner' && wanted.pids.every((pid) => held.pids.includes(pid));
    case 'llc-ways':
      return held.kind === 'llc-ways' && held.ways >= wanted.ways;
    case 'link-rate':
      return held.kind === 'link-rate' && held.mbitPerSecond >= wanted.mbitPerSecond;
    case 'link-delay':
      return held.kind === 'link-delay' && held.delayMs <= wanted.delayMs;
    case 'pool-size':
      return held.kind === 'pool-size' && held.pool === wanted.pool && held.size >= wanted.size;
  }
}
