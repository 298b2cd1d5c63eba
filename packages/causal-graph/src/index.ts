export type { CallEdge, CallGraph, RpcNode } from './call-graph.js';
export type { CausalGraph, LatencyNode, LatencyParent } from './causal-graph.js';
export {
  type Abduction,
  type CausalModel,
  type Intervention,
  NO_INTERVENTION,
  type Prediction,
  type PredictOptions,
  type Residual,
} from './causal-model.js';
