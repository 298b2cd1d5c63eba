import { planActions, type Relief } from '@sage/actuation';
import { type Action, failure, type Instance, type ScaleState, success, type TargetState } from '@sage/core';
import type { Orchestrator, ScaleFailure } from '@sage/orchestrator';
import type { Parts } from '../src/parts.js';

interface Known {
  readonly action: Action;
  readonly undo: () => void;
  status: 'applied' | 'released';
}

/**
 * Two nodes with an agent each, and an orchestrator. Agents do as the keeper of a node agent does: one id is one action
 * for good, and what is turned shows in what they report.
 */
export class Cluster {
  /** `n1 applied cpu-quota of cart 1`, in order. */
  readonly log: string[] = [];
  readonly targets = new Map<string, TargetState[]>();
  readonly replicas = new Map<string, number>();
  /** Kinds that agents refuse. */
  readonly refused = new Set<Action['kind']>();
  instances: readonly Instance[] = [];
  scaleFailure: ScaleFailure | undefined;
  /** While set, agents take no action: they never answer. */
  silent: Promise<void> | undefined;
  readonly #known = new Map<string, Known>();

  /** What an engine is started with to work on it. */
  get extra() {
    return {
      node_agents: [...this.targets.keys()].map((name) => ({ name, url: `http://${name}` })),
    };
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const { hostname, pathname } = new URL(String(input));
    const method = init?.method ?? 'GET';
    if (method === 'GET') {
      return Response.json(pathname.endsWith('/targets') ? (this.targets.get(hostname) ?? []) : []);
    }
    if (method === 'DELETE')
      return this.#release(hostname, decodeURIComponent(pathname.split('/').at(-1) ?? ''));
    await this.silent;
    const { id, action } = JSON.parse(String(init?.body)) as { id: string; action: Action };
    return this.#apply(hostname, id, action);
  };

  readonly orchestrator: Orchestrator = {
    name: 'kubernetes',
    instances: () => this.instances,
    scaleState: async (service) => {
      const replicas = this.replicas.get(service);
      if (this.scaleFailure !== undefined) return failure(this.scaleFailure, 'as the test has it');
      return replicas === undefined
        ? failure('not-found', `no ${service}`)
        : success(this.#state(service, replicas));
    },
    scale: async (service, replicas) => {
      this.replicas.set(service, replicas);
      this.log.push(`kubernetes ${service} × ${replicas}`);
      return success(this.#state(service, replicas));
    },
    close: async () => {},
  };

  #state(service: string, replicas: number): ScaleState {
    const workload = `Deployment shop/${service}`;
    return { service, orchestrator: 'kubernetes', workload, replicas, ready: replicas, min: 1, max: 10 };
  }

  #apply(node: string, id: string, action: Action): Response {
    const known = this.#known.get(id);
    if (known !== undefined) {
      this.log.push(`${node} again ${words(action)}`);
      return Response.json({ id, action, status: known.status, message: '', writes: [] });
    }
    if (this.refused.has(action.kind)) {
      this.log.push(`${node} refused ${words(action)}`);
      return Response.json({ error: 'not here' }, { status: 422 });
    }
    const before = this.targets.get(node) ?? [];
    this.targets.set(
      node,
      before.map((state) => turned(state, action)),
    );
    this.#known.set(id, { action, status: 'applied', undo: () => this.targets.set(node, before) });
    this.log.push(`${node} applied ${words(action)}`);
    return Response.json({ id, action, status: 'applied', message: '', writes: [] });
  }

  #release(node: string, id: string): Response {
    const known = this.#known.get(id);
    if (known === undefined) return Response.json({ error: 'no such action' }, { status: 404 });
    if (known.status === 'applied') known.undo();
    known.status = 'released';
    this.log.push(`${node} released ${words(known.action)}`);
    return Response.json({ id, action: known.action, status: 'released', message: '', writes: [] });
  }
}

function turned(state: TargetState, action: Action): TargetState {
  if (state.target !== action.target) return state;
  if (action.kind === 'cpu-quota' && state.cpuQuotaCores !== undefined) {
    return { ...state, cpuQuotaCores: { ...state.cpuQuotaCores, current: action.cores } };
  }
  if (action.kind === 'cpu-weight' && state.cpuWeight !== undefined) {
    return { ...state, cpuWeight: { ...state.cpuWeight, current: action.weight } };
  }
  return state;
}

function words(action: Action): string {
  const value = 'cores' in action ? action.cores : 'weight' in action ? action.weight : '';
  return `${action.kind} of ${action.target} ${value}`.trim();
}

/** Sage's own planning, with a model that says the same whatever it is asked. */
export function planning(relief: Relief = { enough: 0.5, expectedMs: 80, restoredMs: 40 }): Partial<Parts> {
  return { plan: planActions, relief: () => relief };
}
