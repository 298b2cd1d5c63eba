export { diagnose } from './diagnose.js';
export type { Restoration } from './intervene.js';
export { isSupported } from './judged-percentiles.js';
export type { DiagnoseInput, DiagnoseOptions, Method } from './options.js';
export { type Rehearsal, rehearsalOf } from './rehearsal.js';
export { type Dose, doseOf, type LoadRelief, loadRelief, type ReliefOptions } from './relief.js';
export { whatIf } from './what-if.js';
