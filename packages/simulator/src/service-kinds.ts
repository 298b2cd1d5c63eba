import type { ServiceKind, TopologyService } from './topology.js';

type Usual = Pick<
  TopologyService,
  | 'cpuMs'
  | 'cpuVariation'
  | 'afterMs'
  | 'diskMs'
  | 'diskShare'
  | 'cores'
  | 'memoryMb'
  | 'memoryLimitMb'
  | 'llcMb'
  | 'llcPenalty'
>;

/**
 * What a service costs where its file does not say. Times are those of the 20 compose-post traces that DeathStarBench
 * ships (an idle system): medians of the time spans spend on themselves, by kind of service.
 */
const USUAL: Readonly<Record<ServiceKind, Usual>> = {
  web: usual({ cpuMs: 0.45, afterMs: 0.2, memoryMb: 180, llcMb: 3 }),
  logic: usual({ cpuMs: 0.19, afterMs: 0.1, memoryMb: 90, llcMb: 2 }),
  cache: usual({ cpuMs: 0.035, afterMs: 0.02, memoryMb: 400, llcMb: 4 }),
  db: usual({ cpuMs: 0.14, afterMs: 0.08, diskMs: 0.12, diskShare: 0.6, memoryMb: 900, llcMb: 5 }),
  queue: usual({ cpuMs: 0.06, diskMs: 0.1, diskShare: 0.3, memoryMb: 300, llcMb: 3 }),
  infra: usual({ cpuMs: 0.05 }),
};

export function usualService(kind: ServiceKind): Usual {
  return USUAL[kind];
}

function usual(own: Partial<Usual>): Usual {
  const memoryMb = own.memoryMb ?? 80;
  return {
    cpuMs: 0.1,
    cpuVariation: 1.9,
    afterMs: 0,
    diskMs: 0,
    diskShare: 0,
    cores: 2,
    memoryMb,
    memoryLimitMb: memoryMb * 2,
    llcMb: 2,
    llcPenalty: 8,
    ...own,
  };
}
