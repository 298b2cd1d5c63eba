import type { Intervention, Prediction, PredictOptions } from '@sage/causal-graph';
import { PERCENTILES, type Percentile, type Rng } from '@sage/core';
import type { AbductedWeights } from './abducted-weights.js';
import { type Residuals, residualAt } from './calibration.js';
import { type Inputs, scaledLoad } from './inputs.js';
import { LATENT, type Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Mechanism } from './mechanism.js';
import { type Scales, scaled } from './scales.js';

/** A model, and what a window says of its edges. */
export interface WindowModel extends PredictiveModel {
  readonly weights: AbductedWeights;
}

export interface PredictiveModel {
  readonly layout: Layout;
  readonly scales: Scales;
  readonly mechanism: Mechanism;
  readonly residuals: Residuals;
}

/** Heads of a unit's decoder in all worlds: [world][owned node][percentile]; or, of what is the same in all, in one. */
type Heads = (unit: number) => Float64Array;

/**
 * Draws worlds after interventions on one window. In a world in which what X does not explain of a node stays, it moves
 * from what was observed by what changed:
 *
 *   Y' = Y + [handed(parents') − handed(parents)] + [self(X', Z) − self(X, Z)]
 *
 * so that nothing done gives exactly what was observed, and what does not descend from anything done is not computed at
 * all. In a world in which it goes, latents and residual are normal ones:
 *
 *   Y' = handed(parents') + self(X', E[Z | X']) + draw
 *
 * with a draw of the residuals that were seen about that very mean, those of what X leaves open and of what the model
 * has wrong. How the encoder shares what was seen out between the owners of a node plays no part in it. Which of the two
 * holds is one fact of a world: a service that is to blame for a part k of one node and more of another is to blame for
 * both, or for none. Noise comes from named streams, so it is the same for every intervention.
 */
export class Worlds {
  readonly #model: WindowModel;
  readonly #inputs: Inputs;
  readonly #samples: number;
  readonly #rng: Rng;
  /** What holds for every intervention: the heads as they are, computed when first asked for. */
  readonly #before: Heads;
  /** [world], uniform: what is not explained goes where this lies below the part that is to go. */
  readonly #whose: Float64Array;
  readonly #noises = new Map<string, Float64Array>();
  readonly #ancestorsOf = new Map<number, Set<number>>();

  constructor(model: WindowModel, inputs: Inputs, { samples = 64, rng }: PredictOptions) {
    if (!Number.isInteger(samples) || samples < 1) {
      throw new RangeError(`samples must be a whole number of at least 1, not ${samples}`);
    }
    this.#model = model;
    this.#inputs = inputs;
    this.#samples = samples;
    this.#rng = rng;
    this.#before = this.#abducted(inputs);
    // Spread evenly: a probability is then as exact as the number of worlds allows.
    const shift = rng.fork('whose').uniform();
    this.#whose = Float64Array.from({ length: samples }, (_, i) => ((i + shift) / samples) % 1);
  }

  predict(intervention: Intervention): Prediction {
    const { layout } = this.#model;
    const inputs = this.#inputs;
    const after = this.#intervene(intervention);
    const heads = { changed: this.#abducted(after), normal: this.#expected(after) };
    return {
      draws: (node, percentile) => {
        const v = indexOf(layout).node.get(node);
        if (v === undefined) throw new RangeError(`the model has no latency node ${node}`);
        const q = PERCENTILES.indexOf(percentile satisfies Percentile);
        const values = this.#move(after, heads, v).get(v);
        if (values === undefined)
          return new Float64Array(this.#samples).fill(inputs.observed[3 * v + q] as number);
        return Float64Array.from({ length: this.#samples }, (_, i) => values[3 * i + q] as number);
      },
    };
  }

  /** The nodes that something done reaches and `target` depends on: [world][percentile] each. */
  #move(
    after: After,
    { changed, normal }: { readonly changed: Heads; readonly normal: Heads },
    target: number,
  ): ReadonlyMap<number, Float64Array> {
    const { layout, mechanism, residuals, weights } = this.#model;
    const inputs = this.#inputs;
    const samples = this.#samples;
    const relevant = this.#ancestors(target);
    const moved = new Map<number, Float64Array>();
    // One world's latencies, which hold what was observed but for the nodes that moved.
    const world = Float64Array.from(inputs.observed);
    for (const v of this.#descendants(after)) {
      if (!relevant.has(v)) continue;
      const selfChanges = (layout.owners[v] ?? []).some((u) => after.touched.has(u));
      const keep = after.keep.get(v) ?? 1;
      const parents = this.#parents(v).filter((parent) => moved.has(parent));
      const values = new Float64Array(3 * samples);
      const usual = keep < 1 ? mechanism.selfTimes(v, normal) : undefined;
      const noise = this.#rng.fork(`noise|${layout.nodes[v]}`);
      const handedBefore = [0, 1, 2].map((q) => weights.handedOn(v, q, inputs.observed));
      for (let i = 0; i < samples; i++) {
        for (const parent of parents) {
          world.set((moved.get(parent) as Float64Array).subarray(3 * i, 3 * i + 3), 3 * parent);
        }
        const luck = usual === undefined ? 0 : noise.uniform();
        const goes = (this.#whose[i] as number) < 1 - keep;
        const before = selfChanges && !goes ? mechanism.selfTimes(v, this.#before, i) : undefined;
        const now = selfChanges && !goes ? mechanism.selfTimes(v, changed, i) : undefined;
        let least = 0;
        for (let q = 0; q < 3; q++) {
          const at = 3 * v + q;
          const was = handedBefore[q] as number;
          const handed = parents.length > 0 ? weights.handedOn(v, q, world) : was;
          const value =
            goes && usual !== undefined
              ? handed + (usual[q] as number) + residualAt(residuals, at, luck)
              : (inputs.observed[at] as number) + handed - was + (now?.[q] ?? 0) - (before?.[q] ?? 0);
          least = Math.max(least, value);
          values[3 * i + q] = least;
        }
      }
      world.set(inputs.observed.subarray(3 * v, 3 * v + 3), 3 * v);
      for (const parent of parents)
        world.set(inputs.observed.subarray(3 * parent, 3 * parent + 3), 3 * parent);
      moved.set(v, values);
    }
    return moved;
  }

  /** Indices of a node and of all that it depends on. */
  #ancestors(node: number): ReadonlySet<number> {
    let ancestors = this.#ancestorsOf.get(node);
    if (ancestors === undefined) {
      ancestors = new Set([node]);
      // A set iterates over what is added while it is walked.
      for (const v of ancestors) for (const parent of this.#parents(v)) ancestors.add(parent);
      this.#ancestorsOf.set(node, ancestors);
    }
    return ancestors;
  }

  #parents(node: number): number[] {
    const { layout } = this.#model;
    const { edges } = indexOf(layout);
    return layout.edges.slice(edges[node], edges[node + 1]).map(({ parent }) => parent);
  }

  /** Indices of the nodes that something done reaches, causes first. */
  #descendants({ touched, keep }: After): number[] {
    const { layout } = this.#model;
    const { children } = indexOf(layout);
    const reached = new Set<number>(keep.keys());
    for (const u of touched) for (const v of layout.units[u]?.nodes ?? []) reached.add(v);
    const open = [...reached];
    for (let v = open.pop(); v !== undefined; v = open.pop()) {
      for (const child of children[v] ?? []) {
        if (reached.has(child)) continue;
        reached.add(child);
        open.push(child);
      }
    }
    return [...reached].sort((a, b) => a - b);
  }

  #intervene(intervention: Intervention): After {
    const { layout, scales } = this.#model;
    const index = indexOf(layout);
    const features = Float32Array.from(this.#inputs.features);
    const load = Float32Array.from(this.#inputs.load);
    const touched = new Set<number>();
    for (const [service, values] of intervention.metrics) {
      for (const u of index.units.get(service) ?? []) {
        for (const [feature, value] of values) {
          // A feature that training never saw moves nothing.
          const f = layout.units[u]?.features.indexOf(feature) ?? -1;
          if (f < 0) continue;
          const at = (index.features[u] as number) + f;
          features[at] = scaled(scales.feature, at, value);
          touched.add(u);
        }
      }
    }
    for (const [root, perSecond] of intervention.load) {
      const r = index.root.get(root);
      if (r === undefined) continue;
      load[r] = scaledLoad(scales, r, perSecond);
      layout.units.forEach(({ roots }, u) => {
        if (roots.includes(r)) touched.add(u);
      });
    }
    const keep = new Map<number, number>();
    for (const [node, part] of intervention.exogenous) {
      if (!(part >= 0 && part <= 1))
        throw new RangeError(`exogenous part of ${node} must lie in 0..1, not ${part}`);
      const v = index.node.get(node);
      if (v !== undefined && part < 1) keep.set(v, part);
    }
    return { features, load, touched, keep };
  }

  /** With Z as the window tells of it: q(Z | X, Y). */
  #abducted(readings: Readings): Heads {
    const { layout, mechanism } = this.#model;
    return once((unit) => {
      const { mean, deviation } = mechanism.posterior(unit, this.#inputs);
      const { service, channel } = layout.units[unit] as Layout['units'][number];
      const latents = this.#noise(`posterior|${channel}|${service}`).map((epsilon, i) => {
        const d = i % LATENT;
        return (mean[d] as number) + (deviation[d] as number) * epsilon;
      });
      return mechanism.heads(unit, readings, latents);
    });
  }

  /** With Z as X alone makes it: the mean of p(Z | X). */
  #expected(readings: Readings): Heads {
    const { mechanism } = this.#model;
    return once((unit) => mechanism.heads(unit, readings, mechanism.prior(unit, readings).mean));
  }

  /** Standard normal, [world][LATENT]; the same for a name whenever it is asked for. */
  #noise(name: string): Float64Array {
    let noise = this.#noises.get(name);
    if (noise === undefined) {
      const rng = this.#rng.fork(name);
      noise = Float64Array.from({ length: this.#samples * LATENT }, () => rng.normal());
      this.#noises.set(name, noise);
    }
    return noise;
  }
}

type Readings = Pick<Inputs, 'features' | 'load'>;

/** Computed for a unit when it is first asked for. */
function once(compute: Heads): Heads {
  const known = new Map<number, Float64Array>();
  return (unit) => {
    let heads = known.get(unit);
    if (heads === undefined) {
      heads = compute(unit);
      known.set(unit, heads);
    }
    return heads;
  };
}

interface After {
  readonly features: Float32Array;
  readonly load: Float32Array;
  /** Units whose heads differ from before. */
  readonly touched: ReadonlySet<number>;
  /** Node → the part of what is not explained that stays, where that is not all of it. */
  readonly keep: ReadonlyMap<number, number>;
}
