import type { Rng } from '@sage/core';
import type { Engine } from '../world/engine.js';
import { EVENT, type EventHeap } from '../world/event-heap.js';
import type { Host } from '../world/host.js';
import type { Load } from '../world/load.js';
import type { World } from '../world/world.js';
import type { Fault } from './fault.js';
import { applyFault, hitBy, isStress, stress, withoutFaults } from './fault-effects.js';

export interface FaultScheduleParts {
  readonly world: World;
  readonly engine: Engine;
  readonly load: Load;
  readonly heap: EventHeap;
  readonly rng: Rng;
}

/** Faults as events: at each beginning and end the world is set to what the active ones make of it. */
export class FaultSchedule {
  private readonly stressors: readonly { readonly fault: Fault; readonly host: Host }[];

  /** @throws {RangeError} for a fault of an unknown service or replica, or of an intensity not in (0, 1]. */
  constructor(
    private readonly faults: readonly Fault[],
    private readonly parts: FaultScheduleParts,
  ) {
    const { world, heap } = parts;
    for (const fault of faults) {
      refuseImpossible(fault, world);
      heap.push(fault.startMs, EVENT.faultEdge, 0);
      heap.push(fault.endMs, EVENT.faultEdge, 0);
    }
    this.stressors = faults.filter(isStress).flatMap((fault) => {
      const hosts = new Set(hitBy(fault, world).map(({ host }) => host));
      return [...hosts].map((host) => ({ fault, host }));
    });
    this.stressors.forEach(({ fault }, id) => {
      heap.push(fault.startMs, EVENT.stress, id);
    });
  }

  edge(nowMs: number): void {
    const { world, load, engine } = this.parts;
    for (const host of world.hosts) host.settle(nowMs);
    withoutFaults(world);
    load.surge = 0;
    const active = this.faults.filter(({ startMs, endMs }) => nowMs >= startMs && nowMs < endMs);
    for (const pool of world.pools) pool.watch(active.length === 0, nowMs);
    for (const fault of active) {
      if (fault.kind === 'surge') load.surge = Math.max(load.surge, world.headroom * surgeShare(fault));
      else for (const replica of hitBy(fault, world)) applyFault(fault, replica);
    }
    for (const host of world.hosts) host.shareCache();
    for (const pool of world.pools) engine.poolChanged(pool, nowMs);
  }

  stress(id: number, nowMs: number): void {
    const { fault, host } = this.stressors[id] as FaultSchedule['stressors'][number];
    if (nowMs >= fault.endMs) return;
    this.parts.heap.push(stress(fault, host, nowMs, this.parts.rng), EVENT.stress, id);
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
