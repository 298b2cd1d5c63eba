export { type Agent, type AgentDeps, type StartFailure, startAgent } from './agent.js';
export {
  type AgentConfig,
  type LinkConfig,
  loadAgentConfig,
  type ProbeConfig,
  type RelayConfig,
  type TargetConfig,
} from './config.js';
export type { ActionRequest } from './request.js';
export { createSystem, type System, type SystemOptions } from './system.js';
