import type { Outcome } from '@sage/core';

/** What stands at the other end of tracing: Sage, or a receiver that reads and drops. */
export type ReceiverKind = 'sage' | 'sink';

/** How the application is traced while it is driven. */
export interface TracedBy {
  /** Share of requests, 0..1. */
  readonly sampling: number;
  readonly receiver: ReceiverKind;
}

/** One stretch of load: first at a rate, then as much as can be done. */
export interface StretchOptions {
  /** Draws arrivals and endpoints: of the same seed the same. */
  readonly seed: number;
  /** Open loop: requests leave whether or not earlier ones were answered. */
  readonly requestsPerSecond: number;
  readonly openSeconds: number;
  /** Closed loop: each of so many clients sends its next request when the last is answered. */
  readonly connections: number;
  readonly closedSeconds: number;
  /** Before each of the two, not measured. */
  readonly warmUpSeconds: number;
}

export interface Stretch {
  /** Of requests that arrived in the measured part of the open loop, and were answered. */
  readonly latenciesMs: readonly number[];
  /** Answered requests per second in the measured part of the closed loop; NaN where it has none. */
  readonly throughputPerSecond: number;
  /** All that were sent, warm-up included, and those of them that were not answered with 200. */
  readonly requests: number;
  readonly failed: number;
  /** Processor time during the measured part of the open loop: of all the application's processes, and of the receiver's. */
  readonly cpuMs: number;
  readonly receiverCpuMs: number;
  /** During the same time; spans where Sage received, messages where they were dropped. */
  readonly received: number;
}

/** A real application that stands twice side by side, without instrumentation and instrumented. One is driven at a time. */
export interface LiveApplication {
  /** `tracedBy` undefined: the one that is not instrumented, while the other takes no processor time. `broken`: a process has ended, or does not answer. */
  drive(tracedBy: TracedBy | undefined, options: StretchOptions): Promise<Outcome<Stretch, 'broken'>>;
  /** Ends all its processes. Idempotent. */
  close(): Promise<void>;
}

export interface LiveApplicationOptions {
  readonly seed: number;
  readonly nowMs: () => number;
}

/** Starts one on this machine. */
export type StartLiveApplication = (
  options: LiveApplicationOptions,
) => Promise<Outcome<LiveApplication, 'start'>>;
