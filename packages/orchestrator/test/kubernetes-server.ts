import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  V1Pod,
  V1ReplicaSet,
  V1Scale,
  V1Status,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node';
import { schemaProblems } from './kubernetes-schema.js';

/** A value as it stands in JSON: times are texts there. */
type Json<T> = T extends Date ? string : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | undefined;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

interface Fault {
  readonly matches: (request: Request) => boolean;
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
  times: number;
}

interface LoggedEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly pod: Json<V1Pod>;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly namespace: string | undefined;
}

const WORKLOAD =
  /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/(deployments|statefulsets|replicasets)\/([^/]+)(\/scale)?$/;
const AUTOSCALER = /^\/apis\/autoscaling\/v2\/namespaces\/([^/]+)\/horizontalpodautoscalers(?:\/([^/]+))?$/;
const PODS = /^\/api\/v1(?:\/namespaces\/([^/]+))?\/pods$/;

/**
 * The part of the Kubernetes API that Sage speaks, over HTTP: pods in pages and as a watch, owners, the scale
 * subresource, autoscalers; versions that make conflicts, tokens, and faults on demand. Whatever it answers or is sent
 * and is not of the specification's form is in `problems`.
 */
export class KubernetesServer {
  readonly requests: Request[] = [];
  readonly problems: string[] = [];
  readonly tokens = new Set(['token-1']);
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #pods = new Map<string, Json<V1Pod>>();
  readonly #scales = new Map<string, { replicas: number; version: number }>();
  readonly #replicaSets = new Map<string, Json<V1ReplicaSet>>();
  readonly #autoscalers = new Map<string, Json<V2HorizontalPodAutoscaler>>();
  readonly #watchers = new Set<Watcher>();
  readonly #faults: Fault[] = [];
  #log: LoggedEvent[] = [];
  #version = 100;
  #forgotten = 0;

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get watching(): number {
    return this.#watchers.size;
  }

  /** The next requests that match are refused. */
  fail(
    matches: Fault['matches'],
    status: number,
    more: Partial<Omit<Fault, 'matches' | 'status'>> = {},
  ): void {
    this.#faults.push({ matches, status, message: 'as the test wants', headers: {}, times: 1, ...more });
  }

  putPod(pod: Json<V1Pod>): void {
    const uid = pod.metadata?.uid ?? '';
    const version = ++this.#version;
    const stored = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(version) } } as Json<V1Pod>;
    this.#emit({ version, type: this.#pods.has(uid) ? 'MODIFIED' : 'ADDED', pod: stored });
    this.#pods.set(uid, stored);
  }

  deletePod(uid: string): void {
    const pod = this.#pods.get(uid);
    if (pod === undefined) throw new Error(`no pod ${uid}`);
    this.#pods.delete(uid);
    this.#emit({ version: ++this.#version, type: 'DELETED', pod });
  }

  putReplicaSet(replicaSet: Json<V1ReplicaSet>): void {
    const { namespace, name } = replicaSet.metadata ?? {};
    this.#replicaSets.set(`${namespace}/${name}`, replicaSet);
  }

  /** `key`: `shop/deployments/cart`. */
  setReplicas(key: string, replicas: number): void {
    this.#scales.set(key, { replicas, version: ++this.#version });
  }

  replicas(key: string): number | undefined {
    return this.#scales.get(key)?.replicas;
  }

  /** A status is written: the version moves on, the number stays. */
  touch(key: string): void {
    this.setReplicas(key, this.replicas(key) ?? 0);
  }

  putAutoscaler(autoscaler: Json<V2HorizontalPodAutoscaler>): void {
    const { namespace, name } = autoscaler.metadata ?? {};
    const metadata = { ...autoscaler.metadata, resourceVersion: String(++this.#version) };
    this.#autoscalers.set(`${namespace}/${name}`, {
      ...autoscaler,
      metadata,
    } as Json<V2HorizontalPodAutoscaler>);
  }

  autoscaler(key: string): Json<V2HorizontalPodAutoscaler> | undefined {
    return this.#autoscalers.get(key);
  }

  bookmark(): void {
    const version = String(++this.#version);
    const object: Json<V1Pod> = {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { resourceVersion: version },
    } as Json<V1Pod>;
    for (const { response } of this.#watchers) this.#line(response, 'BOOKMARK', object, 'V1Pod');
  }

  /** Versions until now are not known any more, as after a compaction. */
  forget(): void {
    this.#forgotten = this.#version;
    this.#log = [];
  }

  /** The server ends the watches, as it does after `timeoutSeconds`. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** The connection of the watches is gone in the middle of a line. */
  breakWatches(): void {
    for (const { response } of this.#watchers) {
      response.write('{"type":"ADD');
      response.destroy();
    }
    this.#watchers.clear();
  }

  /** The server gives the watches up with a status. */
  expireWatches(): void {
    this.forget();
    const status = this.#status(410, 'too old resource version');
    for (const { response } of this.#watchers) this.#line(response, 'ERROR', status, 'V1Status');
    this.endWatches();
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    this.requests.push(request);
    const fault = this.#faults.find(({ matches, times }) => times > 0 && matches(request));
    if (fault !== undefined) {
      fault.times--;
      this.#refuse(response, fault.status, fault.message, fault.headers);
    } else if (request.token === undefined || !this.tokens.has(request.token)) {
      this.#refuse(response, 401, 'Unauthorized');
    } else this.#route(request, response);
  }

  #route(request: Request, response: ServerResponse): void {
    const pods = PODS.exec(request.path);
    if (pods !== null) {
      if (request.query.get('watch') === 'true') this.#watch(request, response, pods[1]);
      else this.#list(request, response, pods[1]);
      return;
    }
    const workload = WORKLOAD.exec(request.path);
    if (workload !== null) {
      const [, namespace = '', plural = '', name = '', scale] = workload;
      if (scale !== undefined) this.#scale(request, response, { namespace, plural, name });
      else this.#send(response, 'V1ReplicaSet', this.#replicaSets.get(`${namespace}/${name}`));
      return;
    }
    const autoscaler = AUTOSCALER.exec(request.path);
    if (autoscaler !== null) this.#autoscaling(request, response, autoscaler[1] ?? '', autoscaler[2]);
    else this.#refuse(response, 404, 'the server could not find the requested resource');
  }

  #list({ query }: Request, response: ServerResponse, namespace: string | undefined): void {
    const all = [...this.#pods.values()].filter(
      ({ metadata }) => namespace === undefined || metadata?.namespace === namespace,
    );
    const token = query.get('continue');
    const [version, start] = token === null ? [this.#version, 0] : token.split('.').map(Number);
    if ((version ?? 0) < this.#forgotten) {
      this.#refuse(response, 410, 'The provided continue parameter is too old', {}, 'Expired');
      return;
    }
    const end = (start ?? 0) + Number(query.get('limit') ?? all.length);
    const more = end < all.length;
    this.#send(response, 'V1PodList', {
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: {
        resourceVersion: String(version),
        ...(more ? { continue: `${version}.${end}`, remainingItemCount: all.length - end } : {}),
      },
      items: all.slice(start, end),
    });
  }

  #watch({ query }: Request, response: ServerResponse, namespace: string | undefined): void {
    const from = Number(query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (from < this.#forgotten) {
      this.#line(response, 'ERROR', this.#status(410, 'too old resource version', 'Expired'), 'V1Status');
      response.end();
      return;
    }
    const watcher = { response, namespace };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    for (const event of this.#log) if (event.version > from) this.#tell(watcher, event);
  }

  #emit(event: LoggedEvent): void {
    this.#log.push(event);
    for (const watcher of this.#watchers) this.#tell(watcher, event);
  }

  #tell({ response, namespace }: Watcher, { type, pod, version }: LoggedEvent): void {
    if (namespace !== undefined && pod.metadata?.namespace !== namespace) return;
    const metadata = { ...pod.metadata, resourceVersion: String(version) };
    this.#line(response, type, { ...pod, metadata }, 'V1Pod');
  }

  #scale(
    { method, body }: Request,
    response: ServerResponse,
    { namespace, plural, name }: { namespace: string; plural: string; name: string },
  ): void {
    const key = `${namespace}/${plural}/${name}`;
    const present = this.#scales.get(key);
    if (present === undefined) {
      this.#refuse(response, 404, `${plural}.apps "${name}" not found`, {}, 'NotFound');
      return;
    }
    if (method === 'PUT') {
      this.#check(body, 'V1Scale', 'a request');
      const { metadata, spec } = body as V1Scale;
      if (metadata?.resourceVersion !== undefined && metadata.resourceVersion !== String(present.version)) {
        this.#refuse(response, 409, conflictText(plural, name), {}, 'Conflict');
        return;
      }
      this.setReplicas(key, spec?.replicas ?? 0);
    }
    const { replicas, version } = this.#scales.get(key) ?? present;
    this.#send(response, 'V1Scale', {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: {
        name,
        namespace,
        uid: `uid-of-${name}`,
        resourceVersion: String(version),
        creationTimestamp: '2024-05-01T10:00:00Z',
      },
      // As Go's omitempty leaves it out.
      spec: replicas === 0 ? {} : { replicas },
      status: { replicas: present.replicas, selector: `app=${name}` },
    });
  }

  #autoscaling(
    { method, body, contentType }: Request,
    response: ServerResponse,
    namespace: string,
    name: string | undefined,
  ): void {
    if (name === undefined) {
      const items = [...this.#autoscalers.values()].filter((each) => each.metadata?.namespace === namespace);
      this.#send(response, 'V2HorizontalPodAutoscalerList', {
        kind: 'HorizontalPodAutoscalerList',
        apiVersion: 'autoscaling/v2',
        metadata: { resourceVersion: String(this.#version) },
        items,
      });
      return;
    }
    const key = `${namespace}/${name}`;
    const present = this.#autoscalers.get(key);
    if (method === 'PATCH' && present !== undefined) {
      if (contentType !== 'application/merge-patch+json') {
        this.#refuse(response, 415, `the body of the request was in an unknown format - ${contentType}`);
        return;
      }
      this.#check(body, 'V2HorizontalPodAutoscaler', 'a request');
      const patch = body as V2HorizontalPodAutoscaler;
      const version = patch.metadata?.resourceVersion;
      if (version !== undefined && version !== present.metadata?.resourceVersion) {
        this.#refuse(response, 409, conflictText('horizontalpodautoscalers', name), {}, 'Conflict');
        return;
      }
      this.putAutoscaler(mergePatch(present, body) as Json<V2HorizontalPodAutoscaler>);
    }
    this.#send(response, 'V2HorizontalPodAutoscaler', this.#autoscalers.get(key));
  }

  #refuse(
    response: ServerResponse,
    code: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    reason?: string,
  ): void {
    this.#send(response, 'V1Status', this.#status(code, message, reason), code, headers);
  }

  #status(code: number, message: string, reason?: string): V1Status {
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code };
    return reason === undefined ? status : { ...status, reason };
  }

  #send(response: ServerResponse, type: string, body: unknown, code = 200, headers = {}): void {
    if (body === undefined) {
      this.#refuse(response, 404, 'not found', {}, 'NotFound');
      return;
    }
    this.#check(body, type, 'an answer');
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }

  #line(response: ServerResponse, type: string, object: unknown, model: string): void {
    this.#check(object, model, 'an event');
    response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #check(value: unknown, type: string, what: string): void {
    this.problems.push(...schemaProblems(value, type).map((problem) => `${what}: ${problem}`));
  }
}

async function readRequest(incoming: IncomingMessage): Promise<Request> {
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://server');
  return {
    method: incoming.method ?? '',
    path: pathname,
    query: searchParams,
    token: /^Bearer (.*)$/.exec(incoming.headers.authorization ?? '')?.[1],
    contentType: incoming.headers['content-type'],
    body: text === '' ? undefined : JSON.parse(text),
  };
}

function conflictText(plural: string, name: string): string {
  return `Operation cannot be fulfilled on ${plural} "${name}": the object has been modified; please apply your changes to the latest version and try again`;
}

/** JSON merge patch (RFC 7396). */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(target as Record<string, unknown> | undefined) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}
