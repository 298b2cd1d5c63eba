import type { CausalGraph } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import { findDrift, findUnknownLoads } from './drift.js';
import type { FittedModel, LearntFrom } from './fitted-model.js';
import { holdOut } from './hold-out.js';
import { buildLayout, type Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Unfinished } from './learn-units.js';
import type { ColumnScales, Scales } from './scales.js';
import { nameOf, warmStart } from './warm-start.js';

/**
 * What a model in use is short of (paper, section on retraining; reference, section 5): `graph`: calls appeared or
 * vanished; `metrics`: other features are measured than were; `drift`: latency given its causes is no longer what was
 * learnt; `load`: more or less is asked for than it has seen; `none`: nothing.
 */
export type RetrainingKind = 'none' | 'metrics' | 'drift' | 'load' | 'graph';

export interface RetrainingPlan {
  /** The first of its reasons, in the order graph, metrics, drift, load. */
  readonly kind: RetrainingKind;
  /**
   * Whose networks learn again, sorted: those that changed, and for a changed graph or changed metrics their direct
   * callers.
   */
  readonly services: readonly string[];
  /** Of them, those of which readings have left what was learnt: their scales are fitted anew. */
  readonly outgrown: readonly string[];
  /** Roots whose load has. */
  readonly loads: readonly string[];
  /** What was before is not to be learnt from any more: start of a window; −∞ for nothing such. */
  readonly sinceMs: number;
  /** Nor what was inside incidents since then: there may be more of it than of the new behaviour. */
  readonly calmOnly: boolean;
}

export interface Calm {
  /** Windows outside incidents and up to now, which tell of drift and load; default: those that are learnt from. */
  readonly calm?: readonly Window[] | undefined;
}

/** Decides which case it is. `windows`: what can be learnt from, in time order. */
export function planRetraining(
  present: FittedModel,
  graph: CausalGraph,
  windows: readonly Window[],
  { calm = windows }: Calm = {},
): RetrainingPlan {
  const layout = buildLayout(graph, windows);
  const { rewired, remeasured, anyVanished } = compareLayouts(present.state.layout, layout);
  const there = new Set(layout.units.map(({ service }) => service));
  const drift = findDrift(present.state, calm);
  const drifted = (drift?.services ?? []).filter((service) => there.has(service));
  const isCalm = new Set(calm);
  // A load that is held out of the training is as unknown after it.
  const trainable = holdOut(windows).training.filter((window) => isCalm.has(window));
  const loads = findUnknownLoads(present.state, trainable).filter((root) => layout.roots.includes(root));
  const outgrown = new Set([...drifted, ...reachedBy(layout, loads)]);
  const changed = new Set([...rewired, ...remeasured]);
  const services = [...new Set([...changed, ...callersOf(layout, changed), ...outgrown])].sort();
  const reasons: readonly (readonly [RetrainingKind, boolean])[] = [
    ['graph', rewired.size > 0 || anyVanished],
    ['metrics', remeasured.size > 0],
    ['drift', drifted.length > 0],
    ['load', loads.length > 0],
  ];
  const { learntFrom } = present.state;
  const behavesAnew = drifted.some((service) => !hasSeenLittle(learntFrom.get(service), windows));
  const begins = services.map((service) => learntFrom.get(service)?.sinceMs ?? Number.NEGATIVE_INFINITY);
  return {
    kind: reasons.find(([, holds]) => holds)?.[0] ?? 'none',
    services,
    outgrown: [...outgrown].sort(),
    loads,
    sinceMs: Math.max(Number.NEGATIVE_INFINITY, ...begins, ...(behavesAnew && drift ? [drift.sinceMs] : [])),
    calmOnly: behavesAnew,
  };
}

/**
 * Whether there is at least twice as much to learn from as a network has learnt from. What it has wrong may then be what
 * it had not seen: it is shown all of it before older windows are taken for those of another behaviour.
 */
function hasSeenLittle(known: LearntFrom | undefined, windows: readonly Window[]): boolean {
  if (known === undefined) return false;
  return windows.filter(({ startMs }) => startMs >= known.sinceMs).length >= 2 * known.windows;
}

interface Differences {
  /** Services of which nodes, or what these wait for, have changed. */
  readonly rewired: ReadonlySet<string>;
  /** Services of which other features are measured, and nothing else has changed. */
  readonly remeasured: ReadonlySet<string>;
  readonly anyVanished: boolean;
}

function compareLayouts(before: Layout, layout: Layout): Differences {
  const older = new Map(before.units.map((unit) => [nameOf(unit), unit]));
  const wasFed = causesByName(before);
  const isFed = causesByName(layout);
  const rewired = new Set<string>();
  const remeasured = new Set<string>();
  for (const unit of layout.units) {
    const old = older.get(nameOf(unit));
    const sameNodes =
      old?.nodes.length === unit.nodes.length &&
      unit.nodes.every((v, slot) => layout.nodes[v] === before.nodes[old.nodes[slot] as number]);
    const names = unit.nodes.map((v) => layout.nodes[v] as string);
    if (!sameNodes || names.some((name) => wasFed.get(name) !== isFed.get(name))) rewired.add(unit.service);
    else if (old?.features.join() !== unit.features.join()) remeasured.add(unit.service);
  }
  const anyVanished = before.units.some((unit) => !layout.units.some((now) => nameOf(now) === nameOf(unit)));
  return { rewired, remeasured, anyVanished };
}

/**
 * The present model in a new layout: units that stay keep networks and scales; those of the plan begin with what they
 * knew and learn again.
 */
export function renew(
  fresh: Unfinished,
  present: FittedModel,
  { services, outgrown, loads }: RetrainingPlan,
): Unfinished {
  const { layout } = fresh;
  const before = present.state;
  const learning = new Set(services);
  const isOutgrown = new Set(outgrown);
  const isThere = new Set(layout.units.map(({ service }) => service));
  const units = layout.units.flatMap(({ service }, u) => (learning.has(service) ? [u] : []));
  const wasFed = causesByName(before.layout);
  const isFed = causesByName(layout);
  const isFedAlike = (node: string) => wasFed.has(node) && wasFed.get(node) === isFed.get(node);
  return {
    ...fresh,
    units,
    scales: keepScales(layout, fresh.scales, before, {
      keepsService: (service) => !isOutgrown.has(service),
      keepsNode: (node, owners) =>
        !owners.some((owner) => learning.has(owner)) ||
        (isFedAlike(node) && !owners.some((owner) => isOutgrown.has(owner))),
      keepsLoad: (root) => !loads.includes(root),
    }),
    parameters: warmStart(layout, fresh.parameters, before),
    learntFrom: new Map([...before.learntFrom].filter(([service]) => isThere.has(service))),
  };
}

/** Networks are bound to the scales they learnt with, so whatever stays keeps its own. */
function keepScales(
  layout: Layout,
  fresh: Scales,
  before: { readonly layout: Layout; readonly scales: Scales },
  rules: {
    readonly keepsService: (service: string) => boolean;
    readonly keepsNode: (node: string, owners: readonly string[]) => boolean;
    readonly keepsLoad: (root: string) => boolean;
  },
): Scales {
  const here = indexOf(layout);
  const there = indexOf(before.layout);
  const older = new Map(before.layout.units.map((unit, u) => [nameOf(unit), u]));
  layout.units.forEach((unit, u) => {
    const old = older.get(nameOf(unit));
    if (old === undefined || !rules.keepsService(unit.service)) return;
    unit.features.forEach((feature, f) => {
      const from = before.layout.units[old]?.features.indexOf(feature) ?? -1;
      if (from < 0) return;
      copyColumn(
        fresh.feature,
        (here.features[u] as number) + f,
        before.scales.feature,
        (there.features[old] as number) + from,
      );
    });
  });
  layout.roots.forEach((root, r) => {
    const from = there.root.get(root);
    if (from !== undefined && rules.keepsLoad(root)) copyColumn(fresh.load, r, before.scales.load, from);
  });
  layout.nodes.forEach((node, v) => {
    const from = there.node.get(node);
    const owners = (layout.owners[v] ?? []).map((u) => layout.units[u]?.service as string);
    if (from === undefined || !rules.keepsNode(node, owners)) return;
    for (let q = 0; q < 3; q++) {
      const [to, at] = [3 * v + q, 3 * from + q];
      fresh.median[to] = before.scales.median[at] as number;
      fresh.logSpread[to] = before.scales.logSpread[at] as number;
      fresh.selfScale[to] = before.scales.selfScale[at] as number;
      fresh.rawSpread[to] = before.scales.rawSpread[at] as number;
    }
  });
  return fresh;
}

function copyColumn(target: ColumnScales, to: number, source: ColumnScales, from: number): void {
  for (const name of ['center', 'spread', 'low', 'high'] as const) {
    target[name][to] = source[name][from] as number;
  }
}

/** Node → the names of its parents as one text. */
function causesByName(layout: Layout): ReadonlyMap<string, string> {
  const causes: string[][] = layout.nodes.map(() => []);
  for (const { parent, child } of layout.edges) causes[child]?.push(layout.nodes[parent] as string);
  return new Map(layout.nodes.map((node, v) => [node, (causes[v] ?? []).sort().join('\n')]));
}

/** Services that the load of one of the roots reaches. */
function reachedBy({ units, roots }: Layout, loads: readonly string[]): readonly string[] {
  return units.flatMap((unit) =>
    unit.roots.some((r) => loads.includes(roots[r] as string)) ? [unit.service] : [],
  );
}

/** Owners of nodes that wait for a node of one of the services. */
function callersOf(layout: Layout, services: ReadonlySet<string>): ReadonlySet<string> {
  const ownersOf = (v: number) => (layout.owners[v] ?? []).map((u) => layout.units[u]?.service as string);
  const callers = new Set<string>();
  for (const { parent, child } of layout.edges) {
    if (!ownersOf(parent).some((owner) => services.has(owner))) continue;
    for (const owner of ownersOf(child)) callers.add(owner);
  }
  return callers;
}
