import { type Culprit, FEATURES } from '@sage/core';
import { type FeatureAnomaly, NOTED_Z } from './anomaly.js';
import { blamelessFinding, type Finding } from './finding.js';
import type { Inquiry } from './inquiry.js';
import { commonWantText } from './reason.js';

/**
 * Whether a culprit wants its resource no more than most services do, beside what each of them usually wants: then it
 * is no more to blame than the others. Who uses more of it than they do may be why there is too little; whose latency
 * alone is odd, or a single replica's, shares no want.
 */
export function isCommonWant(inquiry: Inquiry, culprit: Culprit): boolean {
  const noted = notedReadings(inquiry, culprit);
  return (
    culprit.replica === undefined &&
    noted.some(({ feature }) => FEATURES[feature].role === 'contention') &&
    noted.every(({ ownZ }) => ownZ < NOTED_Z)
  );
}

/** Those who would be blamed want what all want: the cause is beyond any of them. */
export function commonWantFinding(
  inquiry: Inquiry,
  culprits: readonly Culprit[],
  found: Pick<Finding, 'services' | 'resources'>,
): Finding {
  return blamelessFinding(inquiry, { verdict: 'undetermined', reason: commonWantText(culprits), ...found });
}

/** What is out of the ordinary of the resource that a culprit is blamed for. */
function notedReadings({ scene }: Inquiry, { service, resource }: Culprit): readonly FeatureAnomaly[] {
  return scene
    .signsOf(service)
    .features.filter(({ feature, z }) => FEATURES[feature].resource === resource && z >= NOTED_Z);
}
