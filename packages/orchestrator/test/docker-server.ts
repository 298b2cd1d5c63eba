import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { z } from 'zod';
import {
  errorResponse,
  type NodeJson,
  node,
  type ServiceJson,
  service,
  serviceSpec,
  type TaskJson,
  task,
  updateResponse,
} from './docker-schema.js';

export interface DockerRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

interface Fault {
  readonly matches: (request: DockerRequest) => boolean;
  readonly status: number;
  readonly message: string;
  times: number;
}

const AT = '2024-05-01T10:00:00.123456789Z';
const UPDATE = /^\/services\/([^/]+)\/update$/;

/**
 * The part of the Docker Engine API that Sage speaks: services with versions, tasks, nodes, `service update`, and
 * faults on demand. Whatever it answers or is sent and is not of the specification's form is in `problems`.
 */
export class DockerServer {
  readonly requests: DockerRequest[] = [];
  readonly problems: string[] = [];
  readonly services: ServiceJson[] = [];
  readonly tasks: TaskJson[] = [];
  readonly nodes: NodeJson[] = [];
  readonly #faults: Fault[] = [];
  readonly #server: Server;

  constructor(create: (listener: RequestListener) => Server = createServer) {
    this.#server = create((request, response) => void this.#answer(request, response));
  }

  /** A path is a Unix socket, a number a port. */
  async listen(at: string | number): Promise<Server> {
    await new Promise<void>((resolve) => {
      if (typeof at === 'string') this.#server.listen(at, resolve);
      else this.#server.listen(at, '127.0.0.1', resolve);
    });
    return this.#server;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  fail(matches: Fault['matches'], status: number, message: string, times = 1): void {
    this.#faults.push({ matches, status, message, times });
  }

  addService(
    Name: string,
    Mode: ServiceJson['Spec']['Mode'],
    Labels: Readonly<Record<string, string>> = {},
  ): void {
    const spec = {
      Name,
      Labels,
      TaskTemplate: { ContainerSpec: { Image: 'cart:1', Env: ['A=1'] }, ForceUpdate: 0 },
      Mode,
      UpdateConfig: { Parallelism: 1, Delay: 1_000_000_000, Order: 'start-first' as const },
      EndpointSpec: { Mode: 'vip' as const },
    };
    this.services.push({
      ID: `id-${Name}`,
      Version: { Index: 10 },
      CreatedAt: AT,
      UpdatedAt: AT,
      Spec: spec,
    });
  }

  addNode(name: string): void {
    this.nodes.push({
      ID: `id-${name}`,
      Version: { Index: 3 },
      CreatedAt: AT,
      UpdatedAt: AT,
      Spec: { Role: 'worker', Availability: 'active' },
      Description: { Hostname: name },
      Status: { State: 'ready' },
    });
  }

  /** `on` undefined: not assigned to a node yet. */
  addTask(of: string, id: string, on: string | undefined, more: Partial<TaskJson> = {}): void {
    this.tasks.push({
      ID: id,
      Version: { Index: 20 },
      CreatedAt: AT,
      UpdatedAt: AT,
      ServiceID: `id-${of}`,
      Slot: this.tasks.length + 1,
      ...(on === undefined ? {} : { NodeID: `id-${on}` }),
      Status: {
        Timestamp: AT,
        State: on === undefined ? 'pending' : 'running',
        ...(on === undefined ? {} : { ContainerStatus: { ContainerID: 'e5d6'.repeat(16), PID: 677 } }),
      },
      DesiredState: 'running',
      NetworksAttachments: [
        { Network: { ID: 'n1', Spec: { Name: 'ingress', Ingress: true } }, Addresses: ['10.255.0.10/16'] },
        { Network: { ID: 'n2', Spec: { Name: 'shop' } }, Addresses: ['10.0.1.7/24'] },
      ],
      ...more,
    });
  }

  service(name: string): ServiceJson {
    const found = this.services.find(({ Spec }) => Spec.Name === name);
    if (found === undefined) throw new Error(`no service ${name}`);
    return found;
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://docker');
    const body = text === '' ? undefined : JSON.parse(text);
    const request = { method: incoming.method ?? '', path: pathname, query: searchParams, body };
    this.requests.push(request);
    const fault = this.#faults.find(({ matches, times }) => times > 0 && matches(request));
    if (fault !== undefined) {
      fault.times--;
      this.#send(response, errorResponse, { message: fault.message }, fault.status);
    } else this.#route(request, response);
  }

  #route(request: DockerRequest, response: ServerResponse): void {
    const { method, path, query } = request;
    const filters = JSON.parse(query.get('filters') ?? '{}') as Record<string, string[]>;
    const update = UPDATE.exec(path)?.[1];
    if (method === 'POST' && update !== undefined) this.#update(update, request, response);
    else if (path === '/services') {
      const found = this.services.filter(({ ID }) => filters.id?.includes(ID) ?? true);
      const status = query.get('status') === 'true';
      this.#sendAll(
        response,
        service,
        found.map((each) => (status ? { ...each, ServiceStatus: this.#status(each) } : each)),
      );
    } else if (path === '/tasks') {
      const desired = filters['desired-state'];
      this.#sendAll(
        response,
        task,
        this.tasks.filter(({ DesiredState }) => desired?.includes(DesiredState) ?? true),
      );
    } else if (path === '/nodes') this.#sendAll(response, node, this.nodes);
    else this.#send(response, errorResponse, { message: 'page not found' }, 404);
  }

  #update(id: string, { query, body }: DockerRequest, response: ServerResponse): void {
    const found = this.services.find(({ ID }) => ID === id);
    if (found === undefined) {
      this.#send(response, errorResponse, { message: `service ${id} not found` }, 404);
      return;
    }
    if (query.get('version') !== String(found.Version.Index)) {
      // As a manager answers it: not with 409.
      const message = 'rpc error: code = Unknown desc = update out of sequence';
      this.#send(response, errorResponse, { message }, 500);
      return;
    }
    this.#check(serviceSpec, body, 'a request');
    found.Spec = body as ServiceJson['Spec'];
    found.Version = { Index: found.Version.Index + 7 };
    this.#send(response, updateResponse, { Warnings: null });
  }

  #status({ ID, Spec }: ServiceJson) {
    const running = this.tasks.filter(
      ({ ServiceID, Status }) => ServiceID === ID && Status.State === 'running',
    );
    return { RunningTasks: running.length, DesiredTasks: Spec.Mode.Replicated?.Replicas ?? 0 };
  }

  #sendAll(response: ServerResponse, schema: z.ZodType, body: readonly unknown[]): void {
    for (const item of body) this.#check(schema, item, 'an answer');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #send(response: ServerResponse, schema: z.ZodType, body: unknown, status = 200): void {
    this.#check(schema, body, 'an answer');
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #check(schema: z.ZodType, value: unknown, what: string): void {
    const { error } = schema.safeParse(value);
    for (const { path, message } of error?.issues ?? [])
      this.problems.push(`${what}: ${path.join('.')}: ${message}`);
  }
}
