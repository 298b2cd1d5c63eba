import type { Rng } from '@sage/core';
import { type FaultCase, type FaultKind, planFaults, type Topology } from '@sage/simulator';
import { DataError } from '../observed.js';

/**
 * Kinds of faults as the command line has them that somebody who finds the culprit can do something about, and what of each
 * is injected: programs beside a service, limits that became too tight, links that became slow or narrow. Of lost packets,
 * locks, pools and leaks no knob takes anything back, so that they would say nothing about who acts.
 */
export const TREATABLE_KINDS: readonly string[] = ['cpu', 'memory', 'disk', 'network', 'llc'];
const TREATABLE: readonly FaultKind[] = [
  'cpu',
  'disk',
  'network-delay',
  'llc',
  'memory',
  'network-bandwidth',
];
/** “Multiple randomly-selected microservices.” */
const SERVICES_HIT = 2;
/** Windows at either end of an episode in which nothing is wrong. */
const MARGIN_WINDOWS = 1;

export interface EpisodesOptions {
  readonly episodes: number;
  /** At a window's begin. */
  readonly startMs: number;
  readonly windowMs: number;
  /** Of each episode in the mean: time in which nothing is wrong, and time in which something is. */
  readonly calmWindows: number;
  readonly faultWindows: number;
  readonly rng: Rng;
}

/**
 * Episodes of one length, in each of which two services have a fault at a time, of kinds that take turns. It lasts from half
 * the mean to one and a half of it, and lies anywhere in the episode, so that nothing keeps step with windows or with what
 * operators do. Whether an objective breaks is up to the world. Throws a DataError where no service can have any.
 */
export function planEpisodes(topology: Topology, options: EpisodesOptions): readonly FaultCase[] {
  const { episodes, startMs, windowMs, calmWindows, faultWindows, rng } = options;
  const length = calmWindows + faultWindows;
  return Array.from({ length: episodes }, (_, index): FaultCase => {
    const first = (index * SERVICES_HIT) % TREATABLE.length;
    const lasts = faultWindows * (0.5 + rng.uniform());
    const begins = index * length + MARGIN_WINDOWS + (length - 2 * MARGIN_WINDOWS - lasts) * rng.uniform();
    try {
      const [planned] = planFaults(topology, {
        count: 1,
        kinds: [...TREATABLE.slice(first), ...TREATABLE.slice(0, first)],
        concurrent: SERVICES_HIT,
        startMs: Math.round(startMs + begins * windowMs),
        gapMs: 0,
        durationMs: Math.round(lasts * windowMs),
        rng,
      });
      return { ...(planned as FaultCase), id: `episode-${index + 1}` };
    } catch (error) {
      throw error instanceof RangeError ? new DataError(error.message) : error;
    }
  });
}
