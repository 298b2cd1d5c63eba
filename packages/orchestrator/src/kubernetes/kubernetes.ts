import type { KubeConfig, V1Pod, V1PodList, V1Scale } from '@kubernetes/client-node';
import { failure, type Instance, type Outcome, type ScaleState, success } from '@sage/core';
import type { KubernetesConfig } from '../config.js';
import { scaleFresh } from '../fresh-write.js';
import type { Orchestrator, OrchestratorDeps, ScaleFailure } from '../orchestrator.js';
import { type ApiFailure, type Permission, scaleFailure } from './api-failure.js';
import { type Autoscaler, findAutoscaler, writeMinReplicas } from './autoscaler.js';
import { Cluster, loadKubeConfig } from './cluster.js';
import { changeMinReplicas, ownMin } from './min-replicas.js';
import { type PodRecord, podRecord } from './pod.js';
import { type PodPlacement, podPlacement, type ServicePods } from './pod-placement.js';
import { type Page, Reflector } from './reflector.js';
import { readScale, resolveWorkload, type Workload, workloadName, writeScale } from './workload.js';

/** As kubectl lists. */
const PAGE = 500;
/** The server ends a watch after that, s; drawn anew each time, so that not all watches are opened together. */
const WATCH_SECONDS = { min: 300, max: 600 };
const MAX_SAID = 1000;

/** `invalid`: the kubeconfig cannot be used. That the cluster does not answer is tried again. */
export function openKubernetes(
  config: KubernetesConfig,
  deps: OrchestratorDeps,
): Outcome<Orchestrator, 'invalid'> {
  const load = () => loadKubeConfig(config);
  const loaded = load();
  return loaded.ok ? success(new Kubernetes(config, deps, loaded.value, load)) : loaded;
}

interface Read {
  readonly state: ScaleState;
  readonly workload: Workload;
  readonly scale: V1Scale;
  readonly autoscaler: Autoscaler | undefined;
}

class Kubernetes implements Orchestrator {
  readonly name = 'kubernetes';
  readonly #deps: OrchestratorDeps;
  readonly #cluster: Cluster;
  readonly #reflectors: readonly Reflector<PodRecord>[];
  readonly #running: Promise<unknown>;
  readonly #abort = new AbortController();
  readonly #said = new Set<string>();
  #placement: PodPlacement | undefined;

  constructor(
    config: KubernetesConfig,
    deps: OrchestratorDeps,
    kubeConfig: KubeConfig,
    load: () => Outcome<KubeConfig, 'invalid'>,
  ) {
    this.#deps = deps;
    const { rng, retryMs } = deps;
    this.#cluster = new Cluster(kubeConfig, load, { rng, retryMs, signal: this.#abort.signal });
    const namespaces = config.namespaces.length === 0 ? [undefined] : config.namespaces;
    this.#reflectors = namespaces.map((namespace) => this.#podsOf(namespace, config));
    this.#running = Promise.all(this.#reflectors.map((reflector) => reflector.run()));
  }

  instances(): readonly Instance[] {
    return this.#placed().instances;
  }

  async scaleState(service: string): Promise<Outcome<ScaleState, ScaleFailure>> {
    const workload = await this.#workload(service);
    if (!workload.ok) return workload;
    const read = await this.#read(service, workload.value);
    return read.ok ? success(read.value.state) : read;
  }

  async scale(service: string, replicas: number): Promise<Outcome<ScaleState, ScaleFailure>> {
    const workload = await this.#workload(service);
    if (!workload.ok) return workload;
    return scaleFresh(
      {
        read: () => this.#read(service, workload.value),
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

  #podsOf(namespace: string | undefined, config: KubernetesConfig): Reflector<PodRecord> {
    const { logger, rng, retryMs } = this.#deps;
    const { signal } = this.#abort;
    const { selector } = config;
    const needs = (verb: 'list' | 'watch'): Permission => ({ verb, resource: 'pods', group: '', namespace });
    const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`;
    return new Reflector({
      what: namespace === undefined ? 'pods' : `pods in ${namespace}`,
      list: (next) => this.#listPods(needs('list'), { next, selector }),
      watch: (resourceVersion) => {
        const seconds = WATCH_SECONDS.min + rng.integer(WATCH_SECONDS.max - WATCH_SECONDS.min);
        const query = {
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion,
          timeoutSeconds: String(seconds),
          ...(selector === undefined ? {} : { labelSelector: selector }),
        };
        return this.#cluster.watch(needs('watch'), { path, query, idleMs: 1000 * (seconds + 30), signal });
      },
      keep: (pod) => podRecord(pod as V1Pod, config.serviceLabel),
      onChange: () => {
        this.#placement = undefined;
      },
      logger,
      rng,
      retryMs,
      signal,
    });
  }

  async #listPods(
    needed: Permission,
    { next, selector }: { readonly next: string; readonly selector: string | undefined },
  ): Promise<Outcome<Page, never> | ApiFailure> {
    const query = {
      limit: PAGE,
      ...(next === '' ? {} : { _continue: next }),
      ...(selector === undefined ? {} : { labelSelector: selector }),
    };
    const { namespace } = needed;
    const listed = await this.#cluster.request(
      needed,
      ({ core }): Promise<V1PodList> =>
        namespace === undefined
          ? core.listPodForAllNamespaces(query)
          : core.listNamespacedPod({ ...query, namespace }),
    );
    if (!listed.ok) return listed;
    const { items, metadata } = listed.value;
    return success({
      items,
      resourceVersion: metadata?.resourceVersion ?? '',
      next: metadata?._continue ?? '',
    });
  }

  #placed(): PodPlacement {
    if (this.#placement !== undefined) return this.#placement;
    const placement = podPlacement(this.#reflectors.flatMap(({ items }) => [...items]));
    for (const conflict of placement.conflicts) {
      if (this.#said.has(conflict) || this.#said.size >= MAX_SAID) continue;
      this.#said.add(conflict);
      this.#deps.logger.warn('what runs a service is not clear; name a label that tells', { conflict });
    }
    this.#placement = placement;
    return placement;
  }

  async #workload(service: string): Promise<Outcome<Workload, ScaleFailure>> {
    const found = this.#placed().services.get(service);
    if (found === undefined) {
      const unknown = this.#reflectors.find(({ synced }) => !synced);
      if (unknown !== undefined) {
        return failure(
          'unreachable',
          `the pods are not known yet: ${unknown.failure ?? 'they are being listed'}`,
        );
      }
      return failure('not-found', `no pod is of the service ${service}`);
    }
    const { pods, workloads } = found;
    if (workloads.length > 1) {
      return failure(
        'unsupported',
        `${service} is run by ${workloads.join(' and ')}: name a label that tells them apart`,
      );
    }
    return resolveWorkload(this.#cluster, service, pods);
  }

  async #read(service: string, workload: Workload): Promise<Outcome<Read, ScaleFailure>> {
    const scale = await readScale(this.#cluster, workload);
    if (!scale.ok) return scaleFailure(scale);
    const autoscaler = await findAutoscaler(this.#cluster, workload);
    if (!autoscaler.ok) return autoscaler;
    const state = this.#state(service, workload, scale.value, autoscaler.value);
    return success({ state, workload, scale: scale.value, autoscaler: autoscaler.value });
  }

  async #write(read: Read, replicas: number): Promise<Outcome<ScaleState, ScaleFailure>> {
    const { state, workload, scale, autoscaler } = read;
    const { service } = state;
    if (autoscaler !== undefined) {
      if (desiredBy(scale) === 0) {
        return failure(
          'not-allowed',
          `${state.workload} is switched off: with 0 replicas ${autoscaler.name} rests`,
        );
      }
      const change = changeMinReplicas(autoscaler, state.replicas, replicas);
      if (!change.ok) return change;
      if (change.value === undefined) return success(state);
      const written = await writeMinReplicas(this.#cluster, autoscaler, change.value);
      return written.ok ? success(this.#state(service, workload, scale, written.value)) : written;
    }
    if (replicas === state.replicas) return success(state);
    const written = await writeScale(this.#cluster, workload, { ...scale, spec: { replicas } });
    return written.ok
      ? success(this.#state(service, workload, written.value, undefined))
      : scaleFailure(written);
  }

  /** With an autoscaler the number is at least its lower bound, which the autoscaler sees to within seconds. */
  #state(
    service: string,
    workload: Workload,
    scale: V1Scale,
    autoscaler: Autoscaler | undefined,
  ): ScaleState {
    const pods: ServicePods['pods'] = this.#placed().services.get(service)?.pods ?? [];
    const desired = desiredBy(scale);
    const replicas = desired === 0 ? 0 : Math.max(desired, autoscaler?.min ?? 0);
    const { min, max } = this.#deps.bounds(service) ?? { min: replicas, max: replicas };
    return {
      service,
      orchestrator: this.name,
      workload: workloadName(workload),
      replicas,
      ready: pods.filter(({ ready }) => ready).length,
      min,
      max: Math.min(max, autoscaler?.max ?? max),
      ...(autoscaler === undefined
        ? {}
        : { autoscaler: { name: autoscaler.name, min: ownMin(autoscaler), max: autoscaler.max } }),
    };
  }
}

/** An absent number is nought: that is how the API writes it. */
function desiredBy({ spec }: V1Scale): number {
  return spec?.replicas ?? 0;
}
