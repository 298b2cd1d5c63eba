import { type Action, failure, type Instance, type Outcome, type ScaleState, success } from '@sage/core';
import type { Allocation, ControlFailure, ControlledNode, Controls } from './controls.js';
import type { Stranger } from './faults/stranger.js';
import { Readings } from './readings.js';
import { BYTES_PER_MS_OF_A_MBIT } from './world/link-units.js';
import { QUOTA_PERIOD_MS, type Replica } from './world/replica.js';
import type { Scaler } from './world/scaler.js';
import type { World } from './world/world.js';

const MB = 1e6;
const MOST_REPLICAS = 4;
const ORCHESTRATOR = 'simulated';

export interface WorldControlsParts {
  readonly world: World;
  readonly strangers: readonly Stranger[];
  readonly scaler: Scaler;
  readonly nowMs: () => number;
  /** Sets the world anew to what is deployed, what faults make of that, and what is in force here. */
  readonly refresh: () => void;
}

interface InForce {
  readonly node: string;
  readonly action: Action;
}

/** What an operator has in force, laid over what faults make of the world: undone by laying it over without. */
export class WorldControls implements Controls {
  private readonly inForce = new Map<string, InForce>();
  private readonly deployed: readonly number[];
  private readonly readings: Readings;

  constructor(private readonly parts: WorldControlsParts) {
    this.deployed = parts.world.replicas.map(({ length }) => length);
    this.readings = new Readings(parts);
  }

  read(): readonly ControlledNode[] {
    return this.readings.take();
  }

  instances(): readonly Instance[] {
    return this.parts.world.replicas.flat().map(({ service, name, host }) => ({
      service: service.label,
      replica: name,
      node: host.name,
      containerIds: [],
      address: undefined,
    }));
  }

  scaleState(service: string): ScaleState | undefined {
    const index = this.indexOf(service);
    if (index === undefined) return undefined;
    const { ready, starting } = this.parts.scaler.count(index);
    const workload = `Deployment ${service}`;
    const replicas = ready + starting;
    return { service, orchestrator: ORCHESTRATOR, workload, replicas, ready, min: 1, max: MOST_REPLICAS };
  }

  apply(id: string, node: string, action: Action): Outcome<void, ControlFailure> {
    const refusal = action.kind === 'scale' ? this.whyNotScaled(action.target) : this.whyNot(node, action);
    if (refusal !== undefined) return refusal;
    this.inForce.set(id, { node, action });
    this.takeEffect(action);
    return success(undefined);
  }

  release(id: string): void {
    const held = this.inForce.get(id);
    if (held === undefined) return;
    this.inForce.delete(id);
    this.takeEffect(held.action);
  }

  allocation(): Allocation {
    const { world, strangers, nowMs } = this.parts;
    const all = world.replicas.flat();
    const sum = (of: (replica: Replica) => number) => all.reduce((total, replica) => total + of(replica), 0);
    return {
      cores: sum(({ quotaMs }) => quotaMs / QUOTA_PERIOD_MS),
      memoryBytes: sum(({ memoryLimitMb }) => memoryLimitMb * MB),
      replicas: all.length,
      limitedPrograms: strangers.filter((stranger) => stranger.limits.size > 0 && stranger.isActive(nowMs()))
        .length,
    };
  }

  /** Lays what is in force over the world as faults have it. */
  impose(): void {
    for (const { limits } of this.parts.strangers) limits.clear();
    for (const { node, action } of this.inForce.values()) this.turn(node, action);
  }

  private takeEffect(action: Action): void {
    if (action.kind !== 'scale') {
      this.parts.refresh();
      return;
    }
    const index = this.indexOf(action.target);
    if (index === undefined) return;
    const steps = [...this.inForce.values()].flatMap(({ action: other }) =>
      other.kind === 'scale' && other.target === action.target ? [other.replicas] : [],
    );
    this.parts.scaler.want(index, steps.at(-1) ?? (this.deployed[index] as number), this.parts.nowMs());
  }

  private turn(node: string, action: Action): void {
    const replica = this.replicaOn(node, action.target);
    if (replica === undefined) return;
    switch (action.kind) {
      case 'cpu-quota':
        replica.quotaMs = Math.max(replica.quotaMs, action.cores * QUOTA_PERIOD_MS);
        return;
      case 'memory-limit':
        replica.memoryLimitMb = Math.max(replica.memoryLimitMb, action.bytes / MB);
        return;
      case 'link-delay':
        replica.linkDelayMs = Math.min(replica.linkDelayMs, action.delayMs);
        return;
      case 'link-rate': {
        const way = action.direction === 'ingress' ? 'receiveBytesPerMs' : 'sendBytesPerMs';
        replica[way] = Math.max(replica[way], action.mbitPerSecond * BYTES_PER_MS_OF_A_MBIT);
        return;
      }
      case 'limit-corunner':
        for (const { pid, host, limits } of this.parts.strangers) {
          if (host === replica.host && action.pids.includes(pid)) limits.add(action.of ?? 'cpu');
        }
    }
  }

  private whyNotScaled(service: string) {
    if (this.indexOf(service) !== undefined) return undefined;
    return failure<ControlFailure>('unknown-target', `there is no service ${service}`);
  }

  private whyNot(node: string, { kind, target }: Action) {
    if (this.replicaOn(node, target) === undefined) {
      return failure<ControlFailure>('unknown-target', `there is no replica ${target} on ${node}`);
    }
    if (TURNED.has(kind)) return undefined;
    return failure<ControlFailure>('unsupported', `simulated hosts have no knob ${kind}`);
  }

  private replicaOn(node: string, name: string): Replica | undefined {
    return this.parts.world.replicas
      .flat()
      .find((replica) => replica.name === name && replica.host.name === node);
  }

  private indexOf(service: string): number | undefined {
    const index = this.parts.world.replicas.findIndex(([first]) => first?.service.label === service);
    return index < 0 ? undefined : index;
  }
}

const TURNED: ReadonlySet<Action['kind']> = new Set<Action['kind']>([
  'cpu-quota',
  'memory-limit',
  'link-delay',
  'link-rate',
  'limit-corunner',
]);
