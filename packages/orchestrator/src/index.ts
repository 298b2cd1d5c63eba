export type { KubernetesConfig, OrchestratorConfig, StaticConfig, SwarmConfig, SwarmTls } from './config.js';
export { openOrchestrator } from './open.js';
export type { Orchestrator, OrchestratorDeps, ScaleFailure } from './orchestrator.js';
export { parsePlacement } from './static-file/placement-file.js';
