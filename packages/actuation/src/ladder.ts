import type { Resource } from '@sage/core';
import { limitCoRunners } from './knobs/co-runners.js';
import { raiseCpuWeight, raiseFrequency, raiseOwnQuota, raiseQuota, widenCpuSet } from './knobs/cpu.js';
import { raiseDiskWeight, raiseLinkRates, restoreDelay } from './knobs/disk-and-network.js';
import { raiseMemoryBandwidth, raiseMemoryLimit, widenCache } from './knobs/memory.js';
import { enlargePools } from './knobs/pools.js';
import type { Rung } from './knobs/step.js';

/**
 * The rungs of each resource on its own node (reference, section 4): first what the target itself may have, then what
 * its neighbours take. A rung that has nothing to turn, or cannot help for what was measured, is passed over.
 *
 * Of the processor the quota comes twice: before the neighbours where it is seen to be what is short, and after them
 * where they may be what spends it. So does the frequency wait for them: a core that others keep busy runs fast already.
 */
const LADDERS: Readonly<Record<Resource, readonly Rung[]>> = {
  cpu: [raiseOwnQuota, widenCpuSet, raiseCpuWeight, limitCoRunners('cpu'), raiseQuota, raiseFrequency],
  memory: [raiseMemoryLimit, raiseMemoryBandwidth, limitCoRunners('memory-bandwidth')],
  llc: [
    widenCache,
    limitCoRunners('llc'),
    raiseMemoryBandwidth,
    limitCoRunners('memory-bandwidth'),
    // Who is kept off the processor fills no cache either.
    limitCoRunners('cpu'),
  ],
  disk: [limitCoRunners('disk'), raiseDiskWeight],
  network: [restoreDelay, raiseLinkRates, limitCoRunners('network')],
  software: [enlargePools],
};

/** A fault of code is in every replica: more of them would be as bad. */
export const SCALES_OUT: Readonly<Record<Resource, boolean>> = {
  cpu: true,
  memory: true,
  llc: true,
  disk: true,
  network: true,
  software: false,
};

export function ladder(resource: Resource): readonly Rung[] {
  return LADDERS[resource];
}
