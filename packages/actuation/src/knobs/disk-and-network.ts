import type { Action } from '@sage/core';
import { number, type Rung, roundUp, weightFor } from './step.js';

export const raiseDiskWeight: Rung = ({ target, diskWeight }, { enough }) => {
  if (diskWeight === undefined || diskWeight.current >= diskWeight.max) return [];
  const weight = weightFor(diskWeight.current, diskWeight.max, enough);
  const reason = `${target} competes for its disk with a weight of ${diskWeight.current}`;
  return [{ action: { kind: 'disk-weight', target, weight }, reason, restores: 'enough' }];
};

/** A repair, which takes nothing from anybody: done in whole. */
export const restoreDelay: Rung = ({ target, linkDelayMs }) => {
  if (linkDelayMs === undefined || linkDelayMs.current <= linkDelayMs.nominal) return [];
  const { current, nominal } = linkDelayMs;
  const reason = `the link of ${target} delays by ${number(current)} ms, nominally ${number(nominal)} ms`;
  return [{ action: { kind: 'link-delay', target, delayMs: nominal }, reason, restores: 'all' }];
};

/** Of the rate between what a link has and all of it, the part `enough`; both ways, since nobody sees which is short. */
export const raiseLinkRates: Rung = ({ target, linkMbitPerSecond, linkIngressMbitPerSecond }, { enough }) =>
  (
    [
      ['of', linkMbitPerSecond, undefined],
      ['to', linkIngressMbitPerSecond, 'ingress'],
    ] as const
  ).flatMap(([way, reach, direction]) => {
    if (reach === undefined || reach.current >= reach.max) return [];
    const mbitPerSecond = roundUp(reach.current + enough * (reach.max - reach.current));
    const action: Action = {
      kind: 'link-rate',
      target,
      mbitPerSecond: Math.min(reach.max, mbitPerSecond),
      ...(direction === undefined ? {} : { direction }),
    };
    const reason = `the link ${way} ${target} is held to ${number(reach.current)} Mbit/s`;
    return [{ action, reason, restores: 'enough' as const }];
  });
