import type { Candidate, Culprit } from '@sage/core';
import { resourceEvidence } from './evidence.js';
import { resourceCandidate } from './finding.js';
import type { Inquiry } from './inquiry.js';
import { shares } from './level-one.js';
import { type RankedResource, rankResources } from './level-two.js';
import { badReplica } from './replica.js';

/** Level 2 of the search: which resource of each service that is to blame, the other culprits restored. */
export interface JudgedResources {
  /** Each with the resource that leads. */
  readonly culprits: readonly Culprit[];
  /** Every resource of each, and the objective had that alone been normal. */
  readonly candidates: readonly Candidate[];
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
  const culprits = rankings.flatMap(({ service, ranking: [best] }, index) =>
    best === undefined ? [] : [culpritOf(inquiry, { service, best, share: parts[index] ?? 0 })],
  );
  const candidates = rankings.flatMap(({ service, ranking }) =>
    ranking.map((entry) => {
      const alone = ask([{ service, resource: entry.resource }]);
      return resourceCandidate(inquiry, service, { ...entry, ...alone });
    }),
  );
  return { culprits, candidates };
}

function culpritOf(
  { ask, scene, reference, window, objective, observedMs }: Inquiry,
  {
    service,
    best: { resource, probability },
    share,
  }: { readonly service: string; readonly best: RankedResource; readonly share: number },
): Culprit {
  const effectMs = Math.max(0, observedMs - ask([{ service, resource }]).medianMs);
  const bad = badReplica(
    { service, resource },
    { window, normal: reference.windows, percentile: objective.percentile },
  );
  const measurements = resourceEvidence(scene.signsOf(service), resource, scene.facts.responsibility);
  const evidence = [...measurements, ...(bad?.evidence ?? [])];
  const replica = bad === undefined ? {} : { replica: bad.replica };
  return { service, resource, ...replica, probability, share, effectMs, evidence };
}
