export { buildCausalGraph } from './build-causal-graph.js';
export type { CallEdge, CallGraph, RpcNode } from './call-graph.js';
export {
  CallGraphBuilder,
  type CallGraphBuilderOptions,
  type CallGraphBuilderStats,
} from './call-graph-builder.js';
export type { CausalGraph, LatencyNode, LatencyParent } from './causal-graph.js';
export {
  type Abduction,
  type CausalModel,
  type Intervention,
  type MeanDelay,
  NO_INTERVENTION,
  type Prediction,
  type PredictOptions,
  type Residual,
} from './causal-model.js';
export {
  ancestorServices,
  calledBy,
  type ServiceEdge,
  serviceEdges,
} from './graph-queries.js';
