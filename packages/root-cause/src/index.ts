export { isSupported } from './anomaly.js';
export { diagnose } from './diagnose.js';
export type { DiagnoseInput, DiagnoseOptions, Method } from './options.js';
export { type Dose, doseOf, type LoadRelief, loadRelief, type ReliefOptions } from './relief.js';
