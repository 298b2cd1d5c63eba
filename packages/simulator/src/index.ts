export { loadTopology, TOPOLOGY_NAMES } from './load-topology.js';
export {
  type CallNode,
  type ServiceKind,
  type Topology,
  type TopologyEndpoint,
  TopologyError,
  type TopologyNetwork,
  type TopologyNode,
  type TopologyPool,
  type TopologyService,
} from './topology.js';
