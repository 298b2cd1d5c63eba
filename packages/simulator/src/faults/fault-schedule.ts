import type { Rng } from '@sage/core';
import type { Engine } from '../world/engine.js';
import { EVENT, type EventHeap } from '../world/event-heap.js';
import type { Load } from '../world/load.js';
import type { Replica } from '../world/replica.js';
import type { World } from '../world/world.js';
import type { Fault } from './fault.js';
import { applyFault, asDeployed, hitBy } from './fault-effects.js';
import { isStranger, Stranger } from './stranger.js';

export interface FaultScheduleParts {
  readonly world: World;
  readonly engine: Engine;
  readonly load: Load;
  readonly heap: EventHeap;
  readonly rng: Rng;
  /** What an operator has turned, on top of what faults make of the world. */
  readonly operated: () => void;
}

/** A fault and the replicas that run from the beginning: those that are added later are none of its. */
interface Planned {
  readonly fault: Fault;
  readonly replicas: readonly Replica[];
}

/** Faults as events: at each beginning and end the world is set to what the active ones make of it. */
export class FaultSchedule {
  readonly strangers: readonly Stranger[];
  private readonly planned: readonly Planned[];

  /** @throws {RangeError} for a fault of an unknown service or replica, or of an intensity not in (0, 1]. */
  constructor(
    faults: readonly Fault[],
    private readonly parts: FaultScheduleParts,
  ) {
    const { world, heap } = parts;
    for (const fault of faults) {
      refuseImpossible(fault, world);
      heap.push(fault.startMs, EVENT.faultEdge, 0);
      heap.push(fault.endMs, EVENT.faultEdge, 0);
    }
    this.planned = faults.map((fault) => ({ fault, replicas: hitBy(fault, world) }));
    this.strangers = this.planned
      .filter(({ fault }) => isStranger(fault))
      .flatMap(({ fault, replicas }) => {
        const hosts = new Set(replicas.map(({ host }) => host));
        return [...hosts].map((host) => ({ fault, host }));
      })
      .map(({ fault, host }, index) => new Stranger(index, fault, host));
    this.strangers.forEach(({ fault, comesInBursts }, id) => {
      if (comesInBursts) heap.push(fault.startMs, EVENT.stress, id);
    });
  }

  /** Sets the world to what it is deployed as, what active faults make of that, and what an operator has turned. */
  edge(nowMs: number): void {
    const { world, load, engine, operated } = this.parts;
    for (const host of world.hosts) host.settle(nowMs);
    asDeployed(world);
    load.surge = 0;
    const active = this.planned.filter(({ fault }) => nowMs >= fault.startMs && nowMs < fault.endMs);
    for (const pool of world.pools) pool.watch(active.length === 0, nowMs);
    for (const { fault, replicas } of active) {
      if (fault.kind === 'surge') load.surge = Math.max(load.surge, world.headroom * surgeShare(fault));
      else for (const replica of replicas) applyFault(fault, replica);
    }
    operated();
    for (const stranger of this.strangers) {
      if (!stranger.isActive(nowMs)) continue;
      const { host, llcShare } = stranger;
      host.strangerLlcShare = Math.max(host.strangerLlcShare, llcShare);
    }
    for (const host of world.hosts) host.shareCache();
    for (const pool of world.pools) engine.poolChanged(pool, nowMs);
  }

  stress(id: number, nowMs: number): void {
    const stranger = this.strangers[id] as Stranger;
    if (!stranger.isActive(nowMs)) return;
    this.parts.heap.push(stranger.take(nowMs, this.parts.rng), EVENT.stress, id);
  }
}

function refuseImpossible(fault: Fault, world: World): void {
  const { kind, service, replica, intensity } = fault;
  if (!(intensity > 0 && intensity <= 1)) {
    throw new RangeError(
      `the ${kind} fault of "${service}" should have an intensity in (0, 1], has ${intensity}`,
    );
  }
  if (kind === 'surge' || hitBy(fault, world).length > 0) return;
  const missing = replica === undefined ? '' : ` or no replica ${replica} of it`;
  throw new RangeError(`the topology has no service "${service}"${missing}, where a fault should be`);
}

/** Of what the narrowest quota lets through: a grave surge is just more than that, and a mild one a small part of it. */
function surgeShare({ intensity }: Fault): number {
  return Math.min(1.4 * intensity, 0.72 + 0.3 * intensity);
}
