import type { Action, CoRunner, Culprit, Resource, TargetState } from '@sage/core';

/** One step of a ladder: the change it would make to a target now, and what for. Empty where it has nothing to turn. */
export type Rung = (state: TargetState) => readonly Step[];

export interface Step {
  readonly action: Action;
  readonly reason: string;
}

/** A neighbour whose processes together use less than this is not what the target waits for. */
const BUSY_CORES = 0.2;
const RAISE_FACTOR = 2;

const limitCoRunners: Rung = ({ target, coRunners = [] }) => {
  const coresOf = (processes: readonly CoRunner[]) =>
    processes.reduce((sum, { cpuCores }) => sum + cpuCores, 0);
  const names = [...new Set(coRunners.map(({ command }) => command))].filter(
    (name) => coresOf(coRunners.filter(({ command }) => command === name)) > BUSY_CORES,
  );
  const busy = coRunners.filter(({ command }) => names.includes(command));
  if (busy.length === 0) return [];
  const pids = busy.map(({ pid }) => pid).sort((a, b) => a - b);
  return [
    {
      action: { kind: 'limit-corunner', target, pids },
      reason: `${names.map(withoutFolders).join(', ')} takes ${number(coresOf(busy))} cores beside ${target}`,
    },
  ];
};

/** A quota of undefined is unlimited: nothing to raise. */
const raiseQuota: Rung = ({ target, cpuQuotaCores, cpuThrottledRatio = 0 }) => {
  const current = cpuQuotaCores?.current;
  if (cpuQuotaCores === undefined || current === undefined || current >= cpuQuotaCores.max) return [];
  const cores = Math.min(cpuQuotaCores.max, RAISE_FACTOR * current);
  const throttled =
    cpuThrottledRatio > 0 ? `, throttled ${number(100 * cpuThrottledRatio)} % of the time` : '';
  return [
    {
      action: { kind: 'cpu-quota', target, cores },
      reason: `${target} has a quota of ${number(current)} cores${throttled}`,
    },
  ];
};

const raiseFrequency: Rung = ({ target, cpuFrequencyKhz }) => {
  if (cpuFrequencyKhz === undefined || cpuFrequencyKhz.currentMin >= cpuFrequencyKhz.max) return [];
  return [
    {
      action: { kind: 'cpu-frequency', target, minKhz: cpuFrequencyKhz.max },
      reason: `the cores of ${target} may clock down to ${number(cpuFrequencyKhz.currentMin / 1000)} MHz`,
    },
  ];
};

const restoreDelay: Rung = ({ target, linkDelayMs }) => {
  if (linkDelayMs === undefined || linkDelayMs.current <= linkDelayMs.nominal) return [];
  return [
    {
      action: { kind: 'link-delay', target, delayMs: linkDelayMs.nominal },
      reason: `the link of ${target} delays by ${number(linkDelayMs.current)} ms, nominally ${number(linkDelayMs.nominal)} ms`,
    },
  ];
};

const raiseRate: Rung = ({ target, linkMbitPerSecond }) => {
  if (linkMbitPerSecond === undefined || linkMbitPerSecond.current >= linkMbitPerSecond.max) return [];
  return [
    {
      action: { kind: 'link-rate', target, mbitPerSecond: linkMbitPerSecond.max },
      reason: `the link of ${target} is held to ${number(linkMbitPerSecond.current)} Mbit/s`,
    },
  ];
};

const widenCache: Rung = ({ target, llcWays }) => {
  if (llcWays === undefined || llcWays.current >= llcWays.max) return [];
  return [
    {
      action: { kind: 'llc-ways', target, ways: Math.min(llcWays.max, RAISE_FACTOR * llcWays.current) },
      reason: `${target} has ${llcWays.current} of ${llcWays.max} ways of the last-level cache`,
    },
  ];
};

/**
 * Every pool that requests wait for, the longest queue first. Where waiting was measured and none waits at this moment,
 * every pool that can grow; where it was not, pools are not what is wrong.
 */
const enlargePools =
  (waitingMeasured: boolean): Rung =>
  ({ target, pools = [] }) => {
    const growing = pools.filter(({ size, max }) => size < max);
    const waiting = growing.filter(({ pending }) => pending > 0).sort((a, b) => b.pending - a.pending);
    return (waiting.length > 0 || !waitingMeasured ? waiting : growing).map(
      ({ pool, size, pending, max }) => ({
        action: { kind: 'pool-size', target, pool, size: Math.min(max, Math.max(1, RAISE_FACTOR * size)) },
        reason:
          pending > 0
            ? `${number(pending)} requests of ${target} wait for its pool ${pool} of ${size}`
            : `requests of ${target} have waited for connections, and its pool ${pool} of ${size} may grow`,
      }),
    );
  };

/**
 * The ladder of a culprit's resource, likeliest rung first (reference, section 4). Busy neighbours go before a quota: they
 * spend whatever it is raised to. No agent turns a knob of memory or disks: people do.
 */
export function ladder(culprit: Pick<Culprit, 'resource' | 'evidence'>): readonly Rung[] {
  const poolWait = culprit.evidence.some(({ name }) => name.startsWith('software_pool_'));
  const ladders: Readonly<Record<Resource, readonly Rung[]>> = {
    cpu: [limitCoRunners, raiseQuota, raiseFrequency],
    network: [restoreDelay, raiseRate],
    llc: [widenCache, limitCoRunners],
    software: [enlargePools(poolWait)],
    memory: [],
    disk: [],
  };
  return ladders[culprit.resource];
}

/** `/usr/bin/node /srv/copy.js --all` as people would say it: `node copy.js --all`. */
function withoutFolders(command: string): string {
  return command.replace(/\S*\/(?=[^\s/])/g, '');
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}
