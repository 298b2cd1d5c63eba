import type { CausalGraph } from '@sage/causal-graph';
import { median, type Window } from '@sage/core';
import type { FittedModel } from './fitted-model.js';
import { buildLayout, type Layout } from './layout.js';
import { nameOf } from './warm-start.js';

/**
 * What a model in use is short of (paper, section on retraining; reference, section 5): `graph`: calls appeared or
 * vanished; `metrics`: other features are measured than were; `drift`: latency given its causes is no longer what was
 * learnt; `none`: nothing.
 */
export type RetrainingKind = 'none' | 'metrics' | 'drift' | 'graph';

export interface RetrainingPlan {
  readonly kind: RetrainingKind;
  /** Whose networks learn again, sorted: those that changed, and for a changed graph their direct callers. */
  readonly services: readonly string[];
}

/** A service has drifted when the typical residual of a node of its lies as far off as this, in spreads. */
const DRIFTED = 1.5;
/** Windows that drift is read off. */
const DRIFT_WINDOWS = 60;

/** Decides which case it is. `windows`: in time order, without known faults; the newest tell of drift. */
export function planRetraining(
  present: FittedModel,
  graph: CausalGraph,
  windows: readonly Window[],
): RetrainingPlan {
  const before = present.state.layout;
  const layout = buildLayout(graph, windows);
  const plan = (kind: RetrainingKind, services: ReadonlySet<string>): RetrainingPlan => ({
    kind,
    services: [...services].sort(),
  });

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
  const vanished = before.units.some((unit) => !layout.units.some((now) => nameOf(now) === nameOf(unit)));
  if (rewired.size > 0 || vanished) {
    return plan('graph', new Set([...rewired, ...remeasured, ...callersOf(layout, rewired)]));
  }
  if (remeasured.size > 0) return plan('metrics', new Set([...remeasured, ...callersOf(layout, remeasured)]));
  const drifted = driftedServices(present, windows.slice(-DRIFT_WINDOWS));
  return plan(drifted.size > 0 ? 'drift' : 'none', drifted);
}

/** Services whose latency, given what was observed of its causes, has moved from what the model learnt. */
function driftedServices(model: FittedModel, windows: readonly Window[]): ReadonlySet<string> {
  const { layout } = model.state;
  const residuals: number[][] = layout.nodes.map(() => []);
  for (const window of windows) {
    const abduction = model.abduct(window);
    layout.nodes.forEach((node, v) => {
      const residual = abduction.residual(node, 'p50Ms');
      if (residual !== undefined) residuals[v]?.push(residual.z);
    });
  }
  const drifted = new Set<string>();
  residuals.forEach((values, v) => {
    if (values.length < DRIFT_WINDOWS / 2 || Math.abs(median(values)) < DRIFTED) return;
    for (const u of layout.owners[v] ?? []) drifted.add(layout.units[u]?.service as string);
  });
  return drifted;
}

/** Node → the names of its parents as one text. */
export function causesByName(layout: Layout): ReadonlyMap<string, string> {
  const causes: string[][] = layout.nodes.map(() => []);
  for (const { parent, child } of layout.edges) causes[child]?.push(layout.nodes[parent] as string);
  return new Map(layout.nodes.map((node, v) => [node, (causes[v] ?? []).sort().join('\n')]));
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
