import { doubled, number, type Rung } from './step.js';

/** From this part of its limit on a target is pressed by it. */
const PRESSED = 0.8;

/**
 * How much more it would use cannot be seen while it is held down, and until all that it works on fits it may be as slow as
 * before: twice the limit, whatever part would be enough.
 */
export const raiseMemoryLimit: Rung = ({ target, memoryLimitBytes }) => {
  const { current, max = 0, used = 0 } = memoryLimitBytes ?? {};
  if (current === undefined || current >= max || used < PRESSED * current) return [];
  const bytes = Math.min(max, doubled(current));
  const reason = `${target} uses ${number((100 * used) / current)} % of its memory limit of ${number(current / 1e6)} MB`;
  return [{ action: { kind: 'memory-limit', target, bytes }, reason, restores: 'enough' }];
};

/** Of the bandwidth between what it has and all of it, the part `enough`. */
export const raiseMemoryBandwidth: Rung = ({ target, memoryBandwidth }, { enough }) => {
  if (memoryBandwidth === undefined || memoryBandwidth.current >= memoryBandwidth.max) return [];
  const { current, max, unit } = memoryBandwidth;
  const value = Math.ceil(current + enough * (max - current));
  const words = unit === 'percent' ? `${current} %` : `${number(current / 8)} GB/s`;
  const reason = `${target} is held to ${words} of memory bandwidth`;
  return [{ action: { kind: 'memory-bandwidth', target, value }, reason, restores: 'enough' }];
};

/** Misses fall about linearly with ways until the working set fits: of those it has not, the part `enough`. */
export const widenCache: Rung = ({ target, llcWays }, { enough }) => {
  if (llcWays === undefined || llcWays.current >= llcWays.max) return [];
  const { current, max } = llcWays;
  const ways = Math.ceil(current + enough * (max - current));
  const reason = `${target} has ${current} of ${max} ways of the last-level cache`;
  return [{ action: { kind: 'llc-ways', target, ways }, reason, restores: 'enough' }];
};
