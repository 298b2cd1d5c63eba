import type { Intervention } from '@sage/causal-graph';
import { FEATURES, type FeatureName, type LatencyNodeId, type Resource, type Window } from '@sage/core';
import type { Attribution } from './attribution.js';
import { type ExcusedWait, type NodeDraws, withExcusedWaits } from './excused-waits.js';
import type { GraphView } from './graph-view.js';
import type { NormalReference } from './normal-reference.js';
import type { Responsibility } from './responsibility.js';
import { wholeCallsOf } from './whole-calls.js';

/** A service, or one resource of it, that shall behave normally. */
export interface Restoration {
  readonly service: string;
  /** undefined: all of the service. */
  readonly resource?: Resource | undefined;
}

/** What an intervention is put together from. */
export interface RestorationFacts {
  readonly view: GraphView;
  readonly window: Window;
  readonly reference: NormalReference;
  readonly responsibility: Responsibility;
  readonly attribution: (service: string) => Attribution;
  readonly excusedWaits: readonly ExcusedWait[];
}

/**
 * do(these behave normally): their metrics take their normal values, and what is unexplained of each latency node they
 * own stays as likely as it is not theirs, `keep = 1 − Σ responsibility · ρ`, with ρ = 1 for whole services. What others
 * wait for connections that these keep goes with it, as far as `draws` tell that they keep fewer.
 */
export function restore(
  parts: readonly Restoration[],
  facts: RestorationFacts,
  draws: NodeDraws,
): Intervention {
  const metrics = new Map<string, Map<FeatureName, number>>();
  const blamed = new Map<LatencyNodeId, number>();
  for (const { service, resource } of parts) {
    const rho = resource === undefined ? 1 : (facts.attribution(service).get(resource) ?? 0);
    metrics.set(service, normalMetrics(service, facts, { resource, rho }));
    const { owned, hiddenWays } = facts.view;
    const hidden = (hiddenWays.get(service) ?? []).map((way) => way.node);
    const calls = wholeCallsOf(service, facts.view);
    for (const node of new Set([...(owned.get(service) ?? []), ...hidden, ...calls])) {
      const part = rho * facts.responsibility(service, node.id);
      if (part > 0) blamed.set(node.id, (blamed.get(node.id) ?? 0) + part);
    }
  }
  const exogenous = new Map([...blamed].map(([id, part]) => [id, Math.max(0, 1 - part)]));
  return withExcusedWaits({ metrics, exogenous, load: new Map() }, facts.excusedWaits, draws);
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
