import { success } from '@sage/core';
import type { LiveApplication, StartLiveApplication, TracedBy } from '../src/experiments/live-application.js';

/** What is to be known of one stretch. */
export interface Pace {
  readonly latencyMs: number;
  readonly throughputPerSecond: number;
  readonly cpuMsPerRequest: number;
}

const ANSWERED = 100;

/** Stands in for the live application: answers as `paceOf` says, and remembers how it was driven. */
export function pacedApplication(paceOf: (tracedBy: TracedBy | undefined, stretch: number) => Pace) {
  const driven: (TracedBy | undefined)[] = [];
  const seeds: number[] = [];
  let closed = 0;
  const application: LiveApplication = {
    drive: async (tracedBy, { seed }) => {
      const pace = paceOf(tracedBy, driven.length);
      driven.push(tracedBy);
      seeds.push(seed);
      return success({
        latenciesMs: Array.from({ length: ANSWERED }, () => pace.latencyMs),
        throughputPerSecond: pace.throughputPerSecond,
        requests: 2 * ANSWERED,
        failed: 0,
        cpuMs: pace.cpuMsPerRequest * ANSWERED,
        receiverCpuMs: tracedBy === undefined ? 0 : ANSWERED / 10,
        received: tracedBy === undefined ? 0 : ANSWERED,
      });
    },
    close: async () => {
      closed += 1;
    },
  };
  const start: StartLiveApplication = async () => success(application);
  return { start, driven, seeds, timesClosed: () => closed };
}
