import { failure, type Instance, type Outcome, type ScaleState, success } from '@sage/core';
import type Docker from 'dockerode';
import type { Service } from 'dockerode';
import { Backoff, pause } from '../backoff.js';
import type { SwarmConfig } from '../config.js';
import { scaleFresh } from '../fresh-write.js';
import type { Orchestrator, OrchestratorDeps, ScaleFailure } from '../orchestrator.js';
import { ask, createDocker } from './engine-api.js';
import { type ServiceRef, type SwarmPlacement, swarmPlacement } from './swarm-placement.js';

/** `invalid`: the address or the certificates cannot be used. That nothing answers there is tried again. */
export function openSwarm(config: SwarmConfig, deps: OrchestratorDeps): Outcome<Orchestrator, 'invalid'> {
  const docker = createDocker(config);
  return docker.ok ? success(new Swarm(config, deps, docker.value)) : docker;
}

interface Read {
  readonly state: ScaleState;
  readonly service: Service;
}

/** Polls: of tasks, which say where services run, the Docker Engine publishes no events. */
class Swarm implements Orchestrator {
  readonly name = 'swarm';
  readonly #config: SwarmConfig;
  readonly #deps: OrchestratorDeps;
  readonly #docker: Docker;
  readonly #abort = new AbortController();
  readonly #running: Promise<void>;
  #placement: SwarmPlacement | undefined;
  #failure: string | undefined;

  constructor(config: SwarmConfig, deps: OrchestratorDeps, docker: Docker) {
    this.#config = config;
    this.#deps = deps;
    this.#docker = docker;
    this.#running = this.#follow();
  }

  instances(): readonly Instance[] {
    return this.#placement?.instances ?? [];
  }

  async scaleState(service: string): Promise<Outcome<ScaleState, ScaleFailure>> {
    const ref = this.#ref(service);
    if (!ref.ok) return ref;
    const read = await this.#read(service, ref.value);
    return read.ok ? success(read.value.state) : read;
  }

  async scale(service: string, replicas: number): Promise<Outcome<ScaleState, ScaleFailure>> {
    const ref = this.#ref(service);
    if (!ref.ok) return ref;
    return scaleFresh(
      {
        read: () => this.#read(service, ref.value),
        write: (read) => this.#write(read, replicas),
        service,
        signal: this.#abort.signal,
      },
      replicas,
      this.#deps,
    );
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    const { logger, rng, retryMs } = this.#deps;
    const backoff = new Backoff(rng, retryMs);
    while (!signal.aborted) {
      const polled = await this.#poll();
      if (signal.aborted) return;
      if (polled.ok) {
        if (this.#failure !== undefined) logger.info('the swarm answers again');
        this.#failure = undefined;
        backoff.reset();
      } else {
        if (this.#failure === undefined) {
          logger.warn('the swarm cannot be read; trying again', { error: polled.message });
        }
        this.#failure = polled.message;
      }
      await pause(polled.ok ? 1000 * this.#config.pollSeconds : backoff.nextMs(), signal);
    }
  }

  async #poll(): Promise<Outcome<void, ScaleFailure>> {
    const { signal } = this.#abort;
    const docker = this.#docker;
    const [services, tasks, nodes] = await Promise.all([
      ask('GET /services', signal, (abortSignal) => docker.listServices({ abortSignal })),
      ask('GET /tasks', signal, (abortSignal) =>
        docker.listTasks({ abortSignal, filters: JSON.stringify({ 'desired-state': ['running'] }) }),
      ),
      ask('GET /nodes', signal, (abortSignal) => docker.listNodes({ abortSignal })),
    ]);
    if (!services.ok) return services;
    if (!tasks.ok) return tasks;
    if (!nodes.ok) return nodes;
    const all = { services: services.value, tasks: tasks.value, nodes: nodes.value };
    this.#placement = swarmPlacement(all, this.#config.serviceLabel);
    return success(undefined);
  }

  #ref(service: string): Outcome<ServiceRef, ScaleFailure> {
    if (this.#placement === undefined) {
      return failure(
        'unreachable',
        `the services are not known yet: ${this.#failure ?? 'they are being listed'}`,
      );
    }
    const [ref, ...others] = this.#placement.services.get(service) ?? [];
    if (ref === undefined) return failure('not-found', `the swarm has no service ${service}`);
    if (others.length === 0) return success(ref);
    const names = [ref, ...others].map(({ fullName }) => fullName).join(' and ');
    return failure('unsupported', `${service} may be ${names}: name a label that tells them apart`);
  }

  async #read(service: string, { id, fullName }: ServiceRef): Promise<Outcome<Read, ScaleFailure>> {
    const listed = await ask('GET /services', this.#abort.signal, (abortSignal) =>
      this.#docker.listServices({ abortSignal, status: true, filters: JSON.stringify({ id: [id] }) }),
    );
    if (!listed.ok) return listed;
    const found = listed.value.find(({ ID }) => ID === id);
    if (found === undefined) return failure('not-found', `the service ${fullName} is gone`);
    const replicated = found.Spec?.Mode?.Replicated;
    if (replicated === undefined) {
      const mode = Object.keys(found.Spec?.Mode ?? {})[0] ?? 'unknown';
      return failure(
        'unsupported',
        `the service ${fullName} has the mode ${mode}, which has no number of replicas`,
      );
    }
    const replicas = replicated.Replicas ?? 1;
    const { min, max } = this.#deps.bounds(service) ?? { min: replicas, max: replicas };
    const state: ScaleState = {
      service,
      orchestrator: this.name,
      workload: `service ${fullName}`,
      replicas,
      ready: found.ServiceStatus?.RunningTasks ?? this.#placed(service),
      min,
      max,
    };
    return success({ state, service: found });
  }

  /** With the version that was read: where there is a newer one the engine says that it is out of sequence. */
  async #write({ state, service }: Read, replicas: number): Promise<Outcome<ScaleState, ScaleFailure>> {
    if (replicas === state.replicas) return success(state);
    const { signal } = this.#abort;
    const spec = {
      ...service.Spec,
      Mode: { Replicated: { ...service.Spec?.Mode?.Replicated, Replicas: replicas } },
    };
    const updated = await ask('POST /services/{id}/update', signal, (abortSignal) =>
      this.#docker.getService(service.ID).update({
        _query: { version: service.Version?.Index },
        _body: spec,
        abortSignal,
      }),
    );
    return updated.ok ? success({ ...state, replicas }) : updated;
  }

  /** How many run, from the last poll: engines before 20.10 do not say it with the service. */
  #placed(service: string): number {
    return this.instances().filter((instance) => instance.service === service).length;
  }
}
