/** OpenTelemetry span kinds. */
export type SpanKind = 'client' | 'server' | 'producer' | 'consumer' | 'internal';

/** One span as any receiver hands it on. Ids are lower-case hex. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly service: string;
  readonly operation: string;
  readonly kind: SpanKind;
  readonly startUs: number;
  readonly durationUs: number;
  readonly error: boolean;
  /** Who a client span says it called (`peer.service`, `server.service.name`, a database's name…). */
  readonly peerService: string | undefined;
  /** `service.instance.id`: the replica. */
  readonly instance: string | undefined;
}

/** A reading of one feature of one service, rates already taken. */
export interface MetricSample {
  readonly service: string;
  /** The replica it was read from, where the source tells replicas apart. */
  readonly instance?: string | undefined;
  readonly feature: FeatureName;
  readonly timestampMs: number;
  readonly value: number;
}

/** What a culprit can be short of. `software` is a fault of code or configuration: a pool, a lock, a leak. */
export type Resource = 'cpu' | 'memory' | 'disk' | 'network' | 'llc' | 'software';

export const RESOURCES: readonly Resource[] = ['cpu', 'memory', 'disk', 'network', 'llc', 'software'];

/**
 * `contention`: waiting that the service suffers; evidence by itself.
 * `usage`: what the service consumes; may be an effect of a slow callee, so weak evidence.
 */
export type FeatureRole = 'contention' | 'usage';

export interface Feature {
  readonly resource: Resource;
  readonly role: FeatureRole;
  readonly unit: string;
  /** The least change worth noticing, in `unit`: floors the spread when readings are scaled. */
  readonly resolution: number;
  readonly help: string;
}

/** The columns a window may have per service. Sources map what they read onto these names. */
export const FEATURES = {
  cpu_usage_cores: {
    resource: 'cpu',
    role: 'usage',
    unit: 'cores',
    resolution: 0.02,
    help: 'processor time used by the service, per second',
  },
  cpu_host_busy_ratio: {
    resource: 'cpu',
    role: 'usage',
    unit: '1',
    resolution: 0.05,
    help: 'busy share of the cores the service may run on',
  },
  cpu_runqueue_wait_ratio: {
    resource: 'cpu',
    role: 'contention',
    unit: '1',
    resolution: 0.03,
    help: 'seconds per second in which the service was runnable but not running',
  },
  cpu_throttled_ratio: {
    resource: 'cpu',
    role: 'contention',
    unit: '1',
    resolution: 0.02,
    help: 'seconds per second in which the quota kept the service off the processor',
  },
  cpu_pressure_ratio: {
    resource: 'cpu',
    role: 'contention',
    unit: '1',
    resolution: 0.03,
    help: 'PSI: share of time in which some task waited for a processor',
  },
  memory_working_set_bytes: {
    resource: 'memory',
    role: 'usage',
    unit: 'By',
    resolution: 8e6,
    help: 'working set',
  },
  memory_major_faults_per_second: {
    resource: 'memory',
    role: 'contention',
    unit: '1/s',
    resolution: 2,
    help: 'page faults that had to read from disk',
  },
  memory_pressure_ratio: {
    resource: 'memory',
    role: 'contention',
    unit: '1',
    resolution: 0.02,
    help: 'PSI: share of time in which some task waited for memory',
  },
  disk_io_bytes_per_second: {
    resource: 'disk',
    role: 'usage',
    unit: 'By/s',
    resolution: 1e6,
    help: 'bytes read from and written to disks',
  },
  disk_wait_ratio: {
    resource: 'disk',
    role: 'contention',
    unit: '1',
    resolution: 0.02,
    help: 'seconds per second in which the service waited for a disk',
  },
  network_receive_bytes_per_second: {
    resource: 'network',
    role: 'usage',
    unit: 'By/s',
    resolution: 20e3,
    help: 'bytes received',
  },
  network_transmit_bytes_per_second: {
    resource: 'network',
    role: 'usage',
    unit: 'By/s',
    resolution: 20e3,
    help: 'bytes sent',
  },
  network_probe_ms: {
    resource: 'network',
    role: 'contention',
    unit: 'ms',
    resolution: 1,
    help: 'round trip of a probe to the service over its link',
  },
  network_probe_failure_ratio: {
    resource: 'network',
    role: 'contention',
    unit: '1',
    resolution: 0.02,
    help: 'share of probes that failed',
  },
  network_backlog_bytes: {
    resource: 'network',
    role: 'contention',
    unit: 'By',
    resolution: 4e3,
    help: 'bytes waiting in the queueing disciplines of the link of the service',
  },
  network_drops_per_second: {
    resource: 'network',
    role: 'contention',
    unit: '1/s',
    resolution: 1,
    help: 'packets that the queueing disciplines of the link of the service dropped',
  },
  llc_occupancy_bytes: {
    resource: 'llc',
    role: 'usage',
    unit: 'By',
    resolution: 1e6,
    help: 'last-level cache held',
  },
  llc_misses_per_second: {
    resource: 'llc',
    role: 'contention',
    unit: '1/s',
    resolution: 2e4,
    help: 'last-level cache misses',
  },
  memory_bandwidth_bytes_per_second: {
    resource: 'llc',
    role: 'usage',
    unit: 'By/s',
    resolution: 5e7,
    help: 'bytes between the last-level cache and memory: what the cache does not hold',
  },
  software_pool_pending: {
    resource: 'software',
    role: 'contention',
    unit: '1',
    resolution: 0.3,
    help: 'requests waiting for a connection of a pool of the service, mean',
  },
  software_pool_wait_ms: {
    resource: 'software',
    role: 'contention',
    unit: 'ms',
    resolution: 2,
    help: 'mean wait for a connection of the slowest pool of the service',
  },
  software_event_loop_lag_ms: {
    resource: 'software',
    role: 'usage',
    unit: 'ms',
    resolution: 3,
    help: 'p99 delay of the event loop: an effect of a busy processor as often as of blocking code',
  },
} as const satisfies Record<string, Feature>;

export type FeatureName = keyof typeof FEATURES;

/** How the readings of a service's replicas become the service's own. */
export type ReplicaJoin = 'sum' | 'max';

/**
 * `sum` for what a service consumes, an amount or a rate: its replicas consume it together. `max` for all else: what is
 * waited for, and shares and times. A tail of latency is made by the replica that waits longest, which a mean would hide
 * the better the more replicas there are.
 */
export function replicaJoin(feature: FeatureName): ReplicaJoin {
  const { role, unit }: Feature = FEATURES[feature];
  return role === 'usage' && unit !== '1' && unit !== 'ms' ? 'sum' : 'max';
}

export const FEATURE_NAMES = Object.keys(FEATURES) as readonly FeatureName[];

export function isFeatureName(name: string): name is FeatureName {
  return Object.hasOwn(FEATURES, name);
}
