import type { CausalGraph } from '@sage/causal-graph';
import type { Window } from '@sage/core';
import { findDrift, findUnknownLoads } from './drift.js';
import type { FittedModel, LearntFrom } from './fitted-model.js';
import { holdOut } from './hold-out.js';
import { buildLayout, type Layout } from './layout.js';
import { nameOf } from './warm-start.js';

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

/** Node → the names of its parents as one text. */
export function causesByName(layout: Layout): ReadonlyMap<string, string> {
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
