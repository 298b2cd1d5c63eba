import { readFileSync } from 'node:fs';
import { errorMessage } from '@sage/core';
import { chain, fanout } from './generated-topologies.js';
import { readTopology } from './read-topology.js';
import { type Topology, TopologyError } from './topology.js';

const FILES = ['social-network', 'media', 'hotel'];
const GENERATED: Readonly<Record<string, () => Topology>> = { chain, fanout };

/** Names that `loadTopology` knows. */
export const TOPOLOGY_NAMES: readonly string[] = [...FILES, ...Object.keys(GENERATED)];

/**
 * A topology by its name, or from a file in the format of `dsb-callgraph/1`. Besides that format's own keys a service
 * may have `cpu_ms`, `cpu_variation`, `after_ms`, `disk_ms`, `disk_share`, `workers`, `cores`, `cpu_limit`,
 * `memory_mb`, `memory_limit_mb`, `llc_mb` and `llc_penalty`, the file `network: {delay_ms, jitter_ms, bandwidth_mbit}`.
 *
 * @throws {TopologyError} naming file and place.
 */
export function loadTopology(nameOrPath: string): Topology {
  const generate = Object.hasOwn(GENERATED, nameOrPath) ? GENERATED[nameOrPath] : undefined;
  if (generate !== undefined) return generate();
  const path = FILES.includes(nameOrPath)
    ? new URL(`../../topologies/${nameOrPath}.json`, import.meta.url)
    : nameOrPath;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const names = TOPOLOGY_NAMES.join(', ');
    throw new TopologyError(
      nameOrPath,
      '$',
      `neither one of ${names} nor a readable file: ${errorMessage(error)}`,
    );
  }
  return readTopology(text, nameOrPath);
}
