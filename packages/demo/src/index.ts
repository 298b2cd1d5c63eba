export { DEFAULT_RATE, freePort, supportsKernelIsolation } from './application/index.js';
export { type BenchOptions, startBench } from './bench/bench.js';
export type { DemoOptions, FaultChoice, IsolationChoice } from './story/options.js';
export { runDemo } from './story/run-demo.js';
