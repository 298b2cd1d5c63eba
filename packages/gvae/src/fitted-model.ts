import type {
  Abduction,
  CausalGraph,
  CausalModel,
  Intervention,
  Prediction,
  PredictOptions,
  Residual,
} from '@sage/causal-graph';
import { type LatencyNodeId, PERCENTILES, type Percentile, type Window } from '@sage/core';
import { AbductedWeights } from './abducted-weights.js';
import type { Residuals } from './calibration.js';
import { type Inputs, inputReader } from './inputs.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import { Mechanism } from './mechanism.js';
import type { Parameters } from './parameters.js';
import { type PredictiveModel, Worlds } from './prediction.js';
import type { Scales } from './scales.js';

/** Everything a fitted model consists of; what is written to files. */
export interface ModelState {
  readonly graph: CausalGraph;
  readonly layout: Layout;
  readonly scales: Scales;
  readonly parameters: Parameters;
  readonly residuals: Residuals;
  readonly r2: ReadonlyMap<string, number>;
  /** Held-out R² over all nodes. */
  readonly overallR2: number;
}

/** A trained graphical variational autoencoder. Answers in plain arithmetic: no tensors after the training. */
export class FittedModel implements CausalModel {
  readonly state: ModelState;
  readonly #mechanism: Mechanism;
  readonly #read: (window: Window) => Inputs;

  constructor(state: ModelState) {
    this.state = state;
    this.#mechanism = new Mechanism(state.layout, state.scales, state.parameters);
    this.#read = inputReader(state.layout, state.scales);
  }

  get graph(): CausalGraph {
    return this.state.graph;
  }

  get r2(): ReadonlyMap<string, number> {
    return this.state.r2;
  }

  get overallR2(): number {
    return this.state.overallR2;
  }

  /** The learnt weight of each edge beside the graph's, for inspection. */
  edgeWeights(): readonly { parent: LatencyNodeId; child: LatencyNodeId; prior: number; learnt: number }[] {
    const { edges, nodes } = this.state.layout;
    return edges.map(({ parent, child, weight }, e) => ({
      parent: nodes[parent] as string,
      child: nodes[child] as string,
      prior: weight,
      learnt: this.#mechanism.weights[e] as number,
    }));
  }

  /**
   * Inputs of every network are held within what training saw: what that range cannot explain stays in the residual,
   * and is moved only by an intervention's `exogenous`.
   */
  abduct(window: Window): Abduction {
    const { layout, scales, residuals } = this.state;
    const model = { layout, scales, residuals, mechanism: this.#mechanism };
    return new GvaeAbduction(this.state, model, window, this.#read(window));
  }

  /** Interventions on one abduction with one `rng` share their worlds, and most of the work. */
  predict(abduction: Abduction, intervention: Intervention, options: PredictOptions): Prediction {
    if (!(abduction instanceof GvaeAbduction) || abduction.state !== this.state) {
      throw new TypeError(
        'predict needs an abduction made by this very model: call its abduct(window) first',
      );
    }
    return abduction.worlds(options).predict(intervention);
  }
}

/** Expected calls in a window without any of which something is amiss with the traces. */
const CALLS_TO_BE_SEEN = 5;

class GvaeAbduction implements Abduction {
  readonly state: ModelState;
  readonly window: Window;
  readonly #model: PredictiveModel;
  readonly #inputs: Inputs;
  #explained: { readonly alone: Float64Array; readonly weights: AbductedWeights } | undefined;
  #worlds: { readonly options: PredictOptions; readonly worlds: Worlds } | undefined;

  constructor(state: ModelState, model: PredictiveModel, window: Window, inputs: Inputs) {
    this.state = state;
    this.window = window;
    this.#model = model;
    this.#inputs = inputs;
  }

  worlds(options: PredictOptions): Worlds {
    const last = this.#worlds;
    if (last?.options.rng === options.rng && last.options.samples === options.samples) return last.worlds;
    const worlds = new Worlds({ ...this.#model, weights: this.#explain().weights }, this.#inputs, options);
    this.#worlds = { options, worlds };
    return worlds;
  }

  residual(node: LatencyNodeId, percentile: Percentile): Residual | undefined {
    const { layout, residuals } = this.state;
    const v = indexOf(layout).node.get(node);
    if (v === undefined || this.#inputs.seen[v] === 0) return undefined;
    if (this.#lacksCause(v)) return undefined;
    const { alone, weights } = this.#explain();
    const q = PERCENTILES.indexOf(percentile);
    const at = 3 * v + q;
    const observedMs = this.#inputs.observed[at] as number;
    const expectedMs = (alone[at] as number) + weights.handedOn(v, q, this.#inputs.observed);
    return { observedMs, expectedMs, z: (observedMs - expectedMs) / (residuals.spread[at] as number) };
  }

  /** Whether calls that a node makes so often that some were to be seen are missing: then nothing tells what it waited for. */
  #lacksCause(node: number): boolean {
    const { layout } = this.state;
    const { edges } = indexOf(layout);
    const count = this.window.latency.get(layout.nodes[node] as string)?.count ?? 0;
    return layout.edges
      .slice(edges[node], edges[node + 1])
      .some(
        ({ parent, calls, aggregate }) =>
          !aggregate && this.#inputs.seen[parent] === 0 && calls * count >= CALLS_TO_BE_SEEN,
      );
  }

  /** What each node is expected to add to what it is handed, and what the window says of the edges' weights. */
  #explain() {
    if (this.#explained === undefined) {
      const { mechanism, layout, scales, residuals } = this.#model;
      const { observed } = this.#inputs;
      const expected = mechanism.decode(this.#inputs, 'prior', 'observed');
      const residual = observed.map(
        (ms, at) => ms - (expected[at] as number) - (residuals.center[at] as number),
      );
      const alone = expected.map((ms, at) => {
        const handed = mechanism.handedOn(Math.floor(at / 3), at % 3, observed);
        return ms - handed + (residuals.center[at] as number);
      });
      const weights = new AbductedWeights(layout, mechanism.handing, mechanism.weights, {
        observed,
        usual: scales.median,
        residual,
      });
      this.#explained = { alone, weights };
    }
    return this.#explained;
  }
}
