import type { Abduction, CausalModel, Intervention } from '@sage/causal-graph';
import {
  type Culprit,
  FEATURES,
  type FeatureName,
  type Objective,
  objectiveNode,
  type Resource,
  type Rng,
} from '@sage/core';
import { resourceEvidence } from './evidence.js';
import { culpritsFinding, type Finding } from './finding.js';
import type { GraphView } from './graph-view.js';
import type { Inquiry } from './inquiry.js';
import type { NormalReference } from './normal-reference.js';
import { findVictims } from './victims.js';

/** Restored when the predicted percentile is below this part of the threshold. */
const MARGIN = 0.8;
/** The published groups; `software` is the latent. */
const GROUPS: readonly Resource[] = ['cpu', 'memory', 'disk', 'network', 'llc', 'software'];

interface FaithfulCulprit {
  readonly service: string;
  readonly resource: Resource;
  /** 0 or 1: one world is drawn. */
  readonly probability: number;
  readonly share: number;
  readonly effectMs: number;
}

/** What the published search comes to, with the measurements that speak for it beside. */
export function searchFaithfully(inquiry: Inquiry): Finding {
  const { model, objective, reference, scene, settings, window } = inquiry;
  const { view, abduction, signsOf, facts } = scene;
  const found = faithfulSearch(view, model, { ...settings, objective, abduction, reference });
  const culprits = found.culprits.map(
    (culprit): Culprit => ({
      ...culprit,
      evidence: resourceEvidence(signsOf(culprit.service), culprit.resource, facts.responsibility),
    }),
  );
  if (found.restored && culprits.length > 0) {
    const holds = Math.min(...culprits.map(({ probability }) => probability));
    return culpritsFinding({ ...inquiry, lasts: 1 }, { culprits, holds });
  }
  const chosen = culprits.map(({ service }) => service);
  const victims = findVictims(view, window, { reference, culprits: chosen });
  return { verdict: 'undetermined', reason: 'No three services restore it.', victims };
}

/**
 * The published search, kept for comparison: greedy over all services, each time the one whose restoration lowers the
 * percentile most, until below 0.8 × threshold or three are chosen; then per service the resource whose restoration
 * lowers it most. One world per candidate, no evidence, no probabilities.
 */
function faithfulSearch(
  view: GraphView,
  model: CausalModel,
  options: {
    readonly objective: Objective;
    readonly abduction: Abduction;
    readonly reference: NormalReference;
    readonly rng: Rng;
    readonly maxCulprits: number;
  },
): { readonly culprits: readonly FaithfulCulprit[]; readonly restored: boolean } {
  const { objective, reference } = options;
  const limit = MARGIN * objective.thresholdMs;
  const predict = (parts: readonly Part[]): number => {
    const intervention = normalise(parts, view, reference);
    const worlds = { samples: 1, rng: options.rng.fork('faithful') };
    const draws = model.predict(options.abduction, intervention, worlds);
    return draws.draws(objectiveNode(objective), objective.percentile)[0] ?? Number.POSITIVE_INFINITY;
  };
  const before = predict([]);

  const chosen: string[] = [];
  let now = before;
  while (now >= limit && chosen.length < options.maxCulprits) {
    const open = view.services.filter((service) => !chosen.includes(service));
    const next = lowest(open, (service) => predict([...chosen, service].map((s) => ({ service: s }))));
    if (next === undefined || next.ms >= now) break;
    chosen.push(next.item);
    now = next.ms;
  }

  const worth = chosen.map((service) => Math.max(0, before - predict([{ service }])));
  const excess = Math.max(
    before - now,
    worth.reduce((sum, ms) => sum + ms, 0),
  );
  const culprits = chosen.map((service, index): FaithfulCulprit => {
    const others = chosen.filter((other) => other !== service).map((other) => ({ service: other }));
    const best = lowest(GROUPS, (resource) => predict([...others, { service, resource }]));
    const effectMs = worth[index] as number;
    return {
      service,
      resource: best?.item ?? 'software',
      probability: best !== undefined && best.ms < limit ? 1 : 0,
      share: excess > 0 ? effectMs / excess : 0,
      effectMs,
    };
  });
  return { culprits, restored: now < limit };
}

interface Part {
  readonly service: string;
  readonly resource?: Resource;
}

/** Every node that a restored service owns loses its unexplained part, whoever else owns it. */
function normalise(parts: readonly Part[], view: GraphView, reference: NormalReference): Intervention {
  const metrics = new Map<string, Map<FeatureName, number>>();
  const exogenous = new Map<string, number>();
  for (const { service, resource } of parts) {
    const normal = [...reference.features(service)].filter(
      ([feature]) => resource === undefined || FEATURES[feature].resource === resource,
    );
    metrics.set(service, new Map(normal.map(([feature, { center }]) => [feature, center])));
    if (resource !== undefined && resource !== 'software') continue;
    for (const node of view.owned.get(service) ?? []) exogenous.set(node.id, 0);
  }
  return { metrics, exogenous, load: new Map() };
}

function lowest<T>(items: readonly T[], predict: (item: T) => number): { item: T; ms: number } | undefined {
  let best: { item: T; ms: number } | undefined;
  for (const item of items) {
    const ms = predict(item);
    if (best === undefined || ms < best.ms) best = { item, ms };
  }
  return best;
}
