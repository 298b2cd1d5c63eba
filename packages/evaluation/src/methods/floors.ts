import { FEATURES, quantileOfSorted, type Resource, type Rng, robustScaleOfSorted } from '@sage/core';
import type { Answer, Method, Observed, Ranked } from '../observed.js';
import { candidates } from './candidates.js';
import { type Column, latencyOf, metricOf, type Scale, standardiser } from './columns.js';
import { References } from './references.js';

/** Keeps a quotient finite. */
const TINY = 1e-6;
/** z from which a service counts as anomalous: three sigma. */
const ANOMALOUS = 3;

/** How odd one column of a service is. */
interface Score {
  readonly resource: Resource | null;
  readonly z: number;
}

/** Any service, any order. */
export const randomMethod: Method = {
  name: 'random',
  answer: (observed) =>
    toAnswer(
      candidates(observed).map((service) => ({ service, resource: null, z: observed.rng.uniform() })),
      observed.rng,
    ),
};

/** The service with the largest robust z of any of its columns: (x − median) / (0.7413 · IQR), no less than what is measured resolves. */
export const robustZMethod: Method = oddestMethod('robust-z', robustScaleOfSorted);

/**
 * BARO's scorer (Pham et al., FSE 2024): the largest (x − median) / IQR. Its change point detection is given the true
 * moment here, since every method is asked about the same window. A column without spread keeps its unit, as in the scaler
 * that BARO uses.
 */
export const baroMethod: Method = oddestMethod('baro', (sorted) => {
  const range = quantileOfSorted(sorted, 0.75) - quantileOfSorted(sorted, 0.25);
  return { center: quantileOfSorted(sorted, 0.5), spread: range > 0 ? range : 1 };
});

function oddestMethod(name: string, scale: Scale): Method {
  const references = new References();
  return {
    name,
    answer: (observed) => toAnswer(worstColumns(observed, references, { scale }), observed.rng),
  };
}

const traversalReferences = new References();

/**
 * Anomaly traversal of the call graph: from the objective down through anomalous services; those whose own callees are
 * all normal are the causes, the oddest first; then the other anomalous ones.
 */
export const traversalMethod: Method = {
  name: 'traversal',
  answer: (observed) => {
    const scores = worstColumns(observed, traversalReferences, {
      scale: robustScaleOfSorted,
      latencyOnly: true,
    });
    const zOf = new Map(scores.map(({ service, z }) => [service, z]));
    const callees = calleesOf(observed);
    const odd = (service: string) => (zOf.get(service) ?? 0) > ANOMALOUS;
    const reached = new Set<string>();
    const open = [observed.objective.service];
    for (let service = open.pop(); service !== undefined; service = open.pop()) {
      if (reached.has(service) || !odd(service)) continue;
      reached.add(service);
      open.push(...(callees.get(service) ?? []));
    }
    const leaves = [...reached].filter((service) => ![...(callees.get(service) ?? [])].some(odd));
    const rank = (service: string) => (leaves.includes(service) ? 2 : reached.has(service) ? 1 : 0);
    const largest = Math.max(1, ...scores.map(({ z }) => z));
    return toAnswer(
      scores.map(({ service, resource, z }) => ({ service, resource, z: rank(service) + z / largest / 2 })),
      observed.rng,
    );
  },
};

function calleesOf({ graph }: Observed): ReadonlyMap<string, ReadonlySet<string>> {
  const serving = new Map(graph.latency.map((node) => [node.id, node.rpc.callee]));
  const callees = new Map<string, Set<string>>();
  for (const node of graph.latency) {
    const from = node.kind === 'server' ? node.rpc.callee : node.rpc.caller;
    for (const parent of node.parents) {
      const to = serving.get(parent.node);
      if (to === undefined || to === from) continue;
      callees.set(from, (callees.get(from) ?? new Set()).add(to));
    }
  }
  return callees;
}

/** Per service its oddest column: its metrics, and the latency of what it serves. */
function worstColumns(
  observed: Observed,
  references: References,
  { scale, latencyOnly = false }: { readonly scale: Scale; readonly latencyOnly?: boolean },
): (Score & { readonly service: string })[] {
  const { graph, history, window, objective } = observed;
  const normal = references.of(
    observed,
    history.filter(({ endMs }) => endMs <= window.startMs),
  );
  const oddness = (column: Column) => Math.abs(standardiser(column, normal, scale)(window));
  return candidates(observed).map((service) => {
    const scores: Score[] = [];
    for (const node of graph.latency) {
      if (node.rpc.callee !== service) continue;
      scores.push({
        resource: null,
        z: oddness(latencyOf(node.id, objective.percentile)),
      });
    }
    for (const feature of latencyOnly ? [] : (window.metrics.get(service)?.keys() ?? [])) {
      const { resource } = FEATURES[feature];
      scores.push({ resource, z: oddness(metricOf(service, feature)) });
    }
    const worst = scores.reduce((a, b) => (b.z > a.z ? b : a), { resource: null, z: 0 });
    return { service, ...worst };
  });
}

/** Sorted, ties at random; the first is blamed, since a floor has no notion of how many there are. */
function toAnswer(scores: readonly (Score & { readonly service: string })[], rng: Rng): Answer {
  const largest = Math.max(TINY, ...scores.map(({ z }) => z));
  const ranked = scores
    .map((score) => ({ ...score, lot: rng.uniform() }))
    .sort((a, b) => b.z - a.z || a.lot - b.lot)
    .map(({ service, resource, z }): Ranked => ({ service, resource, probability: z / largest }));
  return { verdict: ranked.length === 0 ? 'undetermined' : 'culprits', blamed: ranked.slice(0, 1), ranked };
}
