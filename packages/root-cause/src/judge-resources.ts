import { type Candidate, type Culprit, FEATURES, type Resource } from '@sage/core';
import type { ServiceSigns } from './anomaly.js';
import { hasUsedUp } from './directness.js';
import { resourceEvidence } from './evidence.js';
import { resourceCandidate } from './finding.js';
import type { Inquiry } from './inquiry.js';
import { LESSER } from './judge-services.js';
import { shares } from './level-one.js';
import { type RankedResource, rankResources } from './level-two.js';
import { badReplica } from './replica.js';

/** Level 2 of the search: which resource of each service that is to blame, the other culprits restored. */
export interface JudgedResources {
  /** Each with the resource that leads. */
  readonly culprits: readonly Culprit[];
  /** Every resource of each, and the objective had that alone been normal. */
  readonly candidates: readonly Candidate[];
  /** P(objective holds | do(the resource of one, and the others in whole, normal)), the least of them. */
  readonly holds: number;
}

export function judgeResources(inquiry: Inquiry, blamed: readonly string[]): JudgedResources {
  const { ask, scene, excessMs } = inquiry;
  const rankings = blamed.map((service) => {
    const others = blamed.filter((other) => other !== service);
    const attribution = scene.facts.attribution(service);
    return { service, ranking: rankResources(service, ask, { others, attribution }) };
  });
  const parts = shares(
    blamed.map((service) => ({ service })),
    ask,
    excessMs,
  );
  const leading = parts.indexOf(Math.max(...parts));
  const culprits = rankings.flatMap(({ service, ranking: [best] }, index) => {
    if (best === undefined) return [];
    const share = parts[index] ?? 0;
    return [culpritOf(inquiry, { service, best, share, isLeading: index === leading })];
  });
  const candidates = rankings.flatMap(({ service, ranking }) =>
    ranking.map((entry) => {
      const alone = ask([{ service, resource: entry.resource }]);
      return resourceCandidate(inquiry, service, { ...entry, ...alone });
    }),
  );
  const holds = Math.min(...rankings.map(({ ranking: [best] }) => best?.probability ?? 1));
  return { culprits, candidates, holds };
}

/** What may as well be an error of the model is as likely as not. */
const EVEN_CHANCE = 0.5;

/**
 * How far to believe that a service has a part of its own in it. Trouble takes the model out of what it has learnt, and
 * what it then gets wrong shows as latency that is unexplained, of whoever calls the leading culprit or looks like it:
 * beside that one, such latency alone is even evidence, and only a wait that was measured of the very resource is sure.
 */
function beliefBeside(signs: ServiceSigns, resource: Resource, threshold: number): number {
  const hasWaited = signs.features.some(
    ({ feature, ownZ }) =>
      FEATURES[feature].resource === resource &&
      FEATURES[feature].role === 'contention' &&
      ownZ >= LESSER * threshold,
  );
  return hasWaited || hasUsedUp(signs) ? 1 : EVEN_CHANCE;
}

function culpritOf(
  { ask, scene, reference, window, objective, observedMs, lasts, settings }: Inquiry,
  {
    service,
    best: { resource, probability: holds },
    share,
    isLeading,
  }: {
    readonly service: string;
    readonly best: RankedResource;
    readonly share: number;
    readonly isLeading: boolean;
  },
): Culprit {
  const signs = scene.signsOf(service);
  const belief = isLeading ? 1 : beliefBeside(signs, resource, settings.anomalyThreshold);
  const probability = holds * lasts * belief;
  const effectMs = Math.max(0, observedMs - ask([{ service, resource }]).medianMs);
  const bad = badReplica(
    { service, resource },
    { window, normal: reference.windows, percentile: objective.percentile },
  );
  const measurements = resourceEvidence(signs, resource, scene.facts.responsibility);
  const evidence = [...measurements, ...(bad?.evidence ?? [])];
  const replica = bad === undefined ? {} : { replica: bad.replica };
  return { service, resource, ...replica, probability, share, effectMs, evidence };
}
