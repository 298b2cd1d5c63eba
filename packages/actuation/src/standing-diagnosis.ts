import type { Diagnosis } from '@sage/core';

/**
 * Which diagnosis is acted on where what was done about the `former` was not enough. The objective is diagnosed anew, since
 * there may be more to blame by then, or others; but what helped in part leaves a slight violation, of which it is harder to
 * tell who causes it. A new one that says whom to help is acted on, and else the former goes on to stand.
 */
export function standingDiagnosis(former: Diagnosis, latest: Diagnosis | undefined): Diagnosis {
  return latest !== undefined && saysWhomToHelp(latest) ? latest : former;
}

function saysWhomToHelp({ verdict }: Diagnosis): boolean {
  return verdict === 'culprits' || verdict === 'workload';
}
