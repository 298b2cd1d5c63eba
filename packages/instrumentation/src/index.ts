export type { InstrumentationOptions, SpanExporterOptions } from './options.js';
export {
  type Lease,
  Pool,
  type PoolFailure,
  type PoolOptions,
  type PoolState,
} from './pool.js';
export { type TraceHeaders, traceHeaders, withClientSpan, withServerSpan } from './spans.js';
export { type Instrumentation, startInstrumentation } from './start.js';
