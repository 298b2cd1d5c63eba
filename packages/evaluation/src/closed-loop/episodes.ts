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
/** Services that are hit at a time, in turn. */
const SERVICES_HIT: readonly number[] = [1, 2];

export interface EpisodesOptions {
  readonly episodes: number;
  /** At a window's begin. */
  readonly startMs: number;
  readonly windowMs: number;
  /** Of each episode: time in which nothing is wrong, half of it before the fault and half after it. */
  readonly calmWindows: number;
  readonly faultWindows: number;
  readonly rng: Rng;
}

/**
 * One or two services at a time have a fault, of kinds that take turns; each begins anywhere in a window. Whether an
 * objective breaks is up to the world. Throws a DataError where no service can have any.
 */
export function planEpisodes(topology: Topology, options: EpisodesOptions): readonly FaultCase[] {
  const { episodes, startMs, windowMs, calmWindows, faultWindows, rng } = options;
  let turn = 0;
  return Array.from({ length: episodes }, (_, index): FaultCase => {
    const services = SERVICES_HIT[index % SERVICES_HIT.length] as number;
    const first = turn % TREATABLE.length;
    turn += services;
    const windows = index * (calmWindows + faultWindows) + calmWindows / 2 + rng.uniform();
    try {
      const [planned] = planFaults(topology, {
        count: 1,
        kinds: [...TREATABLE.slice(first), ...TREATABLE.slice(0, first)],
        concurrent: services,
        startMs: Math.round(startMs + windows * windowMs),
        gapMs: 0,
        durationMs: faultWindows * windowMs,
        rng,
      });
      return { ...(planned as FaultCase), id: `episode-${index + 1}` };
    } catch (error) {
      throw error instanceof RangeError ? new DataError(error.message) : error;
    }
  });
}
