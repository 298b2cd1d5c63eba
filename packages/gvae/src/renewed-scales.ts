import type { FeatureName, Window } from '@sage/core';
import { excerptOf, putScales } from './excerpt.js';
import type { Layout, Unit } from './layout.js';
import { indexOf } from './layout-index.js';
import {
  COLUMN_SCALES,
  type ColumnScales,
  emptyScales,
  fitScales,
  NODE_SCALES,
  type Scales,
} from './scales.js';
import { nameOf } from './warm-start.js';

interface Scaled {
  readonly layout: Layout;
  readonly scales: Scales;
}

/** What keeps the scales it has, if it has any. */
export interface KeepingRules {
  readonly keepsService: (service: string) => boolean;
  /** `owners`: services. */
  readonly keepsNode: (node: string, owners: readonly string[]) => boolean;
  readonly keepsLoad: (root: string) => boolean;
}

/**
 * Networks are bound to the scales they learnt with, so whatever stays keeps its own. `windows` are read for units alone
 * that have something else.
 */
export function renewScales(
  layout: Layout,
  windows: readonly Window[],
  before: Scaled,
  rules: KeepingRules,
): Scales {
  const kept = placesKept(layout, before.layout, rules);
  const scales = emptyScales(layout);
  const renewed = layout.units.flatMap((unit, u) => {
    const stays =
      unit.features.every((feature) => kept.feature(unit, feature) !== undefined) &&
      unit.nodes.every((v) => kept.node(v) !== undefined);
    return stays ? [] : [u];
  });
  const excerpt = excerptOf(layout, renewed);
  putScales(excerpt, fitScales(excerpt.layout, windows), scales);
  copyKept(layout, scales, before, kept);
  return scales;
}

/** Where in the layout before what is kept stands; undefined of all else. */
interface PlacesKept {
  readonly feature: (unit: Unit, feature: FeatureName) => number | undefined;
  readonly root: (root: string) => number | undefined;
  readonly node: (v: number) => number | undefined;
}

function placesKept(layout: Layout, before: Layout, rules: KeepingRules): PlacesKept {
  const { keepsService, keepsNode, keepsLoad } = rules;
  const there = indexOf(before);
  const older = new Map(before.units.map((unit, u) => [nameOf(unit), u]));
  return {
    feature: (unit, feature) => {
      const u = older.get(nameOf(unit));
      const f = u === undefined ? -1 : (before.units[u]?.features.indexOf(feature) ?? -1);
      return f < 0 || !keepsService(unit.service) ? undefined : (there.features[u as number] as number) + f;
    },
    root: (root) => (keepsLoad(root) ? there.root.get(root) : undefined),
    node: (v) => {
      const owners = (layout.owners[v] ?? []).map((u) => layout.units[u]?.service as string);
      const node = layout.nodes[v] as string;
      return keepsNode(node, owners) ? there.node.get(node) : undefined;
    },
  };
}

function copyKept(layout: Layout, scales: Scales, before: Scaled, kept: PlacesKept): void {
  const { features } = indexOf(layout);
  layout.units.forEach((unit, u) => {
    unit.features.forEach((feature, f) => {
      const from = kept.feature(unit, feature);
      if (from === undefined) return;
      copyColumn(scales.feature, (features[u] as number) + f, before.scales.feature, from);
    });
  });
  layout.roots.forEach((root, r) => {
    const from = kept.root(root);
    if (from !== undefined) copyColumn(scales.load, r, before.scales.load, from);
  });
  layout.nodes.forEach((_, v) => {
    const from = kept.node(v);
    if (from === undefined) return;
    for (const name of NODE_SCALES) {
      scales[name].set(before.scales[name].subarray(3 * from, 3 * from + 3), 3 * v);
    }
  });
}

function copyColumn(target: ColumnScales, to: number, source: ColumnScales, from: number): void {
  for (const name of COLUMN_SCALES) {
    target[name][to] = source[name][from] as number;
  }
}
