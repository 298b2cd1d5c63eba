import type { Resource } from '@sage/core';

/**
 * What goes wrong, each in the world's own terms: what spans and metrics then show is a consequence.
 *
 * - `cpu`: another program on the host runs in bursts and takes the cores.
 * - `memory`: the limit falls below the working set; pages are read back from the disk.
 * - `disk`: another program reads and writes on the host's disk.
 * - `network-delay`, `network-loss`, `network-bandwidth`: of the link towards the service.
 * - `llc`: another program fills the last-level cache.
 * - `lock`: every call of the service holds one lock.
 * - `pool`: the service's connection pools have one connection, which comes back late.
 * - `leak`: they have few, of which some get lost for a while.
 * - `bad-replica`: `cpu`, for one replica only.
 * - `surge`: more requests. `decoy`: high use of idle processor time and memory, which hurts nobody.
 */
export type FaultKind =
  | 'cpu'
  | 'memory'
  | 'disk'
  | 'network-delay'
  | 'network-loss'
  | 'network-bandwidth'
  | 'llc'
  | 'lock'
  | 'pool'
  | 'leak'
  | 'bad-replica'
  | 'surge'
  | 'decoy';

export const FAULT_KINDS: readonly FaultKind[] = [
  'cpu',
  'memory',
  'disk',
  'network-delay',
  'network-loss',
  'network-bandwidth',
  'llc',
  'lock',
  'pool',
  'leak',
  'bad-replica',
  'surge',
  'decoy',
];

export interface Fault {
  readonly kind: FaultKind;
  /** The service's label, as spans and metrics have it. A surge has its entry here, for the record. */
  readonly service: string;
  /** Number of the replica, from 0; without it all of them are hit (`bad-replica`: the first). */
  readonly replica?: number;
  /** Milliseconds of the Unix clock, as the simulation's `startMs`. */
  readonly startMs: number;
  readonly endMs: number;
  /** Above 0 (nothing) and up to 1 (grave). */
  readonly intensity: number;
}

/** Who is to blame for a fault; nobody for surges and decoys. */
export interface FaultTruth {
  readonly service: string;
  readonly resource: Resource;
  /** The one replica that is bad, by its name. */
  readonly replica?: string;
}

const RESOURCE: Readonly<Record<Exclude<FaultKind, 'surge' | 'decoy'>, Resource>> = {
  cpu: 'cpu',
  memory: 'memory',
  disk: 'disk',
  'network-delay': 'network',
  'network-loss': 'network',
  'network-bandwidth': 'network',
  llc: 'llc',
  lock: 'software',
  pool: 'software',
  leak: 'software',
  'bad-replica': 'cpu',
};

/** The resource that a fault takes; null: nobody is to blame. */
export function resourceOf(kind: FaultKind): Resource | null {
  return kind === 'surge' || kind === 'decoy' ? null : RESOURCE[kind];
}
