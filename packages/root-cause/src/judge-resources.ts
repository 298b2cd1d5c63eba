import type { Candidate, Culprit, Resource } from '@sage/core';
import { hasWaited } from './directness.js';
import { resourceEvidence } from './evidence.js';
import { resourceCandidate } from './finding.js';
import type { Inquiry } from './inquiry.js';
import { shares } from './level-one.js';
import { type RankedResource, rankResources } from './level-two.js';
import { badReplica } from './replica.js';
import { isSlowByItself } from './slow-by-itself.js';

/** Level 2 of the search: which resource of each service that is to blame, the other culprits restored. */
export interface JudgedResources {
  /** Each with the resource that leads. */
  readonly culprits: readonly Culprit[];
  /** Every resource of each, and the objective had that alone been normal. */
  readonly candidates: readonly Candidate[];
  /** P(objective holds | do(the resource of one, and the others in whole, normal)), the least of them. */
  readonly holds: number;
}

/**
 * Of those to blame who remain when whoever is doubtful is left out. Whether the doubtful have a part of their own is an even
 * chance; where they have none, what they seem to have goes with the others: so a probability is the mean of both.
 */
export function judgeResources(inquiry: Inquiry, blamed: readonly string[]): JudgedResources {
  const all = judge(inquiry, blamed);
  const doubtful = doubtfulOf(inquiry, all);
  if (doubtful.length === 0) return all;
  const rest = judge(
    inquiry,
    blamed.filter((service) => !doubtful.includes(service)),
  );
  const mean = (withAll: number, alone: number) => EVEN_CHANCE * withAll + (1 - EVEN_CHANCE) * alone;
  const withAll = (service: string) => all.culprits.find((culprit) => culprit.service === service);
  const culprits = rest.culprits.map((culprit) => {
    const { service, probability } = culprit;
    return { ...culprit, probability: mean(withAll(service)?.probability ?? probability, probability) };
  });
  return { ...rest, culprits, holds: mean(all.holds, rest.holds) };
}

/** What may as well be an error of the model is as likely as not. */
const EVEN_CHANCE = 0.5;

/**
 * Who may have no part of its own in it. Trouble takes the model out of what it has learnt, and what it then gets wrong
 * shows as latency that is unexplained, of whoever calls the leading culprit or looks like it: beside that one, such latency
 * alone is even evidence, and only a wait that was measured of the very resource is sure, and slowness where nothing took
 * the model out of what it knows. Of who is not measured there is no other.
 */
function doubtfulOf(inquiry: Inquiry, { culprits }: JudgedResources): readonly string[] {
  const leading = leadingOf(culprits);
  return culprits
    .filter((culprit) => culprit !== leading)
    .filter(({ service, resource }) => {
      const others = culprits.flatMap((other) => (other.service === service ? [] : other.service));
      return isMeasured(inquiry, service) && !isSure(inquiry, { service, resource, others });
    })
    .map(({ service }) => service);
}

function isMeasured({ scene }: Inquiry, service: string): boolean {
  return scene.signsOf(service).features.length > 0;
}

/**
 * Whether what speaks for a service beside others is no error of the model. Of who is not measured nobody knows for whom it
 * waits besides: as likely as not it is another name of somebody else.
 */
function isSure(
  inquiry: Inquiry,
  {
    service,
    resource,
    others,
  }: { readonly service: string; readonly resource: Resource; readonly others: readonly string[] },
): boolean {
  const { scene, settings, objective, reference, window } = inquiry;
  const { view, signsOf, facts } = scene;
  const { anomalyThreshold: threshold } = settings;
  const signs = signsOf(service);
  if (hasWaited(signs, resource, threshold)) return true;
  if (!isMeasured(inquiry, service)) return false;
  const { percentile } = objective;
  const { responsibility } = facts;
  return isSlowByItself(signs, others, { view, window, reference, percentile, responsibility, threshold });
}

function leadingOf(culprits: readonly Culprit[]): Culprit | undefined {
  return culprits.reduce<Culprit | undefined>(
    (most, culprit) => (most === undefined || culprit.share > most.share ? culprit : most),
    undefined,
  );
}

function judge(inquiry: Inquiry, blamed: readonly string[]): JudgedResources {
  const { ask, scene, excessMs } = inquiry;
  const rankings = blamed.map((service) => {
    const others = blamed.filter((other) => other !== service);
    const attribution = scene.facts.attribution(service);
    return { service, others, ranking: rankResources(service, ask, { others, attribution }) };
  });
  const parts = shares(
    blamed.map((service) => ({ service })),
    ask,
    excessMs,
  );
  const leading = parts.indexOf(Math.max(...parts));
  const culprits = rankings.flatMap(({ service, others, ranking: [best] }, index) => {
    if (best === undefined) return [];
    const share = parts[index] ?? 0;
    return [culpritOf(inquiry, { service, best, share, others, isLeading: index === leading })];
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

function culpritOf(
  inquiry: Inquiry,
  {
    service,
    best: { resource, probability: holds },
    share,
    others,
    isLeading,
  }: {
    readonly service: string;
    readonly best: RankedResource;
    readonly share: number;
    readonly others: readonly string[];
    readonly isLeading: boolean;
  },
): Culprit {
  const { ask, scene, reference, window, objective, observedMs, lasts } = inquiry;
  const signs = scene.signsOf(service);
  const believed = isLeading || isSure(inquiry, { service, resource, others }) ? 1 : EVEN_CHANCE;
  const probability = holds * lasts * believed;
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
