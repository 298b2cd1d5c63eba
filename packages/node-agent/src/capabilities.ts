import type { NodeAction, TargetState } from '@sage/core';
import type { TargetConfig } from './config.js';
import type { Site } from './drivers/site.js';
import { ACTION_KINDS, whyRefused } from './limits.js';
import { planAction } from './plan.js';

/** Whether an action can be asked for at a target, and if not, why. */
export interface Capability {
  readonly kind: NodeAction['kind'];
  readonly supported: boolean;
  readonly reason?: string;
}

export interface TargetCapabilities {
  readonly target: string;
  readonly capabilities: readonly Capability[];
}

/** Where a target's state has each knob; a list there is has something in it. */
const STATES: Readonly<Record<NodeAction['kind'], readonly (keyof TargetState)[]>> = {
  'cpu-quota': ['cpuQuotaCores'],
  'cpu-weight': ['cpuWeight'],
  'cpu-set': ['cpuSet'],
  'cpu-frequency': ['cpuFrequencyKhz'],
  'memory-limit': ['memoryLimitBytes'],
  'disk-weight': ['diskWeight'],
  'limit-corunner': [],
  'llc-ways': ['llcWays'],
  'memory-bandwidth': ['memoryBandwidth'],
  'link-rate': ['linkMbitPerSecond', 'linkIngressMbitPerSecond'],
  'link-delay': ['linkDelayMs'],
  'pool-size': ['pools'],
};

/** What a target's state has can be turned; of what it has not, planning the most harmless change tells why. */
export async function readCapabilities(
  site: Site,
  target: TargetConfig,
  state: TargetState,
): Promise<TargetCapabilities> {
  const capabilities = await Promise.all(
    ACTION_KINDS.map(async (kind): Promise<Capability> => {
      const reason = site.config.limits.actions.includes(kind)
        ? await whyUnsupported(site, target, state, kind)
        : whyRefused(site.config.limits, harmless(kind, target))?.message;
      return reason === undefined ? { kind, supported: true } : { kind, supported: false, reason };
    }),
  );
  return { target: target.name, capabilities };
}

async function whyUnsupported(
  site: Site,
  target: TargetConfig,
  state: TargetState,
  kind: NodeAction['kind'],
): Promise<string | undefined> {
  if (STATES[kind].some((key) => state[key] !== undefined)) return undefined;
  if (kind === 'limit-corunner') return whyNoneLimitable(site, state);
  const planned = await planAction(site, 'capabilities', harmless(kind, target), () => false);
  // A value out of range is refused by a driver that would take another.
  if (planned.ok || planned.reason === 'out-of-range') return undefined;
  return planned.message;
}

function whyNoneLimitable(site: Site, state: TargetState): string | undefined {
  if (site.config.coRunners.allow.length === 0) return 'co_runners.allow names nobody who may be limited';
  return state.limitable?.length === 0 ? 'no resource of this node can be limited for co-runners' : undefined;
}

/** Planned only, and never to be applied: values that every driver has in its range, where there are such. */
function harmless(kind: NodeAction['kind'], { name: target, maxCpuCores, link }: TargetConfig): NodeAction {
  switch (kind) {
    case 'cpu-quota':
      return { kind, target, cores: maxCpuCores };
    case 'cpu-weight':
    case 'disk-weight':
      return { kind, target, weight: 100 };
    case 'cpu-set':
      return { kind, target, cpus: [0] };
    case 'cpu-frequency':
      return { kind, target, minKhz: 1 };
    case 'memory-limit':
      return { kind, target, bytes: Number.MAX_SAFE_INTEGER };
    case 'limit-corunner':
      return { kind, target, pids: [] };
    case 'llc-ways':
      return { kind, target, ways: 1 };
    case 'memory-bandwidth':
      return { kind, target, value: 100 };
    case 'link-rate':
      return { kind, target, mbitPerSecond: link?.maxMbit ?? 1 };
    case 'link-delay':
      return { kind, target, delayMs: 0 };
    case 'pool-size':
      return { kind, target, pool: '', size: 1 };
  }
}
