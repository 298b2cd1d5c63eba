export { DEFAULT_RATE, supportsKernelIsolation } from './application/index.js';
export { type Bench, type BenchOptions, type MeasuredStretch, startBench, type TracedBy } from './bench/bench.js';
export type { Stretch, StretchOptions } from './bench/drive.js';
export type { ReceiverKind } from './bench/receiver-messages.js';
export type { DemoOptions, FaultChoice, IsolationChoice } from './story/options.js';
export { runDemo } from './story/run-demo.js';
