import type { Diagnosis } from '@sage/core';

/**
 * Which diagnosis is acted on where what was done about the `former` was not enough. The objective is diagnosed anew, since
 * there may be more to blame by then, or others; but what helped in part leaves a slight violation, of which it is harder to
 * tell who causes it. A new one that says whom to help is acted on, and else the former goes on to stand. undefined, so that
 * another window is waited for, where somebody is named for the first time who is `flooded`: called by those that something
 * was turned for a moment ago, from where what was queued up drains.
 */
export function standingDiagnosis(
  former: Diagnosis,
  latest: Diagnosis,
  flooded: ReadonlySet<string>,
): Diagnosis | undefined {
  if (latest.verdict === 'workload') return latest;
  if (latest.verdict !== 'culprits') return former;
  const known = new Set(former.culprits.map(({ service }) => service));
  const isNew = latest.culprits.some(({ service }) => flooded.has(service) && !known.has(service));
  return isNew ? undefined : latest;
}
