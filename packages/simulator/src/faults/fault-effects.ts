import type { ConnectionPool } from '../world/connection-pool.js';
import { QUOTA_PERIOD_MS, type Replica } from '../world/replica.js';
import type { World } from '../world/world.js';
import type { Fault } from './fault.js';

const DELAY_MS = 40;
const LOSS = 0.06;
/** Share of the working set that no longer fits. */
const MEMORY_DEFICIT = 0.6;
/** A lock, a connection, a link that is busy for so long per call, unless its calls come too fast for that. */
const LONGEST_SLOT_MS = 60;
const MOST_UTILISATION = 0.9;
const LEAK = { connections: 4, share: 0.25 } as const;
const LONGEST_LEAK_MS = 2000;
const MEAN_MESSAGE_BYTES = 1500;
/** A decoy's part of the idle time, and of the memory that is free. */
const DECOY_CPU = 0.6;
const DECOY_MEMORY = 0.7;

/** Replicas that a fault hits. */
export function hitBy(fault: Fault, world: World): readonly Replica[] {
  const all = world.replicas.find(([first]) => first?.service.label === fault.service) ?? [];
  if (fault.replica === undefined && fault.kind !== 'bad-replica') return all;
  return all.slice(fault.replica ?? 0, (fault.replica ?? 0) + 1);
}

/** Puts everything that faults and operators can turn back to what it is without them. */
export function asDeployed(world: World): void {
  for (const host of world.hosts) host.strangerLlcShare = 0;
  for (const pool of world.pools) {
    pool.size = pool.max;
    pool.lateMs = 0;
    pool.leakShare = 0;
  }
  for (const replica of world.replicas.flat()) {
    replica.quotaMs = replica.cpuLimit * QUOTA_PERIOD_MS;
    replica.memoryLimitMb = replica.service.memoryLimitMb;
    replica.workingSetMb = replica.service.memoryMb;
    replica.linkDelayMs = 0;
    replica.linkLoss = 0;
    replica.sendBytesPerMs = replica.linkBytesPerMs;
    replica.receiveBytesPerMs = replica.linkBytesPerMs;
    replica.lockHoldMs = 0;
    replica.scavengerShare = 0;
  }
}

/** Turns what one active fault turns in one replica. What other programs on its host take is theirs (`Stranger`). */
export function applyFault({ kind, intensity }: Fault, replica: Replica): void {
  const owned = replica.pools.filter((pool) => pool !== undefined);
  switch (kind) {
    case 'memory':
      replica.memoryLimitMb = Math.min(
        replica.memoryLimitMb,
        replica.workingSetMb * (1 - MEMORY_DEFICIT * intensity),
      );
      return;
    case 'network-delay':
      replica.linkDelayMs += DELAY_MS * intensity;
      return;
    case 'network-loss':
      replica.linkLoss = 1 - (1 - replica.linkLoss) * (1 - LOSS * intensity);
      return;
    case 'network-bandwidth':
      narrowLink(replica, intensity);
      return;
    case 'lock':
      replica.lockHoldMs +=
        intensity * Math.min(LONGEST_SLOT_MS, MOST_UTILISATION / replica.expected.callsPerMs);
      return;
    case 'pool':
      for (const pool of owned) shrink(pool, intensity);
      return;
    case 'leak':
      for (const pool of owned) leak(pool, intensity);
      return;
    case 'decoy':
      replica.scavengerShare += DECOY_CPU * intensity;
      replica.workingSetMb += DECOY_MEMORY * intensity * (replica.memoryLimitMb - replica.workingSetMb);
  }
}

function narrowLink(replica: Replica, intensity: number): void {
  const narrow =
    Math.max(MEAN_MESSAGE_BYTES / LONGEST_SLOT_MS, replica.expected.bytesPerMs / MOST_UTILISATION) /
    intensity;
  replica.sendBytesPerMs = Math.min(replica.sendBytesPerMs, narrow);
  replica.receiveBytesPerMs = Math.min(replica.receiveBytesPerMs, narrow);
}

/** Just enough connections for the usual calls, and each comes back late. */
function shrink(pool: ConnectionPool, intensity: number): void {
  const { connections, callsPerMs } = pool.usualUse();
  pool.size = Math.max(1, Math.ceil(1.1 * connections));
  const spare = Math.max(0, MOST_UTILISATION * intensity * pool.size - connections);
  pool.lateMs = Math.min(LONGEST_SLOT_MS, spare / Math.max(1e-9, callsPerMs));
}

/** Few connections, of which most are lost at any time. */
function leak(pool: ConnectionPool, intensity: number): void {
  const { connections, callsPerMs } = pool.usualUse();
  pool.size = Math.max(LEAK.connections, Math.ceil(1.5 * connections));
  pool.leakShare = LEAK.share;
  const spare = Math.max(0, MOST_UTILISATION * intensity * pool.size - connections);
  pool.leakMs = Math.min(LONGEST_LEAK_MS, spare / Math.max(1e-9, callsPerMs * LEAK.share));
}
