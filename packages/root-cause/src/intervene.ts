import type { Intervention } from '@sage/causal-graph';
import { FEATURES, type FeatureName, type LatencyNodeId, type Resource, type Window } from '@sage/core';
import type { Attribution } from './attribution.js';
import type { GraphView } from './graph-view.js';
import type { NormalReference } from './normal-reference.js';
import type { Responsibility } from './responsibility.js';

/** A service, or one resource of it, that shall behave normally. */
export interface Restoration {
  readonly service: string;
  /** undefined: all of the service. */
  readonly resource?: Resource;
}

/** What an intervention is put together from. */
export interface RestorationFacts {
  readonly view: GraphView;
  readonly window: Window;
  readonly reference: NormalReference;
  readonly responsibility: Responsibility;
  readonly attribution: (service: string) => Attribution;
}

/** A resource that explains more than this of a service's trouble takes its latent along. */
const LATENT_FROM = 0.5;

/** From this part on a node counts as all of whoever is most likely to have made it slow. */
const MOSTLY_FROM = 0.7;

function mostly(part: number): number {
  return part >= MOSTLY_FROM ? 1 : part;
}

/**
 * do(these behave normally): their metrics take their normal values, their latents a normal draw, and of the
 * unexplained part of each latency node they own stays what they are not responsible for,
 * `keep = 1 − Σ responsibility · ρ`, with ρ = 1 for whole services. Who is mostly responsible is so for all of it: a
 * remainder of a latency ten times the objective would still break it.
 */
export function restore(parts: readonly Restoration[], facts: RestorationFacts): Intervention {
  const metrics = new Map<string, Map<FeatureName, number>>();
  const latents = new Set<string>();
  const blamed = new Map<LatencyNodeId, number>();
  for (const { service, resource } of parts) {
    const rho = resource === undefined ? 1 : (facts.attribution(service).get(resource) ?? 0);
    metrics.set(service, normalMetrics(service, facts, { resource, rho }));
    if (rho > LATENT_FROM) latents.add(service);
    const { owned, hiddenWays } = facts.view;
    const hidden = (hiddenWays.get(service) ?? []).map((way) => way.node);
    for (const node of new Set([...(owned.get(service) ?? []), ...hidden])) {
      const part = rho * mostly(facts.responsibility(service, node.id));
      if (part > 0) blamed.set(node.id, (blamed.get(node.id) ?? 0) + part);
    }
  }
  const exogenous = new Map([...blamed].map(([id, part]) => [id, Math.max(0, 1 - part)]));
  return { metrics, latents, exogenous, load: new Map() };
}

/**
 * Normal values of a service's metrics. With a resource named, its contention features become normal; all the others
 * may be symptoms of it and follow by the part ρ that it explains: observed + ρ·(normal − observed).
 */
function normalMetrics(
  service: string,
  { window, reference }: RestorationFacts,
  { resource, rho }: { readonly resource: Resource | undefined; readonly rho: number },
): Map<FeatureName, number> {
  const observed = window.metrics.get(service);
  const normal = reference.features(service);
  return new Map(
    [...normal].map(([feature, { center }]) => {
      const reading = observed?.get(feature) ?? center;
      const own = FEATURES[feature].resource === resource && FEATURES[feature].role === 'contention';
      return [feature, own ? center : reading + rho * (center - reading)];
    }),
  );
}
