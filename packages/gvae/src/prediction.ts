import type { Intervention, Prediction, PredictOptions } from '@sage/causal-graph';
import { PERCENTILES, type Percentile, type Rng } from '@sage/core';
import type { AbductedWeights } from './abducted-weights.js';
import type { Residuals } from './calibration.js';
import type { Inputs } from './inputs.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import type { Mechanism } from './mechanism.js';
import { type NodeDelay, tookAtLeast } from './node-delays.js';
import { ResidualDraws } from './residual-draws.js';
import type { Scales } from './scales.js';
import { type Setting, settingOf } from './setting.js';
import { UnitWorlds } from './unit-worlds.js';

/** A model, and what a window says of its edges. */
export interface WindowModel extends PredictiveModel {
  readonly weights: AbductedWeights;
  /** By node. */
  readonly delays: ReadonlyMap<number, NodeDelay>;
}

export interface PredictiveModel {
  readonly layout: Layout;
  readonly scales: Scales;
  readonly mechanism: Mechanism;
  readonly residuals: Residuals;
}

/**
 * Draws worlds after interventions on one window. In a world in which what X does not explain of a node stays, it moves
 * from what was observed by what changed:
 *
 *   Y' = Y + [handed(parents') − handed(parents)] + [self(X', Z) − self(X, Z)]
 *
 * so that nothing done gives exactly what was observed, and what does not descend from anything done is not computed at
 * all; but at least to what its own delay makes of it, where means tell of one that what it was handed has hidden. In a world
 * in which it goes, latents and residual are normal ones:
 *
 *   Y' = handed(parents') + self(X', E[Z | X']) + draw
 *
 * with a draw of the residuals that were seen about that very mean, those of what X leaves open and of what the model
 * has wrong, of all nodes as they went together in one window. How the encoder shares what was seen out between the owners
 * of a node plays no part in it. Which of the two holds is one fact of a world: a service that is to blame for a part k of
 * one node and more of another is to blame for both, or for none. Noise comes from named streams, so it is the same for
 * every intervention. A node is computed in all worlds at once.
 */
export class Worlds {
  readonly #model: WindowModel;
  readonly #inputs: Inputs;
  readonly #samples: number;
  readonly #units: UnitWorlds;
  readonly #residuals: ResidualDraws;
  /** [world], uniform, ascending: what is not explained goes where this lies below the part that is to go. */
  readonly #whose: Float64Array;
  /** [node][percentile][world], ms: what was observed, but while a prediction moves it. */
  readonly #latencies: Float64Array;
  /** [node]: 1 where `#latencies` has it: of a large application most is never asked for. */
  readonly #filled: Uint8Array;
  /** What is done in the worlds that `#latencies` has. */
  #setting: Setting | undefined;
  /** Nodes that an owner then adds something else to than before. */
  readonly #changing = new Set<number>();
  /** [node]: 1 where its latencies are those under what is done… */
  readonly #settled: Uint8Array;
  /** …and 1 where that moves it. */
  readonly #moved: Uint8Array;
  /**
   * Of nodes, when first asked for: what they are handed as observed, [percentile]; their own times before anything is
   * done, and draws of their residuals, [percentile][world].
   */
  readonly #handed = new Map<number, Float64Array>();
  readonly #self = new Map<number, Float64Array>();
  readonly #luck = new Map<number, Float64Array>();
  readonly #rng: Rng;
  readonly #ancestorsOf = new Map<number, Int32Array>();
  /** Several nodes are asked for after one intervention, one after the other. */
  #last: { readonly intervention: Intervention; readonly setting: Setting } | undefined;

  constructor(model: WindowModel, inputs: Inputs, { samples = 64, rng }: PredictOptions) {
    if (!Number.isInteger(samples) || samples < 1) {
      throw new RangeError(`samples must be a whole number of at least 1, not ${samples}`);
    }
    this.#model = model;
    this.#inputs = inputs;
    this.#samples = samples;
    this.#rng = rng;
    this.#units = new UnitWorlds(model, inputs, { worlds: samples, rng });
    this.#residuals = new ResidualDraws(model, { worlds: samples, rng });
    // Spread evenly: a probability is then as exact as the number of worlds allows.
    const shift = rng.fork('whose').uniform();
    this.#whose = Float64Array.from({ length: samples }, (_, i) => (i + shift) / samples);
    this.#moved = new Uint8Array(model.layout.nodes.length);
    this.#settled = new Uint8Array(model.layout.nodes.length);
    this.#filled = new Uint8Array(model.layout.nodes.length);
    this.#latencies = new Float64Array(samples * inputs.observed.length);
  }

  predict(intervention: Intervention): Prediction {
    const { layout } = this.#model;
    const setting = this.#settingOf(intervention);
    return {
      draws: (node, percentile) => {
        const v = indexOf(layout).node.get(node);
        if (v === undefined) throw new RangeError(`the model has no latency node ${node}`);
        return this.#draw(setting, v, PERCENTILES.indexOf(percentile satisfies Percentile));
      },
    };
  }

  #settingOf(intervention: Intervention): Setting {
    if (this.#last?.intervention !== intervention) {
      this.#last = { intervention, setting: settingOf(intervention, this.#inputs, this.#model) };
    }
    return this.#last.setting;
  }

  /** Percentile `q` of a node, [world]: moves what something done reaches and the node depends on, causes first. */
  #draw(setting: Setting, target: number, q: number): Float64Array {
    this.#enter(setting);
    const { edges, parents } = indexOf(this.#model.layout);
    for (const v of this.#ancestors(target)) {
      if (this.#settled[v] === 1) continue;
      this.#settled[v] = 1;
      let isHanded = false;
      const end = edges[v + 1] as number;
      for (let e = edges[v] as number; e < end && !isHanded; e++) {
        isHanded = this.#moved[parents[e] as number] === 1;
      }
      const selfChanges = this.#changing.has(v);
      if (!isHanded && !selfChanges && !setting.keep.has(v)) continue;
      if (isHanded) for (let e = edges[v] as number; e < end; e++) this.#fill(parents[e] as number);
      this.#move(v, setting, { selfChanges, isHanded });
      this.#filled[v] = 1;
      this.#moved[v] = 1;
    }
    this.#fill(target);
    return this.#valuesOf(target, q).slice();
  }

  /** Leaves the worlds of another intervention, if there was one. */
  #enter(setting: Setting): void {
    if (this.#setting === setting) return;
    this.#setting = setting;
    this.#settled.fill(0);
    for (let v = this.#moved.indexOf(1); v >= 0; v = this.#moved.indexOf(1, v)) this.#putBack(v);
    this.#changing.clear();
    for (const u of setting.units.keys()) {
      for (const v of this.#model.layout.units[u]?.nodes ?? []) this.#changing.add(v);
    }
  }

  #move(v: number, setting: Setting, { selfChanges, isHanded }: Reason): void {
    const { mechanism } = this.#model;
    const samples = this.#samples;
    const gone = this.#worldsBelow(1 - (setting.keep.get(v) ?? 1));
    const handed = this.#handedBefore(v);
    const usual =
      gone > 0 ? mechanism.selfTimes(v, (u) => this.#units.expected(u, setting.units.get(u)), 1) : undefined;
    const luck = usual && this.#luckOf(v);
    const before = selfChanges && gone < samples ? this.#selfBefore(v) : undefined;
    const now =
      before && mechanism.selfTimes(v, (u) => this.#units.abducted(u, setting.units.get(u)), samples);
    const met = this.#meet(v, isHanded);
    const delay = isHanded && gone < samples ? this.#model.delays.get(v) : undefined;
    const least = delay && tookAtLeast(delay, { before: handed, now: met, worlds: samples, rng: this.#rng });
    for (let q = 0; q < 3; q++) {
      const [first, end] = [q * samples, (q + 1) * samples];
      for (let at = first; usual && luck && at < first + gone; at++) {
        met[at] = (met[at] as number) + ((usual[q] as number) + (luck[at] as number));
      }
      const rest = (this.#inputs.observed[3 * v + q] as number) - (handed[q] as number);
      for (let at = first + gone; at < end; at++) {
        const stays =
          least === undefined ? rest : Math.max(rest, (least[at] as number) - (met[at] as number));
        const own = now && before ? stays + (now[at] as number) - (before[at] as number) : stays;
        met[at] = (met[at] as number) + own;
      }
      for (let at = first; at < end; at++) {
        met[at] = Math.max(q === 0 ? 0 : (met[at - samples] as number), met[at] as number);
      }
    }
  }

  /** What a node is handed, [percentile][world], in the place of what it then takes. */
  #meet(v: number, isHanded: boolean): Float64Array {
    const samples = this.#samples;
    const from = { latencies: this.#latencies, columns: samples };
    for (let q = 0; q < 3; q++) {
      const values = this.#valuesOf(v, q);
      if (isHanded) this.#model.weights.handOn(v, q, from, values);
      else values.fill(this.#handedBefore(v)[q] as number);
    }
    return this.#latencies.subarray(3 * v * samples, 3 * (v + 1) * samples);
  }

  /** [world], of a percentile of a node, to be written to. */
  #valuesOf(v: number, q: number): Float64Array {
    const at = (3 * v + q) * this.#samples;
    return this.#latencies.subarray(at, at + this.#samples);
  }

  /** In how many worlds, the first ones, what is not explained goes where such a part of it does. */
  #worldsBelow(part: number): number {
    let worlds = 0;
    while (worlds < this.#samples && (this.#whose[worlds] as number) < part) worlds++;
    return worlds;
  }

  #fill(v: number): void {
    if (this.#filled[v] === 1) return;
    this.#filled[v] = 1;
    this.#putBack(v);
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
      self = this.#model.mechanism.selfTimes(v, (u) => this.#units.abducted(u), this.#samples);
      this.#self.set(v, self);
    }
    return self;
  }

  #luckOf(v: number): Float64Array {
    let luck = this.#luck.get(v);
    if (luck === undefined) {
      luck = this.#residuals.of(v);
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
