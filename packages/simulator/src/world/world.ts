import type { Topology, TopologyService } from '../topology.js';
import { ConnectionPool } from './connection-pool.js';
import { demandOf } from './demand.js';
import { Host } from './host.js';
import { Replica } from './replica.js';

/** Cache of a host. */
const HOST_LLC_MB = 24;
/** Quotas that a topology leaves open: so many times the expected use, as operators leave room; and never less than. */
const QUOTA_ROOM = 8;
const LEAST_QUOTA = 0.2;
const BYTES_PER_MS_OF_A_MBIT = 125;

export interface WorldOptions {
  readonly requestsPerSecond: number;
  /** Replicas of each service. */
  readonly replicas: number;
  /** Hosts that the replicas share, in turn; undefined: each has its own. */
  readonly hosts: number | undefined;
}

/** What the application runs on. */
export interface World {
  readonly hosts: readonly Host[];
  /** By the index of the service in the topology. */
  readonly replicas: readonly (readonly Replica[])[];
  readonly pools: readonly ConnectionPool[];
  /** How many times the nominal load the busiest quota lets through. */
  readonly headroom: number;
}

export function createWorld(topology: Topology, options: WorldOptions): World {
  const { requestsPerSecond, replicas: count } = options;
  const demands = demandOf(topology);
  const perReplica = (value: number) => (value * requestsPerSecond) / 1000 / count;
  const usedCores = ({ name }: TopologyService) => perReplica(demands.get(name)?.cpuMs ?? 0);
  const limitOf = (service: TopologyService) =>
    service.cpuLimit ?? Math.min(service.cores, Math.max(LEAST_QUOTA, QUOTA_ROOM * usedCores(service)));
  const bytesPerMs = topology.network.bandwidthMbit * BYTES_PER_MS_OF_A_MBIT;
  const shared = Array.from({ length: options.hosts ?? 0 }, (_, index) => newHost(index, topology.services));
  const hosts = [...shared];
  let made = 0;
  const replicas = topology.services.map((service, serviceIndex) => {
    const { calls = 0, receivedBytes = 0, sentBytes = 0 } = demands.get(service.name) ?? {};
    const expected = {
      callsPerMs: perReplica(calls),
      bytesPerMs: perReplica(Math.max(receivedBytes, sentBytes)),
    };
    return Array.from({ length: count }, (_, number) => {
      const index = made++;
      const host = shared[index % Math.max(1, shared.length)] ?? newHost(index, [service]);
      if (shared.length === 0) hosts.push(host);
      const name = `${service.label}-${number}`;
      return new Replica(index, serviceIndex, service, name, host, limitOf(service), bytesPerMs, expected);
    });
  });
  for (const host of hosts) host.shareCache();
  return {
    hosts,
    replicas,
    pools: connect(topology, replicas),
    headroom: Math.min(
      ...topology.services.map((service) => limitOf(service) / Math.max(1e-9, usedCores(service))),
    ),
  };
}

function newHost(index: number, services: readonly TopologyService[]): Host {
  const cores = Math.max(1, ...services.map((service) => service.cores));
  return new Host(`node-${index}`, Math.round(cores), HOST_LLC_MB);
}

function connect(topology: Topology, replicas: readonly (readonly Replica[])[]): ConnectionPool[] {
  const pools: ConnectionPool[] = [];
  const indexOf = (name: string) => topology.services.findIndex((service) => service.name === name);
  for (const { owner, target, max, waitMs } of topology.pools) {
    const to = indexOf(target);
    const label = topology.services[to]?.label ?? target;
    for (const replica of replicas[indexOf(owner)] ?? []) {
      const size = max ?? Number.POSITIVE_INFINITY;
      const pool = new ConnectionPool(pools.length, label, size, waitMs ?? Number.POSITIVE_INFINITY);
      replica.pools[to] = pool;
      pools.push(pool);
    }
  }
  return pools;
}
