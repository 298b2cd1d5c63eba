import type { TargetState } from '@sage/core';
import { doubled, type Need, number, type Rung, roundUp, weightFor } from './step.js';

/** Throttling below this is noise (the resolution of `cpu_throttled_ratio`). */
const THROTTLED = 0.02;
/** As if the quota kept it off for all but this part of the time: beyond it the formula says nothing. */
const MOST_THROTTLED = 0.95;
/** From this part of its quota on a target itself spends it, and not others that share its group. */
const SPENDS_ITSELF = 0.8;

/**
 * Cores at which `enough` of the throttling is gone. Who runs at rate r and is held off for the part τ of the time uses
 * q = r·(1 − τ); for τ' = (1 − e)·τ the quota is q' = q·(1 − (1 − e)·τ)/(1 − τ). Where throttling is not measured, twice
 * the quota; and at least that where the formula was believed once and it is short again: what is queued up is not in τ.
 */
function neededQuota(
  current: number,
  throttledRatio: number | undefined,
  { enough, again }: Pick<Need, 'enough' | 'again'>,
): number {
  if (throttledRatio === undefined) return doubled(current);
  const throttled = Math.min(MOST_THROTTLED, throttledRatio);
  const needed = (current * (1 - (1 - enough) * throttled)) / (1 - throttled);
  return again ? Math.max(needed, doubled(current)) : needed;
}

/** Whether the quota is what it waits for; undefined where that is not measured. */
function isThrottled({ cpuThrottledRatio }: TargetState): boolean | undefined {
  return cpuThrottledRatio === undefined ? undefined : cpuThrottledRatio >= THROTTLED;
}

/** A quota of undefined is unlimited: nothing to raise. */
export const raiseQuota: Rung = (state, need) => {
  const { target, cpuQuotaCores, cpuThrottledRatio } = state;
  const current = cpuQuotaCores?.current;
  if (cpuQuotaCores === undefined || current === undefined || current >= cpuQuotaCores.max) return [];
  if (isThrottled(state) === false) return [];
  const cores = Math.min(cpuQuotaCores.max, roundUp(neededQuota(current, cpuThrottledRatio, need)));
  const throttled =
    cpuThrottledRatio === undefined ? '' : `, throttled ${number(100 * cpuThrottledRatio)} % of the time`;
  const reason = `${target} has a quota of ${number(current)} cores${throttled}`;
  return [{ action: { kind: 'cpu-quota', target, cores }, reason, restores: 'enough' }];
};

/**
 * The quota before the neighbours: where the target is seen to spend it itself, and its maximum suffices. Others in its
 * group would spend whatever it is raised to.
 */
export const raiseOwnQuota: Rung = (state, need) => {
  const { cpuQuotaCores, cpuUsedCores, cpuThrottledRatio } = state;
  const current = cpuQuotaCores?.current;
  if (cpuQuotaCores === undefined || current === undefined || isThrottled(state) !== true) return [];
  if (cpuUsedCores === undefined || cpuUsedCores < SPENDS_ITSELF * current) return [];
  const { enough } = need;
  return neededQuota(current, cpuThrottledRatio, { enough, again: false }) > cpuQuotaCores.max
    ? []
    : raiseQuota(state, need);
};

/**
 * More processors to choose from, of those it may have. Waiting falls at least as fast as the load of each, so `enough` of it
 * is gone with n/(1 − e) of them; never more than twice as many at once.
 */
export const widenCpuSet: Rung = (state, { enough }) => {
  const { target, cpuSet } = state;
  if (cpuSet === undefined || isThrottled(state) === true) return [];
  const spare = cpuSet.allowed.filter((cpu) => !cpuSet.current.includes(cpu));
  const count = cpuSet.current.length;
  const more = weightFor(count, doubled(count), enough) - count;
  if (spare.length === 0 || more <= 0) return [];
  const cpus = [...cpuSet.current, ...spare.slice(0, more)].sort((a, b) => a - b);
  const reason = `${target} may run on ${cpuSet.current.length} of ${cpuSet.allowed.length} processors`;
  return [{ action: { kind: 'cpu-set', target, cpus }, reason, restores: 'enough' }];
};

/** A weight decides between those that compete, so it is nothing to whom the quota holds back. */
export const raiseCpuWeight: Rung = (state, { enough }) => {
  const { target, cpuWeight } = state;
  if (cpuWeight === undefined || cpuWeight.current >= cpuWeight.max || isThrottled(state) === true) return [];
  const weight = weightFor(cpuWeight.current, cpuWeight.max, enough);
  const reason = `${target} competes for the processor with a weight of ${cpuWeight.current}`;
  return [{ action: { kind: 'cpu-weight', target, weight }, reason, restores: 'enough' }];
};

/** Time falls as 1/f: `enough` of what the whole range saves is at 1/f' = (1 − e)/f_min + e/f_max. */
export const raiseFrequency: Rung = ({ target, cpuFrequencyKhz }, { enough }) => {
  if (cpuFrequencyKhz === undefined || cpuFrequencyKhz.currentMin >= cpuFrequencyKhz.max) return [];
  const { currentMin, max } = cpuFrequencyKhz;
  const minKhz = Math.min(max, Math.ceil(1 / ((1 - enough) / currentMin + enough / max)));
  const reason = `the cores of ${target} may clock down to ${number(currentMin / 1000)} MHz`;
  return [{ action: { kind: 'cpu-frequency', target, minKhz }, reason, restores: 'enough' }];
};
