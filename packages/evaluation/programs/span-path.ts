/**
 * What a span costs on its way into a window, against what the OpenTelemetry Collector asks of itself: 10,000 spans/s
 * in at most 20 % of a core.
 *
 *     node packages/evaluation/dist/programs/span-path.js [topology] [requests per second] [minutes]
 *
 * Processor time of all threads, garbage collection included; the simulator's own is left out.
 */
import type { Span } from '@sage/core';
import { loadTopology, simulate } from '@sage/simulator';
import { decodeTracesProtobuf } from '@sage/telemetry-source';
import { type Delivery, deliver } from '../src/data/replay.js';
import { encodeTraces } from './otlp-encoding.js';

const GATE_SPANS_PER_SECOND = 10_000;
const GATE_CORES = 0.2;

const [topology = 'social-network', perSecond = '50', minutes = '60'] = process.argv.slice(2);

/** Reading the processor's time costs, too: it is read once for so many seconds of simulated time. */
const BATCHES_AT_ONCE = 5;

function* take<T>(from: Iterator<T, unknown>, most: number): Generator<T> {
  for (let count = 0; count < most; count++) {
    const next = from.next();
    if (next.done) return;
    yield next.value;
  }
}

/** Microseconds of processor time that this process has taken. */
function processorUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Sends what a steady load leaves through the collector, as it is or as the bytes of OTLP, and prints what it cost. */
async function measure(name: string, receive: (spans: readonly Span[]) => () => readonly Span[]) {
  let elsewhereUs = 0;
  let mostBytes = 0;
  function* deliveries(): Generator<Delivery> {
    const simulation = simulate(loadTopology(topology), {
      durationMs: 60_000 * Number(minutes),
      requestsPerSecond: Number(perSecond),
      steady: true,
    });
    for (;;) {
      const beganUs = processorUs();
      const batches = [...take(simulation, BATCHES_AT_ONCE)].map(({ nowMs, spans }) => ({
        timeMs: nowMs,
        spans: receive(spans),
      }));
      mostBytes = Math.max(mostBytes, process.memoryUsage().rss);
      elsewhereUs += processorUs() - beganUs;
      if (batches.length === 0) return;
      for (const { timeMs, spans } of batches) yield { timeMs, spans: spans(), readings: [] };
    }
  }
  const beganUs = processorUs();
  const { spansReceived, observations } = await deliver(deliveries(), { windows: {}, onWindow: () => {} });
  const tookUs = processorUs() - beganUs - elsewhereUs;
  const spanUs = tookUs / spansReceived;
  console.log(
    `${name}: ${spanUs.toFixed(2)} µs a span, ${(tookUs / observations.accepted).toFixed(2)} µs a call, ` +
      `${Math.round(1e6 / spanUs)} spans/s of a core, ` +
      `ratio to the gate ${((spanUs * GATE_SPANS_PER_SECOND) / (GATE_CORES * 1e6)).toFixed(3)}; ` +
      `${spansReceived} spans, ${observations.accepted} calls, memory ${(mostBytes / 1e6).toFixed(0)} MB at most`,
  );
}

await measure('spans to windows', (spans) => () => spans);
await measure('OTLP to windows', (spans) => {
  const body = encodeTraces(spans);
  return () => {
    const decoded = decodeTracesProtobuf(body);
    if (!decoded.ok) throw new Error(decoded.message);
    return decoded.value.spans;
  };
});
