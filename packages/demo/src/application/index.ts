export {
  type Application,
  type ApplicationOptions,
  NEIGHBOUR_NAME,
  type RunningComponent,
  startApplication,
} from './application.js';
export { runTool } from './isolation/child.js';
export { forward, freePort } from './isolation/forwarding.js';
export type { AgentTarget, Isolation } from './isolation/ground.js';
export {
  type EnterHubOptions,
  enterHub,
  type Forward,
  HUB_ADDRESS,
  insideHub,
  leaveWithOuter,
} from './isolation/hub.js';
export { type Swept, sweepLeftovers } from './isolation/leftovers.js';
export type { EndpointReport, LoadReport } from './load/report.js';
export { DEFAULT_RATE, type Load, type LoadOptions, startLoad } from './load-process.js';
export { supportsKernelIsolation } from './support.js';
export { type Endpoint, readHotelTopology, type Topology } from './topology/topology.js';
