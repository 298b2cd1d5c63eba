export type { Allocation, ControlFailure, ControlledNode, Controls } from './controls.js';
export { editTopology, type TopologyEdit } from './edit-topology.js';
export { FAULT_KINDS, type Fault, type FaultKind, type FaultTruth } from './faults/fault.js';
export { type DisturbancePlanOptions, planDisturbances } from './faults/plan-disturbances.js';
export { type FaultCase, type FaultPlanOptions, planFaults, truthOf } from './faults/plan-faults.js';
export { loadTopology, TOPOLOGY_NAMES } from './load-topology.js';
export {
  type OperatedSimulation,
  operate,
  type SimulationBatch,
  type SimulationOptions,
  type SimulationTotals,
  simulate,
} from './simulate.js';
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
