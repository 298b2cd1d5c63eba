import type { Action } from '@sage/core';

/**
 * Names the knob that an action turns at its target: the later of two actions on one knob takes over from the earlier.
 * Limits of co-runners are one knob for each resource: the later may name other processes.
 */
export function knobOf(action: Action): string {
  const base = `${action.kind}:${action.target}`;
  switch (action.kind) {
    case 'pool-size':
      return `${base}:${action.pool}`;
    case 'link-rate':
      return `${base}:${action.direction ?? 'egress'}`;
    case 'limit-corunner':
      return `${base}:${action.of ?? 'cpu'}`;
    default:
      return base;
  }
}

/** True where `held` already does what `wanted` would: the same knob at the same value or beyond it. */
export function alreadyDone(wanted: Action, held: Action): boolean {
  if (knobOf(wanted) !== knobOf(held)) return false;
  switch (wanted.kind) {
    case 'cpu-quota':
      return held.kind === wanted.kind && held.cores >= wanted.cores;
    case 'cpu-weight':
    case 'disk-weight':
      return held.kind === wanted.kind && held.weight >= wanted.weight;
    case 'cpu-set':
      return held.kind === wanted.kind && wanted.cpus.every((cpu) => held.cpus.includes(cpu));
    case 'cpu-frequency':
      return held.kind === wanted.kind && held.minKhz >= wanted.minKhz;
    case 'memory-limit':
      return held.kind === wanted.kind && held.bytes >= wanted.bytes;
    case 'memory-bandwidth':
      return held.kind === wanted.kind && held.value >= wanted.value;
    case 'llc-ways':
      return held.kind === wanted.kind && held.ways >= wanted.ways;
    case 'limit-corunner':
      return held.kind === wanted.kind && wanted.pids.every((pid) => held.pids.includes(pid));
    case 'link-rate':
      return held.kind === wanted.kind && held.mbitPerSecond >= wanted.mbitPerSecond;
    case 'link-delay':
      return held.kind === wanted.kind && held.delayMs <= wanted.delayMs;
    case 'pool-size':
      return held.kind === wanted.kind && held.size >= wanted.size;
    case 'scale':
      return held.kind === wanted.kind && held.replicas >= wanted.replicas;
  }
}

/**
 * Whether the agent lets the later action take over from the earlier, whose undo it inherits. Limits of co-runners stand
 * beside each other, each on its own processes; steps of scaling go back one by one.
 */
export function takesOver(later: Action, earlier: Action): boolean {
  if (later.kind === 'limit-corunner' || later.kind === 'scale') return false;
  return knobOf(later) === knobOf(earlier);
}
