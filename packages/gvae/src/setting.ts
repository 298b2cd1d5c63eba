import type { Intervention } from '@sage/causal-graph';
import { type Inputs, scaledLoad } from './inputs.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Mechanism } from './mechanism.js';
import type { Condition } from './plain-network.js';
import { type Scales, scaled } from './scales.js';

/** An intervention in a model's own terms. */
export interface Setting {
  /** Units that read something else than before. */
  readonly units: ReadonlyMap<number, Condition>;
  /** Node → the part of what is not explained that stays, where that is not all of it. */
  readonly keep: ReadonlyMap<number, number>;
}

/** Names that the model does not know, and values that it does not tell from those it has read, change nothing. */
export function settingOf(
  intervention: Intervention,
  inputs: Inputs,
  { layout, scales, mechanism }: { layout: Layout; scales: Scales; mechanism: Mechanism },
): Setting {
  const index = indexOf(layout);
  const units = new Map<number, { features: Float32Array; load: Float64Array }>();
  const settingOfUnit = (u: number) => {
    let setting = units.get(u);
    if (setting === undefined) {
      const { features, load } = mechanism.condition(u, inputs);
      setting = { features: Float32Array.from(features), load: Float64Array.from(load) };
      units.set(u, setting);
    }
    return setting;
  };
  for (const [service, values] of intervention.metrics) {
    for (const u of index.units.get(service) ?? []) {
      const from = index.features[u] as number;
      layout.units[u]?.features.forEach((feature, f) => {
        const value = values.get(feature);
        if (value === undefined) return;
        const now = Math.fround(scaled(scales.feature, from + f, value));
        if (now !== inputs.features[from + f]) settingOfUnit(u).features[f] = now;
      });
    }
  }
  for (const [root, perSecond] of intervention.load) {
    const r = index.root.get(root);
    if (r === undefined) continue;
    const now = Math.fround(scaledLoad(scales, r, perSecond));
    if (now === inputs.load[r]) continue;
    layout.units.forEach(({ roots }, u) => {
      const at = roots.indexOf(r);
      if (at >= 0) settingOfUnit(u).load[at] = now;
    });
  }
  const keep = new Map<number, number>();
  for (const [node, part] of intervention.exogenous) {
    if (!(part >= 0 && part <= 1))
      throw new RangeError(`exogenous part of ${node} must lie in 0..1, not ${part}`);
    const v = index.node.get(node);
    if (v !== undefined && part < 1) keep.set(v, part);
  }
  return { units, keep };
}
