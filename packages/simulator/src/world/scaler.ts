import type { Rng } from '@sage/core';
import { EVENT, type EventHeap } from './event-heap.js';
import type { Replica } from './replica.js';
import type { World } from './world.js';

/** What a container takes to start, from its image to its first answer. */
const LEAST_START_MS = 5_000;
const MOST_START_MS = 20_000;

export interface ScalerParts {
  readonly world: World;
  readonly heap: EventHeap;
  readonly rng: Rng;
  /** A replica is up and in rotation. */
  readonly onUp: (replica: Replica) => void;
}

/** Keeps as many replicas of a service as are wanted: new ones take a while to start, those too many go at once. */
export class Scaler {
  private readonly wanted = new Map<number, number>();
  private readonly starting = new Map<number, number>();

  constructor(private readonly parts: ScalerParts) {}

  /** Replicas in rotation, and those on their way. */
  count(service: number): { readonly ready: number; readonly starting: number } {
    const ready = this.parts.world.replicas[service]?.length ?? 0;
    return { ready, starting: this.starting.get(service) ?? 0 };
  }

  want(service: number, replicas: number, nowMs: number): void {
    const { world, heap, rng } = this.parts;
    this.wanted.set(service, replicas);
    const { ready, starting } = this.count(service);
    for (let surplus = ready - replicas; surplus > 0; surplus--) world.removeReplica(service);
    for (let missing = replicas - ready - starting; missing > 0; missing--) {
      this.starting.set(service, 1 + (this.starting.get(service) ?? 0));
      const startMs = LEAST_START_MS + (MOST_START_MS - LEAST_START_MS) * rng.uniform();
      heap.push(nowMs + startMs, EVENT.replicaUp, service);
    }
  }

  /** One that was asked for is up; it is stopped again where it is wanted no more. */
  up(service: number): void {
    const { ready, starting } = this.count(service);
    this.starting.set(service, starting - 1);
    if (ready < (this.wanted.get(service) ?? 0)) this.parts.onUp(this.parts.world.addReplica(service));
  }
}
