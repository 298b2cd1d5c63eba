import type { Action } from '@sage/core';

/** True where `held` already does what `wanted` would: the same knob at the same value or beyond it. */
export function alreadyDone(wanted: Action, held: Action): boolean {
  if (wanted.target !== held.target) return false;
  switch (wanted.kind) {
    case 'cpu-quota':
      return held.kind === 'cpu-quota' && held.cores >= wanted.cores;
    case 'cpu-weight':
      return held.kind === 'cpu-weight' && held.weight >= wanted.weight;
    case 'cpu-set':
      return held.kind === 'cpu-set' && wanted.cpus.every((cpu) => held.cpus.includes(cpu));
    case 'memory-limit':
      return held.kind === 'memory-limit' && held.bytes >= wanted.bytes;
    case 'disk-weight':
      return held.kind === 'disk-weight' && held.weight >= wanted.weight;
    case 'memory-bandwidth':
      return held.kind === 'memory-bandwidth' && held.value >= wanted.value;
    case 'scale':
      return held.kind === 'scale' && held.replicas >= wanted.replicas;
    case 'cpu-frequency':
      return held.kind === 'cpu-frequency' && held.minKhz >= wanted.minKhz;
    case 'limit-corunner':
      return (
        held.kind === 'limit-corunner' &&
        (held.of ?? 'cpu') === (wanted.of ?? 'cpu') &&
        wanted.pids.every((pid) => held.pids.includes(pid))
      );
    case 'llc-ways':
      return held.kind === 'llc-ways' && held.ways >= wanted.ways;
    case 'link-rate':
      return (
        held.kind === 'link-rate' &&
        (held.direction ?? 'egress') === (wanted.direction ?? 'egress') &&
        held.mbitPerSecond >= wanted.mbitPerSecond
      );
    case 'link-delay':
      return held.kind === 'link-delay' && held.delayMs <= wanted.delayMs;
    case 'pool-size':
      return held.kind === 'pool-size' && held.pool === wanted.pool && held.size >= wanted.size;
  }
}
