import { median } from '@sage/core';
import { bootstrapInterval } from './bootstrap.js';
import type { TracedBy } from './live-application.js';
import type { Drive } from './overhead-rounds.js';

/** How much a figure is changed by tracing: 0.026 is 2.6 % more. */
export interface Change {
  readonly value: number;
  /** 95 %, by resampling the rounds. */
  readonly interval: readonly [low: number, high: number];
}

export type Figure = 'p50Ms' | 'p99Ms' | 'throughputPerSecond' | 'cpuMsPerRequest';

/** A condition beside the one without instrumentation. */
export interface Overhead {
  readonly tracedBy: TracedBy;
  readonly changes: Readonly<Record<Figure, Change>>;
}

const FIGURES: readonly Figure[] = ['p50Ms', 'p99Ms', 'throughputPerSecond', 'cpuMsPerRequest'];

/**
 * Of each condition, in the order given, the median over rounds of the ratio to what the same round gave without
 * instrumentation, less 1, with the percentile interval of the bootstrap over rounds (Efron 1979).
 */
export function overheadsOf(
  drives: readonly Drive[],
  conditions: readonly TracedBy[],
  seed: number,
): readonly Overhead[] {
  const plain = new Map(drivesOf(drives, null).map((drive) => [drive.round, drive]));
  return conditions.flatMap((tracedBy): Overhead[] => {
    const pairs = drivesOf(drives, tracedBy).flatMap((drive) => {
      const beside = plain.get(drive.round);
      return beside === undefined ? [] : [{ drive, beside }];
    });
    if (pairs.length === 0) return [];
    const changes = FIGURES.map((figure) => {
      const changesByRound = pairs.map(({ drive, beside }) => drive[figure] / beside[figure] - 1);
      return [figure, changeOf(changesByRound, seed)] as const;
    });
    return [{ tracedBy, changes: Object.fromEntries(changes) as Record<Figure, Change> }];
  });
}

/** Those of one condition, in the order of rounds; null: without instrumentation. */
export function drivesOf(drives: readonly Drive[], tracedBy: TracedBy | null): readonly Drive[] {
  return drives.filter(
    (drive) =>
      drive.tracedBy?.sampling === tracedBy?.sampling && drive.tracedBy?.receiver === tracedBy?.receiver,
  );
}

function changeOf(changesByRound: readonly number[], seed: number): Change {
  return { value: median(changesByRound), interval: bootstrapInterval(changesByRound, median, seed) };
}
