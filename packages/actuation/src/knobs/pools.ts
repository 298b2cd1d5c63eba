import { doubled, type Need, number, type Rung } from './step.js';

/**
 * Every pool that requests wait for, the longest queue first. Where waiting was measured and none waits at this moment,
 * every pool that can grow; where it was not, pools are not what is wrong.
 *
 * By Little's law as many connections are wanted as are in use or waited for, s + p: `enough` of the queue is gone with
 * s + e·p. A queue is counted at one moment and seldom at its longest, so no step is shorter than s.
 */
export const enlargePools: Rung = ({ target, pools = [] }, need) => {
  const growing = pools.filter(({ size, max }) => size < max);
  const waiting = growing.filter(({ pending }) => pending > 0).sort((a, b) => b.pending - a.pending);
  const chosen = waiting.length > 0 || !waitMeasured(need) ? waiting : growing;
  return chosen.map(({ pool, size, pending, max }) => {
    const wanted = Math.max(size + need.enough * pending, doubled(size));
    const reason =
      pending > 0
        ? `${number(pending)} requests of ${target} wait for its pool ${pool} of ${size}`
        : `requests of ${target} have waited for connections, and its pool ${pool} of ${size} may grow`;
    return {
      action: { kind: 'pool-size', target, pool, size: Math.min(max, Math.ceil(wanted)) },
      reason,
      restores: 'enough' as const,
    };
  });
};

function waitMeasured({ evidence }: Need): boolean {
  return evidence.some(({ name }) => name.startsWith('software_pool_'));
}
