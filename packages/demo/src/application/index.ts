export {
  type Application,
  type ApplicationOptions,
  type RunningComponent,
  startApplication,
  type TelemetryTargets,
} from './application.js';
export { awaitMessage, endChild, runTool } from './isolation/child.js';
export { forward } from './isolation/forwarding.js';
export { freePort } from './isolation/free-port.js';
export type { AgentTarget, Isolation } from './isolation/ground.js';
export {
  type EnterHubOptions,
  enterHub,
  type Forward,
  HUB_ADDRESS,
  insideHub,
  leaveWithOuter,
} from './isolation/hub.js';
export { ownedEnvironment, sweepLeftovers } from './isolation/leftovers.js';
export { DEFAULT_RATE, type Load, type LoadOptions, startLoad } from './load-process.js';
export { supportsKernelIsolation } from './support.js';
