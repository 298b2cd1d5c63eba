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
import type { Residuals } from './calibration.js';
import type { Layout } from './layout.js';
import { Mechanism } from './mechanism.js';
import { predictWorlds } from './prediction.js';
import { type Inputs, readInputs, type Scales } from './scales.js';

/** Everything a fitted model consists of; what is written to files. */
export interface ModelState {
  readonly graph: CausalGraph;
  readonly layout: Layout;
  readonly scales: Scales;
  readonly parameters: Float32Array;
  readonly residuals: Residuals;
  readonly r2: ReadonlyMap<string, number>;
  /** Held-out R² over all nodes. */
  readonly overallR2: number;
}

/** A trained graphical variational autoencoder. Answers in plain arithmetic: no tensors after the training. */
export class FittedModel implements CausalModel {
  readonly state: ModelState;
  readonly #mechanism: Mechanism;

  constructor(state: ModelState) {
    this.state = state;
    this.#mechanism = new Mechanism(state.layout, state.scales, state.parameters);
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
    const inputs = readInputs(this.state.layout, this.state.scales, window);
    return new GvaeAbduction(this.state, this.#mechanism, window, inputs);
  }

  predict(abduction: Abduction, intervention: Intervention, options: PredictOptions): Prediction {
    if (!(abduction instanceof GvaeAbduction) || abduction.state !== this.state) {
      throw new TypeError(
        'predict needs an abduction made by this very model: call its abduct(window) first',
      );
    }
    const { layout, scales, residuals } = this.state;
    return predictWorlds(
      { layout, scales, residuals, mechanism: this.#mechanism },
      abduction.inputs,
      intervention,
      options,
    );
  }
}

class GvaeAbduction implements Abduction {
  readonly state: ModelState;
  readonly window: Window;
  readonly inputs: Inputs;
  readonly #mechanism: Mechanism;
  #expected: Float64Array | undefined;

  constructor(state: ModelState, mechanism: Mechanism, window: Window, inputs: Inputs) {
    this.state = state;
    this.window = window;
    this.inputs = inputs;
    this.#mechanism = mechanism;
  }

  residual(node: LatencyNodeId, percentile: Percentile): Residual | undefined {
    const v = this.state.layout.nodes.indexOf(node);
    if (v < 0 || this.inputs.seen[v] === 0) return undefined;
    this.#expected ??= this.#mechanism.decode(this.inputs, 'prior', 'observed');
    const at = 3 * v + PERCENTILES.indexOf(percentile);
    const { center, spread } = this.state.residuals;
    const observedMs = this.inputs.observed[at] as number;
    const expectedMs = (this.#expected[at] as number) + (center[at] as number);
    return { observedMs, expectedMs, z: (observedMs - expectedMs) / (spread[at] as number) };
  }
}
