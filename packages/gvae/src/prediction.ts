import type { Intervention, Prediction, PredictOptions } from '@sage/causal-graph';
import { PERCENTILES, type Percentile, type Rng } from '@sage/core';
import type { AbductedWeights } from './abducted-weights.js';
import { type Residuals, residualAt } from './calibration.js';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Mechanism } from './mechanism.js';
import type { Scales } from './scales.js';
import { type Setting, settingOf } from './setting.js';
import { UnitWorlds } from './unit-worlds.js';

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

/**
 * Draws worlds after interventions on one window. Each touched node moves from what was observed by what changed:
 *
 *   Y' = Y + [handed(parents') − handed(parents)] + [self' − self] + (1 − k)(draw − N)
 *
 * which is f(parents', X', Z') + N' with N = Y − f(parents, X, Z) and N' = kN + (1 − k) draw, put so that nothing done
 * gives exactly what was observed, and what does not descend from anything done is not computed at all. Noise comes
 * from streams named by unit and node, so it is the same for every intervention. A node is computed in all worlds at
 * once.
 */
export class Worlds {
  readonly #model: WindowModel;
  readonly #inputs: Inputs;
  readonly #samples: number;
  readonly #rng: Rng;
  readonly #units: UnitWorlds;
  /** [node][percentile][world], ms: what was observed, but while a prediction moves it. */
  readonly #latencies: Float64Array;
  /** [node]: 1 while a prediction moves it. */
  readonly #moved: Uint8Array;
  /**
   * Of nodes, when first asked for: what they are handed as observed, [percentile]; their own times before anything is
   * done, and draws of their residuals, [percentile][world].
   */
  readonly #handed = new Map<number, Float64Array>();
  readonly #self = new Map<number, Float64Array>();
  readonly #luck = new Map<number, Float64Array>();
  readonly #ancestorsOf = new Map<number, Int32Array>();

  constructor(model: WindowModel, inputs: Inputs, { samples = 64, rng }: PredictOptions) {
    if (!Number.isInteger(samples) || samples < 1) {
      throw new RangeError(`samples must be a whole number of at least 1, not ${samples}`);
    }
    this.#model = model;
    this.#inputs = inputs;
    this.#samples = samples;
    this.#rng = rng;
    this.#units = new UnitWorlds(model, inputs, { worlds: samples, rng });
    this.#moved = new Uint8Array(model.layout.nodes.length);
    this.#latencies = new Float64Array(samples * inputs.observed.length);
    for (let v = 0; v < this.#moved.length; v++) this.#putBack(v);
  }

  predict(intervention: Intervention): Prediction {
    const { layout } = this.#model;
    const setting = settingOf(intervention, this.#inputs, this.#model);
    return {
      draws: (node, percentile) => {
        const v = indexOf(layout).node.get(node);
        if (v === undefined) throw new RangeError(`the model has no latency node ${node}`);
        return this.#draw(setting, v, PERCENTILES.indexOf(percentile satisfies Percentile));
      },
    };
  }

  /** Percentile `q` of a node, [world]: moves what something done reaches and the node depends on, causes first. */
  #draw(setting: Setting, target: number, q: number): Float64Array {
    const { edges, parents } = indexOf(this.#model.layout);
    const changing = this.#changing(setting);
    const moved: number[] = [];
    for (const v of this.#ancestors(target)) {
      let isHanded = false;
      const end = edges[v + 1] as number;
      for (let e = edges[v] as number; e < end && !isHanded; e++) {
        isHanded = this.#moved[parents[e] as number] === 1;
      }
      const selfChanges = changing.has(v);
      if (!isHanded && !selfChanges && !setting.keep.has(v)) continue;
      this.#move(v, setting, { selfChanges, isHanded });
      this.#moved[v] = 1;
      moved.push(v);
    }
    const at = (3 * target + q) * this.#samples;
    const draws = this.#latencies.slice(at, at + this.#samples);
    for (const v of moved) this.#putBack(v);
    return draws;
  }

  /** Nodes that an owner adds something else to than before. */
  #changing({ units }: Setting): ReadonlySet<number> {
    const nodes = new Set<number>();
    for (const u of units.keys()) for (const v of this.#model.layout.units[u]?.nodes ?? []) nodes.add(v);
    return nodes;
  }

  #move(v: number, setting: Setting, { selfChanges, isHanded }: Reason): void {
    const { mechanism, weights } = this.#model;
    const { observed } = this.#inputs;
    const samples = this.#samples;
    const keep = setting.keep.get(v) ?? 1;
    const handed = this.#handedBefore(v);
    const before = selfChanges || keep < 1 ? this.#selfBefore(v) : undefined;
    const now = selfChanges
      ? mechanism.selfTimes(
          v,
          (u) => {
            const unit = setting.units.get(u);
            return unit === undefined ? this.#units.before(u) : this.#units.after(u, unit);
          },
          samples,
        )
      : before;
    const luck = keep < 1 ? this.#luckOf(v) : undefined;
    const values = this.#latencies.subarray(3 * v * samples, 3 * (v + 1) * samples);
    const handedNow = new Float64Array(samples);
    for (let q = 0; q < 3; q++) {
      if (isHanded) weights.handOn(v, q, { latencies: this.#latencies, columns: samples }, handedNow);
      const seen = observed[3 * v + q] as number;
      const usual = handed[q] as number;
      for (let i = 0; i < samples; i++) {
        const at = q * samples + i;
        let value = seen;
        if (isHanded) value += (handedNow[i] as number) - usual;
        if (before !== undefined && now !== undefined) {
          const self = before[at] as number;
          value += (now[at] as number) - self;
          if (luck !== undefined) value += (1 - keep) * ((luck[at] as number) - (seen - usual - self));
        }
        const least = q === 0 ? 0 : (values[at - samples] as number);
        values[at] = Math.max(least, value);
      }
    }
  }

  /** As observed, in every world. */
  #putBack(v: number): void {
    const samples = this.#samples;
    this.#moved[v] = 0;
    for (let at = 3 * v; at < 3 * v + 3; at++) {
      this.#latencies.fill(this.#inputs.observed[at] as number, at * samples, (at + 1) * samples);
    }
  }

  #handedBefore(v: number): Float64Array {
    let handed = this.#handed.get(v);
    if (handed === undefined) {
      handed = new Float64Array(3);
      for (let q = 0; q < 3; q++) handed[q] = this.#model.weights.value(v, q, this.#inputs.observed);
      this.#handed.set(v, handed);
    }
    return handed;
  }

  #selfBefore(v: number): Float64Array {
    let self = this.#self.get(v);
    if (self === undefined) {
      self = this.#model.mechanism.selfTimes(v, (u) => this.#units.before(u), this.#samples);
      this.#self.set(v, self);
    }
    return self;
  }

  /** Residuals of a node drawn from those of the training, [percentile][world]: as likely a one for each percentile. */
  #luckOf(v: number): Float64Array {
    let luck = this.#luck.get(v);
    if (luck === undefined) {
      const { layout, residuals } = this.#model;
      const samples = this.#samples;
      const rng = this.#rng.fork(`noise|${layout.nodes[v]}`);
      luck = new Float64Array(3 * samples);
      for (let i = 0; i < samples; i++) {
        const probability = rng.uniform();
        for (let q = 0; q < 3; q++) luck[q * samples + i] = residualAt(residuals, 3 * v + q, probability);
      }
      this.#luck.set(v, luck);
    }
    return luck;
  }

  /** A node and all that it depends on, causes first. */
  #ancestors(node: number): Int32Array {
    let ancestors = this.#ancestorsOf.get(node);
    if (ancestors === undefined) {
      const { edges, parents } = indexOf(this.#model.layout);
      const found = new Set([node]);
      // A set iterates over what is added while it is walked.
      for (const v of found) {
        for (const parent of parents.subarray(edges[v], edges[v + 1])) found.add(parent);
      }
      ancestors = Int32Array.from(found).sort();
      this.#ancestorsOf.set(node, ancestors);
    }
    return ancestors;
  }
}

/** Why a node moves, beside its residual. */
interface Reason {
  readonly selfChanges: boolean;
  readonly isHanded: boolean;
}
