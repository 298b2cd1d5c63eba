import { createRng, type Span } from '@sage/core';
import type { ExporterReading } from '@sage/telemetry-source';
import type { Controls } from './controls.js';
import type { Fault } from './faults/fault.js';
import { Simulation } from './simulation.js';
import type { Topology } from './topology.js';

export interface SimulationOptions {
  /** The same seed and options give the same batches. Default 1. */
  readonly seed?: number;
  /** Unix time of the beginning. Default 0: midnight. */
  readonly startMs?: number;
  readonly durationMs: number;
  /** Mean over a day. Default 50. */
  readonly requestsPerSecond?: number;
  /** Without the day's swing and bursts. Default false. */
  readonly steady?: boolean;
  /** Share of requests that are traced; changes nothing else. Default 1. */
  readonly sampling?: number;
  /** Default 10. */
  readonly scrapeSeconds?: number;
  /** Replicas of every service. Default 1. */
  readonly replicas?: number;
  /** Hosts that all replicas share, in turn. Default: one host for each replica. */
  readonly hosts?: number;
  /** Share of the services that no exporter tells of. Default 0. */
  readonly uninstrumented?: number;
  /** Tell how many calls each service has outstanding, which only a kernel that is instrumented knows. Default false. */
  readonly queueDepths?: boolean;
  readonly faults?: readonly Fault[];
}

/** What has come in one second. */
export interface SimulationBatch {
  /** Unix time of its end. */
  readonly nowMs: number;
  /** In the order in which they ended; some come late, as exporters send in batches. */
  readonly spans: readonly Span[];
  readonly readings: readonly ExporterReading[];
  /** By the index of the service: calls outstanding, the mean over the second. Undefined unless asked for. */
  readonly queueDepths: Float64Array | undefined;
}

/** What was done in all, for checks. */
export interface SimulationTotals {
  readonly arrived: number;
  readonly completed: number;
  /** Of those completed. */
  readonly failed: number;
  /** Turned away because too many were under way. */
  readonly refused: number;
  readonly underWay: number;
  readonly events: number;
  /** Mean latency of what completed, at the entry. */
  readonly meanLatencyMs: number;
}

/** Looks so often a second at the queues. */
const LOOKS = 10;

/**
 * Runs an application for a while and gives what a deployment would have sent of it, second by second. Memory does not
 * grow with the duration. Returns the totals when it is done.
 *
 * @throws {RangeError} for a fault of an unknown service or replica, or of an intensity that is not in (0, 1].
 */
export function* simulate(
  topology: Topology,
  options: SimulationOptions,
): Generator<SimulationBatch, SimulationTotals> {
  return yield* operate(topology, options).batches;
}

/** A simulation under way, and what can be turned in it between two batches. */
export interface OperatedSimulation {
  readonly batches: Generator<SimulationBatch, SimulationTotals>;
  readonly controls: Controls;
}

/**
 * As `simulate`, for an operator who acts on what it sees. Requests arrive as they would have without, and faults come when
 * they would have.
 *
 * @throws {RangeError} as `simulate`.
 */
export function operate(topology: Topology, options: SimulationOptions): OperatedSimulation {
  const simulation = new Simulation(topology, options, createRng(options.seed ?? 1));
  return { batches: batchesOf(simulation, options), controls: simulation.controls };
}

function* batchesOf(
  simulation: Simulation,
  { startMs = 0, durationMs, queueDepths = false }: SimulationOptions,
): Generator<SimulationBatch, SimulationTotals> {
  for (let endMs = 1000; endMs <= durationMs; endMs += 1000) {
    const depths = queueDepths ? watchQueues(simulation, endMs) : undefined;
    simulation.runUntil(endMs);
    yield { nowMs: startMs + endMs, ...simulation.take(), queueDepths: depths };
  }
  return simulation.totals();
}

/** Runs the second that ends then, and gives the mean depth of every service's queues in it. */
function watchQueues(simulation: Simulation, endMs: number): Float64Array {
  const means = new Float64Array(simulation.queueDepths().length);
  for (let look = 1; look <= LOOKS; look++) {
    simulation.runUntil(endMs - 1000 + (1000 * look) / LOOKS);
    simulation.queueDepths().forEach((depth, service) => {
      means[service] = (means[service] as number) + depth / LOOKS;
    });
  }
  return means;
}
