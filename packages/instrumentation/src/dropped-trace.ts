import { type Context, type Span, TraceFlags, trace } from '@opentelemetry/api';

/**
 * The span that carries a trace of which nobody keeps anything, undefined in one that is kept or begins here. Callees
 * follow their caller's decision, so a span of such a trace would only be made and thrown away: its place in the trace is
 * handed on as it came, which W3C Trace Context allows to those who take no part (§ 3.4).
 */
export function droppedTrace(of: Context): Span | undefined {
  const span = trace.getSpan(of);
  if (span === undefined || span.isRecording()) return undefined;
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0 ? span : undefined;
}
