import type { Intervention, Prediction, PredictOptions } from '@sage/causal-graph';
import { PERCENTILES, type Percentile, type Rng } from '@sage/core';
import type { Residuals } from './calibration.js';
import { edgeQuantile } from './chain.js';
import { LATENT, type Layout } from './layout.js';
import type { Mechanism } from './mechanism.js';
import type { LatentNormal } from './plain-network.js';
import { type Inputs, type Scales, scaled } from './scales.js';

interface Model {
  readonly layout: Layout;
  readonly scales: Scales;
  readonly mechanism: Mechanism;
  readonly residuals: Residuals;
}

/**
 * Draws worlds after an intervention. Each touched node moves from what was observed by what changed:
 *
 *   Y' = Y + [Σ w Q(parents') − Σ w Q(parents)] + [self' − self] + (1 − k)(draw − N)
 *
 * which is f(parents', X', Z') + N' with N = Y − f(parents, X, Z) and N' = kN + (1 − k) draw, put so that nothing done
 * gives exactly what was observed, and what does not descend from anything done is not computed at all. Noise comes
 * from streams named by service and node, so it is the same for every intervention.
 */
export function predictWorlds(
  model: Model,
  inputs: Inputs,
  intervention: Intervention,
  options: PredictOptions,
): Prediction {
  const { layout, mechanism } = model;
  const samples = options.samples ?? 64;
  if (!Number.isInteger(samples) || samples < 1) {
    throw new RangeError(`samples must be a whole number of at least 1, not ${samples}`);
  }
  const after = intervene(model, inputs, intervention);
  const moved = new Map<number, Float64Array>();
  const before = headSampler(model, inputs.features, inputs.load, samples, options.rng, (s) => ({
    normal: mechanism.posterior(s, inputs),
    stream: 'posterior',
  }));
  const changed = headSampler(model, after.features, after.load, samples, options.rng, (s) =>
    after.redrawn.has(s)
      ? { normal: mechanism.prior(s, after.features), stream: 'prior' }
      : { normal: mechanism.posterior(s, inputs), stream: 'posterior' },
  );

  layout.nodes.forEach((node, v) => {
    const edges = mechanism.edgesInto(v).filter((e) => moved.has(layout.edges[e]?.parent as number));
    const selfChanges = (layout.owners[v] ?? []).some((s) => after.touched.has(s));
    const keep = after.keep[v] as number;
    if (edges.length === 0 && !selfChanges && keep === 1) return;
    const values = new Float64Array(3 * samples);
    const noise = options.rng.fork(`noise|${node}`);
    for (let i = 0; i < samples; i++) {
      const epsilon = keep === 1 ? 0 : noise.normal();
      const selfBefore = selfChanges || keep < 1 ? mechanism.selfTimes(v, (s) => before(s, i)) : undefined;
      const selfAfter = selfChanges ? mechanism.selfTimes(v, (s) => changed(s, i)) : selfBefore;
      let least = 0;
      for (let q = 0; q < 3; q++) {
        const at = 3 * v + q;
        const observed = inputs.observed[at] as number;
        let value = observed;
        for (const e of edges) {
          const parents = moved.get(layout.edges[e]?.parent as number) as Float64Array;
          value +=
            (mechanism.weights[e] as number) *
            (movedQuantile(layout, e, q, parents, i) - edgeQuantile(layout, e, q, inputs.observed));
        }
        if (selfBefore !== undefined && selfAfter !== undefined) {
          value += (selfAfter[q] as number) - (selfBefore[q] as number);
          if (keep < 1) {
            const exogenous =
              observed - mechanism.handedOn(v, q, inputs.observed) - (selfBefore[q] as number);
            const draw =
              (model.residuals.center[at] as number) + (model.residuals.spread[at] as number) * epsilon;
            value += (1 - keep) * (draw - exogenous);
          }
        }
        least = Math.max(least, value);
        values[3 * i + q] = least;
      }
    }
    moved.set(v, values);
  });

  return {
    draws(node, percentile) {
      const v = layout.nodes.indexOf(node);
      if (v < 0) throw new RangeError(`the model has no latency node ${node}`);
      const q = PERCENTILES.indexOf(percentile satisfies Percentile);
      const values = moved.get(v);
      if (values === undefined) return new Float64Array(samples).fill(inputs.observed[3 * v + q] as number);
      return Float64Array.from({ length: samples }, (_, i) => values[3 * i + q] as number);
    },
  };
}

interface After {
  readonly features: Float64Array;
  readonly load: Float64Array;
  /** Services whose heads differ from before. */
  readonly touched: ReadonlySet<number>;
  /** Services whose Z comes from the prior. */
  readonly redrawn: ReadonlySet<number>;
  /** Per node the part of its residual that stays. */
  readonly keep: Float64Array;
}

function intervene({ layout, scales }: Model, inputs: Inputs, intervention: Intervention): After {
  const features = Float64Array.from(inputs.features);
  const load = Float64Array.from(inputs.load);
  const touched = new Set<number>();
  const redrawn = new Set<number>();
  for (const [service, values] of intervention.metrics) {
    const s = layout.services.indexOf(service);
    if (s < 0) continue;
    for (const [feature, value] of values) {
      // A feature that training never saw moves nothing.
      const f = layout.features[s]?.indexOf(feature) ?? -1;
      if (f < 0) continue;
      const at = s * layout.width.features + f;
      features[at] = scaled(scales, 'feature', at, value);
      touched.add(s);
    }
  }
  for (const service of intervention.latents) {
    const s = layout.services.indexOf(service);
    if (s < 0) continue;
    touched.add(s);
    redrawn.add(s);
  }
  for (const [root, perSecond] of intervention.load) {
    const r = layout.roots.indexOf(root);
    if (r < 0) continue;
    load[r] = scaled(scales, 'load', r, Math.log1p(Math.max(0, perSecond)));
    for (let s = 0; s < layout.services.length; s++) touched.add(s);
  }
  const keep = Float64Array.from(layout.nodes, (node) => {
    const part = intervention.exogenous.get(node) ?? 1;
    if (!(part >= 0 && part <= 1))
      throw new RangeError(`exogenous part of ${node} must lie in 0..1, not ${part}`);
    return part;
  });
  return { features, load, touched, redrawn, keep };
}

/** Heads of a service in each world, computed when first asked for. */
function headSampler(
  { mechanism }: Model,
  features: Float64Array,
  load: Float64Array,
  samples: number,
  rng: Rng,
  latentOf: (service: number) => { normal: LatentNormal; stream: string },
): (service: number, sample: number) => Float64Array {
  const known = new Map<number, Float64Array[]>();
  return (service, sample) => {
    let heads = known.get(service);
    if (heads === undefined) {
      const { normal, stream } = latentOf(service);
      const noise = rng.fork(`${stream}|${service}`);
      heads = Array.from({ length: samples }, () => {
        const latent = new Float64Array(LATENT);
        for (let d = 0; d < LATENT; d++) {
          latent[d] = (normal.mean[d] as number) + (normal.deviation[d] as number) * noise.normal();
        }
        return mechanism.heads(service, features, load, latent);
      });
      known.set(service, heads);
    }
    return heads[sample] as Float64Array;
  };
}

function movedQuantile(layout: Layout, e: number, q: number, parents: Float64Array, sample: number): number {
  const mix = layout.edges[e]?.mix ?? [];
  let sum = 0;
  for (let k = 0; k < 3; k++) sum += (mix[3 * q + k] as number) * (parents[3 * sample + k] as number);
  return sum;
}
