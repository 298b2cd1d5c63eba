/** What one request makes a service do. Durations are milliseconds, shares are in [0, 1]. */
export type TopologyNode =
  | { readonly kind: 'seq' | 'par'; readonly nodes: readonly TopologyNode[] }
  | CallNode
  | {
      readonly kind: 'branch';
      /** Share of requests that go the way of `chosen`. */
      readonly probability: number;
      readonly chosen: TopologyNode;
      readonly otherwise: TopologyNode;
    }
  | {
      readonly kind: 'repeat';
      /** Times on average; a broken number is rounded up or down by chance. */
      readonly count: number;
      readonly mode: 'seq' | 'par';
      readonly body: TopologyNode;
    }
  /** Started and not waited for. */
  | { readonly kind: 'async'; readonly body: TopologyNode }
  /** Work on the processor within the service. */
  | { readonly kind: 'local' }
  /** Of `of` arrivals within one request, the last runs the body. */
  | { readonly kind: 'last-arrival'; readonly of: number; readonly body: TopologyNode };

/** A call of another service, or an operation of a cache or database (then without a server span). */
export interface CallNode {
  readonly kind: 'call';
  /** Name of a service of the topology. */
  readonly to: string;
  readonly operation: string;
  /** Operation of the caller's client span; null: there is none. */
  readonly clientSpan: string | null;
  /** Operation of the callee's server span; null: there is none. */
  readonly serverSpan: string | null;
  readonly body: TopologyNode;
}

export type ServiceKind = 'web' | 'logic' | 'cache' | 'db' | 'queue' | 'infra';

export interface TopologyService {
  /** The component's name. */
  readonly name: string;
  /** What spans, metrics and truths call it: its name in traces where it has one. */
  readonly label: string;
  /** False: it sends no spans of its own. */
  readonly traced: boolean;
  readonly kind: ServiceKind;
  /** Processor time of one call, without what it waits for: mean, and standard deviation over mean. */
  readonly cpuMs: number;
  readonly cpuVariation: number;
  /** Processor time spent after the reply: logs, garbage, the kernel. */
  readonly afterMs: number;
  /** Disk time of one operation and the share of operations that go to the disk. */
  readonly diskMs: number;
  readonly diskShare: number;
  /** Requests served at a time by one replica; null: no limit. */
  readonly workers: number | null;
  /** Cores of the host of one replica. */
  readonly cores: number;
  /** Quota in cores; null: sized to the expected load as an operator would. */
  readonly cpuLimit: number | null;
  readonly memoryMb: number;
  readonly memoryLimitMb: number;
  /** Working set in the last-level cache, and how much longer bursts get without any of it: by so many times. */
  readonly llcMb: number;
  readonly llcPenalty: number;
}

export interface TopologyPool {
  readonly owner: string;
  readonly target: string;
  readonly kind: string;
  /** Connections of one replica of the owner; null: no limit. */
  readonly max: number | null;
  /** Longest wait for a connection before the call fails; null: for ever. */
  readonly waitMs: number | null;
}

export interface TopologyEndpoint {
  readonly name: string;
  /** Share of the requests; of all endpoints 1. */
  readonly weight: number;
  readonly entry: string;
  /** Spans that the entry opens, outermost first. */
  readonly rootSpans: readonly string[];
  readonly tree: TopologyNode;
}

export interface TopologyNetwork {
  /** One way, mean and standard deviation. */
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly bandwidthMbit: number;
}

/** A microservice application: what its services are and what requests make them do. */
export interface Topology {
  readonly name: string;
  readonly services: readonly TopologyService[];
  readonly pools: readonly TopologyPool[];
  readonly endpoints: readonly TopologyEndpoint[];
  readonly network: TopologyNetwork;
}

/** A topology that cannot be simulated: which file, where in it (a JSON path), what is wrong. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError';
  constructor(
    readonly file: string,
    readonly path: string,
    readonly problem: string,
  ) {
    super(`${file}: ${path}: ${problem}`);
  }
}
