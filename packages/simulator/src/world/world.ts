import type { Topology, TopologyService } from '../topology.js';
import { ConnectionPool } from './connection-pool.js';
import { demandOf } from './demand.js';
import { Host } from './host.js';
import { BYTES_PER_MS_OF_A_MBIT } from './link-units.js';
import { Replica } from './replica.js';

/** Cache of a host. */
const HOST_LLC_MB = 24;
/** Quotas that a topology leaves open: so many times the expected use, as operators leave room; and never less than. */
const QUOTA_ROOM = 8;
const LEAST_QUOTA = 0.2;

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
  /** Those in rotation, by the index of the service in the topology. */
  readonly replicas: readonly (readonly Replica[])[];
  readonly pools: readonly ConnectionPool[];
  /** How many times the nominal load the busiest quota lets through. */
  readonly headroom: number;
  /** One more replica of a service, like its others: on the next of the hosts that all share, or on one of its own. */
  addReplica(serviceIndex: number): Replica;
  /** Takes the newest replica of a service out of rotation. */
  removeReplica(serviceIndex: number): void;
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
  const hostFor = (index: number, service: TopologyService) => {
    const host = shared[index % Math.max(1, shared.length)] ?? newHost(index, [service]);
    if (shared.length === 0) hosts.push(host);
    return host;
  };
  let made = 0;
  const replicas = topology.services.map((service, serviceIndex) => {
    const { calls = 0, receivedBytes = 0, sentBytes = 0 } = demands.get(service.name) ?? {};
    const expected = {
      callsPerMs: perReplica(calls),
      bytesPerMs: perReplica(Math.max(receivedBytes, sentBytes)),
    };
    return Array.from({ length: count }, (_, number) => {
      const index = made++;
      const host = hostFor(index, service);
      const name = `${service.label}-${number}`;
      return new Replica(index, serviceIndex, service, name, host, limitOf(service), bytesPerMs, expected);
    });
  });
  for (const host of hosts) host.shareCache();
  const pools = connect(topology, replicas);
  const numbers = replicas.map(() => count);
  return {
    hosts,
    replicas,
    pools,
    addReplica: (serviceIndex) => {
      const all = replicas[serviceIndex] as Replica[];
      const like = all[0] as Replica;
      const index = made++;
      const number = numbers[serviceIndex] as number;
      numbers[serviceIndex] = number + 1;
      const replica = like.another(index, `${like.service.label}-${number}`, hostFor(index, like.service));
      like.pools.forEach((pool, to) => {
        if (pool === undefined) return;
        const own = pool.another(pools.length);
        replica.pools[to] = own;
        pools.push(own);
      });
      replica.host.shareCache();
      all.push(replica);
      return replica;
    },
    removeReplica: (serviceIndex) => {
      const all = replicas[serviceIndex] as Replica[];
      if (all.length < 2) throw new RangeError('the last replica of a service cannot be removed');
      (all.pop() as Replica).retired = true;
    },
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
