import type { CallGraph } from '@sage/causal-graph';
import type { CollectorStats } from '@sage/collector-extension';
import type { Window } from '@sage/core';
import { type Controls, operate, type SimulationTotals } from '@sage/simulator';
import { type Delivery, deliver } from '../data/replay.js';
import type { QueueDepths } from '../observed.js';
import type { Progress } from '../progress.js';
import type { Plan, WorldOptions } from './simulated-world.js';

/** Exporters are scraped as often as usual, and in short windows often enough. */
const SCRAPE_SECONDS = 10;
const LEAST_SCRAPES = 3;

export interface RunOptions extends WorldOptions {
  readonly requestsPerSecond: number;
  /** Share of the requests that are traced. */
  readonly sampling: number;
  /** Share of the services that no exporter tells of. */
  readonly uninstrumented: number;
  /** Whether the depths of queues are recorded, which none but compared systems look at. Default: no. */
  readonly queueDepths?: boolean;
  readonly nowMs: () => number;
  readonly progress: Progress;
}

/** What came out of a simulation. */
export interface Run {
  readonly windows: readonly Window[];
  /** From the beginning on, a row for each second; none where they are not recorded. */
  readonly queueDepths: QueueDepths;
  /** As known at the end of the training. */
  readonly callGraph: CallGraph | undefined;
  readonly stats: CollectorStats;
  readonly totals: SimulationTotals | undefined;
  /** Of it all, and of the simulator in it. */
  readonly seconds: number;
  readonly simulatorSeconds: number;
}

/** A simulation under way, when a window of it is given out. */
export interface UnderWay {
  readonly controls: Controls;
  /** Some seconds after the end of the window, for whose late spans the collector waits. */
  readonly nowMs: number;
}

/**
 * Simulates all that is planned and sends it through the collector, second by second; only windows are kept. `onWindow`
 * is told each of them when it is given out, with the call graph as known then, and may act on what goes on.
 */
export async function listen(
  options: RunOptions,
  plan: Plan,
  onWindow: (window: Window, callGraph: () => CallGraph, underWay: UnderWay) => void = () => {},
): Promise<Run> {
  const { nowMs, progress } = options;
  const windows: Window[] = [];
  const seconds: Float32Array[] = [];
  let callGraph: CallGraph | undefined;
  let totals: SimulationTotals | undefined;
  let simulatorMs = 0;
  let simulatedMs = plan.startMs;
  const { batches: simulation, controls } = operate(plan.topology, {
    seed: options.seed,
    startMs: plan.startMs,
    durationMs: plan.endMs - plan.startMs,
    requestsPerSecond: options.requestsPerSecond,
    sampling: options.sampling,
    scrapeSeconds: Math.min(SCRAPE_SECONDS, options.windowSeconds / LEAST_SCRAPES),
    replicas: options.replicas,
    uninstrumented: options.uninstrumented,
    queueDepths: options.queueDepths ?? false,
    faults: [...plan.disturbances, ...plan.cases.flatMap(({ faults }) => faults)],
  });
  function* batches(): Generator<Delivery> {
    for (;;) {
      const beganMs = nowMs();
      const { value, done } = simulation.next();
      simulatorMs += nowMs() - beganMs;
      if (done) {
        totals = value;
        return;
      }
      simulatedMs = value.nowMs;
      if (value.queueDepths !== undefined) seconds.push(Float32Array.from(value.queueDepths));
      yield { timeMs: value.nowMs, spans: value.spans, readings: value.readings };
    }
  }
  const startedMs = nowMs();
  const stats = await deliver(batches(), {
    windows: { windowSeconds: options.windowSeconds, slideSeconds: options.windowSeconds },
    onWindow: (window, graph) => {
      if (window.startMs < plan.trainStartMs) return;
      windows.push(window);
      if (window.endMs === plan.trainEndMs) callGraph = graph();
      onWindow(window, graph, { controls, nowMs: simulatedMs });
      const part = (window.endMs - plan.startMs) / (plan.endMs - plan.startMs);
      progress(part, `simulated ${hours(window.endMs)} of ${hours(plan.endMs)}`);
    },
  });
  return {
    windows,
    queueDepths: { services: plan.topology.services.map(({ label }) => label), seconds },
    callGraph,
    stats,
    totals,
    seconds: (nowMs() - startedMs) / 1000,
    simulatorSeconds: simulatorMs / 1000,
  };
}

/** The depths of the queues within a window. */
export function depthsWithin({ startMs, endMs }: Window, run: Run, plan: Plan): QueueDepths {
  const [first, last] = [startMs, endMs].map((ms) => (ms - plan.startMs) / 1000);
  return { ...run.queueDepths, seconds: run.queueDepths.seconds.slice(first, last) };
}

/** What was simulated and how fast, in a line. */
export function runNote(
  { totals, seconds, simulatorSeconds }: Run,
  { topology, endMs, windowMs }: Plan,
): string {
  const { arrived = 0, failed = 0, events = 0 } = totals ?? {};
  const perSecond = Math.round(events / simulatorSeconds);
  return (
    `${topology.name}: ${hours(endMs)} in windows of ${windowMs / 1000} s, ${arrived} requests, ${failed} failed; ` +
    `${events} events in ${simulatorSeconds.toFixed(1)} s, ${perSecond} a second; with the collector ${seconds.toFixed(1)} s`
  );
}

function hours(ms: number): string {
  return `${(ms / 3_600_000).toFixed(1)} h`;
}
