import {
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  type RequestContext,
  ServerConfiguration,
} from '@kubernetes/client-node';
import { errorMessage, failure, type Outcome, type Rng, success } from '@sage/core';
import { Backoff, pause } from '../backoff.js';
import type { KubernetesConfig } from '../config.js';
import { type ApiFailure, type Permission, thrownFailure } from './api-failure.js';
import { openWatch, type WatchEvent, type WatchRequest } from './watch-stream.js';

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_TRIES = 4;
/** Beyond that whoever asked has more use of the answer than of the wait. */
const MAX_WAIT_MS = 10_000;

/** The API of one cluster, with one set of credentials. */
export interface Clients {
  readonly kubeConfig: KubeConfig;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly autoscaling: AutoscalingV2Api;
}

export interface ClusterOptions {
  readonly rng: Rng;
  readonly retryMs: number | undefined;
  readonly signal: AbortSignal;
}

/** `invalid`: there is no such file, context or cluster, or it is not understood. */
export function loadKubeConfig({ kubeconfig, context }: KubernetesConfig): Outcome<KubeConfig, 'invalid'> {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    return failure('invalid', `the kubeconfig cannot be used: ${errorMessage(error)}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  if (config.getCurrentCluster() !== null) return success(config);
  const known = config.getContexts().map(({ name }) => name);
  return failure(
    'invalid',
    `the kubeconfig has no cluster for the context ${config.getCurrentContext()}; it has ${known.join(', ') || 'none'}`,
  );
}

/** Sends requests, again where that makes sense, with credentials that are read anew when they are refused. */
export class Cluster {
  readonly #load: () => Outcome<KubeConfig, 'invalid'>;
  readonly #options: ClusterOptions;
  #clients: Clients;

  constructor(first: KubeConfig, load: () => Outcome<KubeConfig, 'invalid'>, options: ClusterOptions) {
    this.#load = load;
    this.#options = options;
    this.#clients = clientsOf(first, options.signal);
  }

  /** Tries again with new credentials (401), when the server wishes (429), and after a pause (5xx, no answer). */
  async request<T>(
    needed: Permission,
    send: (clients: Clients) => Promise<T>,
  ): Promise<Outcome<T, never> | ApiFailure> {
    const { rng, retryMs, signal } = this.#options;
    const backoff = new Backoff(rng, retryMs);
    let renewed = false;
    for (let tries = 1; ; tries++) {
      const clients = this.#clients;
      let failed: ApiFailure;
      try {
        return success(await send(clients));
      } catch (error) {
        failed = thrownFailure(needed, error);
      }
      if (failed.reason === 'unauthorized' && !renewed) {
        renewed = true;
        if (this.#renewed(clients)) continue;
      }
      const waitMs = backoff.nextMs(failed.retryAfterMs);
      const again = failed.reason === 'throttled' || failed.reason === 'unreachable';
      if (!again || tries === MAX_TRIES || waitMs > MAX_WAIT_MS) return failed;
      await pause(waitMs, signal);
      if (signal.aborted) return failed;
    }
  }

  /** Opens a watch, again with new credentials where those present are refused. */
  async watch(
    needed: Permission,
    watch: WatchRequest,
  ): Promise<Outcome<AsyncIterable<WatchEvent>, never> | ApiFailure> {
    const clients = this.#clients;
    const opened = await openWatch(clients.kubeConfig, needed, watch);
    if (opened.ok || opened.reason !== 'unauthorized' || !this.#renewed(clients)) return opened;
    return openWatch(this.#clients.kubeConfig, needed, watch);
  }

  /**
   * Whether there are other credentials than those `refused`. A token in a file is replaced there before it expires, a
   * credential plugin gives a new one when it is asked, and the client library keeps both for a while: reading all of
   * it again is what gets the new one. Another request may have done so already.
   */
  #renewed(refused: Clients): boolean {
    if (refused !== this.#clients) return true;
    const loaded = this.#load();
    if (loaded.ok) this.#clients = clientsOf(loaded.value, this.#options.signal);
    return loaded.ok;
  }
}

function clientsOf(kubeConfig: KubeConfig, signal: AbortSignal): Clients {
  const server = kubeConfig.getCurrentCluster()?.server ?? '';
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: kubeConfig },
    promiseMiddleware: [
      {
        pre: async (context: RequestContext) => {
          context.setSignal(AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]));
          return context;
        },
        post: async (context) => context,
      },
    ],
  });
  return {
    kubeConfig,
    core: new CoreV1Api(configuration),
    apps: new AppsV1Api(configuration),
    autoscaling: new AutoscalingV2Api(configuration),
  };
}
