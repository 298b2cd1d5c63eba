export { type DrawOptions, drawFault, type Fault, type FaultKind, faultKinds, servicesFor } from './fault.js';
export { type ActiveFault, type InjectOptions, injectFault } from './inject.js';
