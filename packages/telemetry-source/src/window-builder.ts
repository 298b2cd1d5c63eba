import type { LatencyNodeId, MetricSample, RpcObservation, Window } from '@sage/core';
import { isLatency, type LatencySketch, newSketch, statsOf } from './latency-sketch.js';
import { LatencySlice } from './latency-slice.js';
import { joinMetricSlices, type MetricLimits, MetricSlice } from './metric-slice.js';
import { joinReplicas, type ReplicaLimits, ReplicaSlice } from './replica-slice.js';

export interface WindowBuilderOptions {
  /** Length of a window; a whole multiple of the slide. Default 30. */
  readonly windowSeconds?: number;
  /** Time from one window's end to the next one's. Default 10. */
  readonly slideSeconds?: number;
  /** How long after its end a window is given out. More than what assembling calls takes. Default 6000. */
  readonly latenessMs?: number;
  /** Latency nodes, and apart from them metric columns and replicas, that a slice holds at most. Default 5000. */
  readonly maxColumns?: number;
  /** Replicas of one service that a slice tells apart at most. Default 64. */
  readonly maxReplicas?: number;
}

/**
 * `late`: a window it belongs to was given out before; it still enters those to come.
 * `tooOld`: no window to come covers it. `future`: more than a window ahead of the clock.
 */
export interface WindowCounts {
  readonly accepted: number;
  readonly late: number;
  readonly tooOld: number;
  readonly future: number;
  readonly invalid: number;
  /** Beyond `maxColumns`. */
  readonly overflow: number;
  /** Of a replica beyond `maxReplicas`, or of more replicas than `maxColumns` has room for: not told apart. */
  readonly replicaOverflow: number;
}

export interface WindowBuilderStats {
  readonly windows: number;
  readonly slicesHeld: number;
  readonly observations: WindowCounts;
  readonly samples: WindowCounts;
}

interface Slice {
  readonly latency: LatencySlice;
  readonly replicas: ReplicaSlice;
  readonly metrics: MetricSlice;
}

type Counts = { -readonly [K in keyof WindowCounts]: number };

/**
 * Cuts observations and samples into slices of one slide and joins them to sliding windows. A slice keeps one
 * mergeable sketch per latency node and per replica.
 * The first window is the first that lies wholly after the first use.
 */
export class WindowBuilder {
  readonly #slideMs: number;
  readonly #slicesPerWindow: number;
  readonly #latenessMs: number;
  readonly #maxColumns: number;
  readonly #metricLimits: MetricLimits;
  readonly #replicaLimits: ReplicaLimits;
  /** By slice number: start divided by the slide. */
  readonly #slices = new Map<number, Slice>();
  /** Number of the slice that ends the next window. */
  #next: number | undefined;
  #windows = 0;
  readonly #observations = noCounts();
  readonly #samples = noCounts();

  constructor(options: WindowBuilderOptions = {}) {
    const { windowSeconds = 30, slideSeconds = 10, latenessMs = 6_000 } = options;
    const { maxColumns = 5_000, maxReplicas = 64 } = options;
    const slices = windowSeconds / slideSeconds;
    if (!(slideSeconds > 0) || !Number.isInteger(slices) || slices < 1) {
      throw new RangeError(
        `windowSeconds must be a whole multiple of slideSeconds, not ${windowSeconds} of ${slideSeconds}`,
      );
    }
    this.#slideMs = slideSeconds * 1000;
    this.#slicesPerWindow = slices;
    this.#latenessMs = latenessMs;
    this.#maxColumns = maxColumns;
    this.#metricLimits = { maxColumns, maxReplicas };
    this.#replicaLimits = { maxSketches: maxColumns, maxReplicas };
  }

  addObservations(observations: readonly RpcObservation[], nowMs: number): void {
    for (const observation of observations) {
      const slice = this.#sliceAt(observation.endMs, nowMs, this.#observations);
      if (slice === undefined) continue;
      slice.latency.add(observation, this.#observations);
      this.#acceptReplica(slice, observation);
    }
  }

  addSamples(samples: readonly MetricSample[], nowMs: number): void {
    for (const sample of samples) {
      if (!Number.isFinite(sample.value)) {
        this.#samples.invalid += 1;
        continue;
      }
      const slice = this.#sliceAt(sample.timestampMs, nowMs, this.#samples);
      if (slice === undefined) continue;
      const admission = slice.metrics.add(sample, this.#metricLimits);
      if (admission !== 'accepted') this.#samples[admission] += 1;
    }
  }

  /** The windows that are due at `nowMs`, oldest first. After a gap without any data only the newest. */
  advance(nowMs: number): Window[] {
    let next = this.#start(nowMs);
    const due = Math.floor((nowMs - this.#latenessMs) / this.#slideMs) - 1;
    const windows: Window[] = [];
    while (next <= due) {
      if (this.#slices.size === 0) next = due;
      windows.push(this.#windowEndingWith(next));
      next += 1;
      const oldest = next - this.#slicesPerWindow + 1;
      for (const number of this.#slices.keys()) if (number < oldest) this.#slices.delete(number);
    }
    this.#next = next;
    this.#windows += windows.length;
    return windows;
  }

  stats(): WindowBuilderStats {
    return {
      windows: this.#windows,
      slicesHeld: this.#slices.size,
      observations: { ...this.#observations },
      samples: { ...this.#samples },
    };
  }

  #start(nowMs: number): number {
    this.#next ??= Math.ceil(nowMs / this.#slideMs) + this.#slicesPerWindow - 1;
    return this.#next;
  }

  #sliceAt(timeMs: number, nowMs: number, counts: Counts): Slice | undefined {
    const next = this.#start(nowMs);
    const number = Math.floor(timeMs / this.#slideMs);
    if (!Number.isFinite(number)) {
      counts.invalid += 1;
      return undefined;
    }
    if (number <= next - this.#slicesPerWindow) {
      counts.tooOld += 1;
      return undefined;
    }
    if (timeMs > nowMs + this.#slicesPerWindow * this.#slideMs) {
      counts.future += 1;
      return undefined;
    }
    if (number < next && this.#windows > 0) counts.late += 1;
    counts.accepted += 1;
    let slice = this.#slices.get(number);
    if (slice === undefined) {
      slice = {
        latency: new LatencySlice(this.#maxColumns),
        replicas: new ReplicaSlice(),
        metrics: new MetricSlice(),
      };
      this.#slices.set(number, slice);
    }
    return slice;
  }

  #acceptReplica(slice: Slice, { rpc, serverMs, instance }: RpcObservation): void {
    if (instance === undefined || serverMs === undefined || !isLatency(serverMs)) return;
    if (slice.replicas.add(rpc.callee, instance, serverMs, this.#replicaLimits)) return;
    this.#observations.replicaOverflow += 1;
  }

  #windowEndingWith(last: number): Window {
    const first = last - this.#slicesPerWindow + 1;
    const slices: Slice[] = [];
    const sketches = new Map<LatencyNodeId, LatencySketch>();
    for (let number = first; number <= last; number++) {
      const slice = this.#slices.get(number);
      if (slice === undefined) continue;
      slices.push(slice);
      for (const [node, sketch] of slice.latency.columns()) {
        const merged = sketches.get(node) ?? newSketch();
        merged.merge(sketch);
        sketches.set(node, merged);
      }
    }
    const metrics = joinMetricSlices(slices.map((slice) => slice.metrics));
    const served = slices.map((slice) => slice.replicas);
    const replicas = joinReplicas(served, metrics.replicas);
    return {
      startMs: first * this.#slideMs,
      endMs: (last + 1) * this.#slideMs,
      latency: new Map([...sketches].map(([node, sketch]) => [node, statsOf(sketch)])),
      metrics: metrics.services,
      ...(replicas === undefined ? {} : { replicas }),
    };
  }
}

function noCounts(): Counts {
  return { accepted: 0, late: 0, tooOld: 0, future: 0, invalid: 0, overflow: 0, replicaOverflow: 0 };
}
