import { RESOURCES, type Resource } from '@sage/core';
import { type NodeAnomaly, type ServiceSigns, strength } from './anomaly.js';
import { isWaitMeasured } from './directness.js';
import { isPoolMeasured, waitsForConnection } from './pool-wait.js';

/** A slow way speaks for what might make it slow at half the strength of something that was measured. */
const UNMEASURED_PART = 0.5;
/** Strength of what is out of the ordinary. */
const ODD = strength(6);

/** How slow the way to a callee is, in strengths, for nothing that the callee is measured to suffer. */
export interface SlowCallee {
  readonly strength: number;
  readonly isLossy: boolean;
}

/**
 * How far a caller explains a slow way to a callee by what nobody measures: what several of its callees have in common is
 * that caller, and each of them would have to be at fault by itself. That is its waits for connections, where those are
 * not measured; a pool leads to one callee, so that ways that are as fast as ever say nothing against it. And where all
 * of them lose packets it is its link, which probes seldom find out. With k others: ½·strength·min(1, k)·(k + ½)/(k + 1).
 */
export function commonCauseClaim(
  signs: ServiceSigns,
  shared: NodeAnomaly,
  callees: ReadonlyMap<string, SlowCallee>,
): number {
  const own = strength(shared.z);
  if (own <= 0 || !waitsForConnection(signs.service, shared.node)) return 0;
  const isMeasured = isPoolMeasured(signs);
  const alike = [...callees].filter(
    ([callee, { isLossy }]) =>
      callee !== shared.node.rpc.callee && (!isMeasured || (shared.isLossy && isLossy)),
  );
  const k = alike.reduce((sum, [, other]) => sum + Math.min(1, Math.max(0, other.strength) / ODD), 0);
  return (UNMEASURED_PART * own * Math.min(1, k) * (k + 0.5)) / (k + 1);
}

/** Locks are never measured, and losses seldom met by probes. */
const NEVER_CLEARED: readonly Resource[] = ['software', 'network'];

/**
 * The least part of a call of one span that is its caller's: where neither suffers anything that is measured, and the
 * caller's waits for connections are not measured, they are as likely as each want of its callee that nothing clears it of.
 */
export function unseenPoolPart(caller: ServiceSigns, callee: ServiceSigns, { node }: NodeAnomaly): number {
  if (node.kind !== 'client' || isPoolMeasured(caller)) return 0;
  const wants = RESOURCES.filter((want) => NEVER_CLEARED.includes(want) || !isWaitMeasured(callee, want));
  return 1 / (1 + wants.length);
}
