import type { Rng } from '@sage/core';
import type { Topology, TopologyService } from '../topology.js';
import { type Demand, demandOf } from '../world/demand.js';
import { FAULT_KINDS, type Fault, type FaultKind, type FaultTruth, resourceOf } from './fault.js';

export interface FaultPlanOptions {
  /** Cases, one after the other. */
  readonly count: number;
  /** Default: all of them. Kinds take turns; those that no service of the topology can have are left out. */
  readonly kinds?: readonly FaultKind[];
  /** Faults at a time, each of another service. Default 1. */
  readonly concurrent?: number;
  /** Unix time of the first gap's beginning. */
  readonly startMs: number;
  /** Calm time before each case. */
  readonly gapMs: number;
  readonly durationMs: number;
  /** As in `SimulationOptions`; `bad-replica` needs two. Default 1. */
  readonly replicas?: number;
  readonly rng: Rng;
}

/** Faults that begin and end together, and who is to blame. */
export interface FaultCase {
  readonly id: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly faults: readonly Fault[];
  /** Nobody for surges and decoys. */
  readonly truths: readonly FaultTruth[];
}

const LEAST_INTENSITY = 0.65;
/** A service that fewer of the requests come to breaks no objective. */
const LEAST_CALLS = 0.02;

/**
 * Draws cases for a topology. A fault is only put where its mechanism is at work: `disk` where there is a disk,
 * `pool` and `leak` where there are pools. Whether an objective breaks is up to the world.
 *
 * @throws {RangeError} when no service can have any of the kinds, or fewer than `concurrent` can.
 */
export function planFaults(topology: Topology, options: FaultPlanOptions): readonly FaultCase[] {
  const {
    count,
    kinds = FAULT_KINDS,
    concurrent = 1,
    startMs,
    gapMs,
    durationMs,
    replicas = 1,
    rng,
  } = options;
  const demands = demandOf(topology);
  const able = new Map(
    kinds.map((kind) => [
      kind,
      topology.services.filter((service) => canHave(kind, service, { topology, demands, replicas })),
    ]),
  );
  const possible = kinds.filter((kind) => (able.get(kind)?.length ?? 0) > 0);
  if (possible.length === 0) {
    throw new RangeError(`no service of "${topology.name}" can have a fault of ${kinds.join(', ')}`);
  }
  let turn = 0;
  // Who can have a kind may all have another fault already: it is passed over.
  const nextKind = (taken: ReadonlySet<string>) => {
    for (let tried = 0; tried < possible.length; tried++) {
      const kind = possible[turn++ % possible.length] as FaultKind;
      const free = (able.get(kind) ?? []).filter(({ label }) => !taken.has(label));
      if (free.length > 0) return { kind, free };
    }
    throw new RangeError(`too few services of "${topology.name}" for ${concurrent} faults at a time`);
  };
  return Array.from({ length: count }, (_, index): FaultCase => {
    const beginMs = startMs + (index + 1) * gapMs + index * durationMs;
    const endMs = beginMs + durationMs;
    const taken = new Set<string>();
    const faults = Array.from({ length: concurrent }, (): Fault => {
      const { kind, free } = nextKind(taken);
      const { label } = rng.pick(free);
      taken.add(label);
      const intensity = LEAST_INTENSITY + (1 - LEAST_INTENSITY) * rng.uniform();
      const replica = kind === 'bad-replica' ? { replica: rng.integer(replicas) } : {};
      return { kind, service: label, ...replica, startMs: beginMs, endMs, intensity };
    });
    return { id: `case-${index}`, startMs: beginMs, endMs, faults, truths: faults.flatMap(truthOf) };
  });
}

/** Who is to blame for a fault: nobody or one service. */
export function truthOf({ kind, service, replica }: Fault): readonly FaultTruth[] {
  const resource = resourceOf(kind);
  if (resource === null) return [];
  return [{ service, resource, ...(replica === undefined ? {} : { replica: `${service}-${replica}` }) }];
}

interface Setting {
  readonly topology: Topology;
  readonly demands: ReadonlyMap<string, Demand>;
  readonly replicas: number;
}

/** Whether the mechanism of a kind of fault is at work in a service. */
export function canHave(
  kind: FaultKind,
  service: TopologyService,
  { topology, demands, replicas }: Setting,
): boolean {
  if ((demands.get(service.name)?.calls ?? 0) < LEAST_CALLS) return false;
  switch (kind) {
    case 'disk':
      return service.diskMs * service.diskShare > 0;
    case 'pool':
    case 'leak':
      return topology.pools.some(({ owner, max }) => owner === service.name && max !== null);
    case 'bad-replica':
      return replicas > 1;
    case 'surge':
      return topology.endpoints.some(({ entry }) => entry === service.name);
    default:
      return true;
  }
}
