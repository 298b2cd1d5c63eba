import { errorMessage } from '@sage/core';
import { JsonPlace } from './json-place.js';
import { usualService } from './service-kinds.js';
import {
  type Topology,
  type TopologyEndpoint,
  TopologyError,
  type TopologyNetwork,
  type TopologyPool,
  type TopologyService,
} from './topology.js';
import { calledIn } from './topology-nodes.js';
import { readTree } from './topology-tree.js';

const SERVICE_KINDS = ['web', 'logic', 'cache', 'db', 'queue', 'infra'] as const;

/** One rack: what a container network adds to a call within it. */
const USUAL_NETWORK: TopologyNetwork = { delayMs: 0.035, jitterMs: 0.008, bandwidthMbit: 1000 };

/** A call graph in the format of DeathStarBench's (`dsb-callgraph/1`). `file` is for messages only. */
export function readTopology(text: string, file: string): Topology {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TopologyError(file, '$', `is no JSON: ${errorMessage(error)}`);
  }
  const root = new JsonPlace(file, '$', value);
  const services = root.at('services').items().map(readService);
  const names = new Set(services.map(({ name }) => name));
  const pools = root.at('pools').items();
  const places = root.at('endpoints').items();
  // Endpoints of weight 0 or null are set-up traffic or out of reach.
  const weighted = places.filter((place) => place.has('weight') && place.at('weight').number(0, 1) > 0);
  const endpoints = weighted.map((place) => readEndpoint(place, names));
  const sum = endpoints.reduce((total, { weight }) => total + weight, 0);
  if (Math.abs(sum - 1) > 1e-3) root.at('endpoints').fail(`weights should add up to 1, add up to ${sum}`);
  const used = new Set(endpoints.flatMap(({ entry, tree }) => [entry, ...calledIn(tree)]));
  return {
    name: root.has('meta') ? root.at('meta').at('app').text() : file,
    services: services.filter(({ name }) => used.has(name)),
    pools: pools
      .map((place) => readPool(place, names))
      .filter((pool) => used.has(pool.owner) && used.has(pool.target)),
    endpoints,
    network: root.has('network') ? readNetwork(root.at('network')) : USUAL_NETWORK,
  };
}

function readService(place: JsonPlace, index: number, all: readonly JsonPlace[]): TopologyService {
  const name = place.at('name').text();
  if (all.findIndex((other) => other.at('name').value === name) < index) place.fail(`"${name}" comes twice`);
  const traceName = place.at('jaeger_service').textOrNull();
  const kind = place.at('kind').oneOf(SERVICE_KINDS);
  const usual = usualService(kind);
  return {
    name,
    label: traceName ?? name,
    traced: traceName !== null,
    kind,
    cpuMs: place.numberAt('cpu_ms', usual.cpuMs),
    cpuVariation: place.numberAt('cpu_variation', usual.cpuVariation),
    afterMs: place.numberAt('after_ms', usual.afterMs),
    diskMs: place.numberAt('disk_ms', usual.diskMs),
    diskShare: place.numberAt('disk_share', usual.diskShare, 0, 1),
    workers: place.has('workers') ? place.at('workers').number(1) : null,
    cores: place.numberAt('cores', usual.cores, 1, 256),
    cpuLimit: place.has('cpu_limit') ? place.at('cpu_limit').number(0.01) : null,
    memoryMb: place.numberAt('memory_mb', usual.memoryMb),
    memoryLimitMb: place.numberAt('memory_limit_mb', usual.memoryLimitMb),
    llcMb: place.numberAt('llc_mb', usual.llcMb),
    llcPenalty: place.numberAt('llc_penalty', usual.llcPenalty),
  };
}

function readPool(place: JsonPlace, names: ReadonlySet<string>): TopologyPool {
  const known = (key: string) => {
    const name = place.at(key).text();
    return names.has(name) ? name : place.at(key).fail(`unknown service "${name}"`);
  };
  return {
    owner: known('owner'),
    target: known('target'),
    kind: place.at('kind').text(),
    max: place.has('max') ? place.at('max').number(1) : null,
    waitMs: place.has('wait_ms') ? place.at('wait_ms').number() : null,
  };
}

function readEndpoint(place: JsonPlace, services: ReadonlySet<string>): TopologyEndpoint {
  const entry = place.at('entry').text();
  if (!services.has(entry)) place.at('entry').fail(`unknown service "${entry}"`);
  const shared = place.has('fragments') ? place.at('fragments') : undefined;
  const tree = readTree(place.at('tree'), {
    services,
    fragments: new Map(shared?.keys().map((name) => [name, shared.at(name)])),
    arrivals: JSON.stringify(place.at('tree').value ?? null).split('"last_arrival":').length - 1,
    callers: [entry],
    reading: [],
  });
  const rootSpans = place
    .at('root_spans')
    .items()
    .map((span) => span.text());
  return { name: place.at('name').text(), weight: place.at('weight').number(0, 1), entry, rootSpans, tree };
}

function readNetwork(place: JsonPlace): TopologyNetwork {
  return {
    delayMs: place.numberAt('delay_ms', USUAL_NETWORK.delayMs),
    jitterMs: place.numberAt('jitter_ms', USUAL_NETWORK.jitterMs),
    bandwidthMbit: place.numberAt('bandwidth_mbit', USUAL_NETWORK.bandwidthMbit, 1e-3),
  };
}
