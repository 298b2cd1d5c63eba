import type {
  Abduction,
  CausalGraph,
  CausalModel,
  Intervention,
  Prediction,
  PredictOptions,
  Residual,
} from '@sage/causal-graph';
import { LATENCY_ACCURACY, type LatencyNodeId, PERCENTILES, type Percentile, type Window } from '@sage/core';
import { AbductedWeights } from './abducted-weights.js';
import { type Residuals, spreadAbove } from './calibration.js';
import { type Inputs, inputReader } from './inputs.js';
import { lackingCauses } from './lacking-causes.js';
import type { Layout } from './layout.js';
import { indexOf } from './layout-index.js';
import { Mechanism } from './mechanism.js';
import { leftBeside, type NodeDelay, nodeDelays } from './node-delays.js';
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
  readonly foretold: ReadonlyMap<string, number>;
  /** Held-out R² over all nodes, of reconstruction and of what is foretold: see `Accuracy`. */
  readonly overallR2: number;
  readonly foretoldR2: number;
  /** service → what its networks have learnt from last. */
  readonly learntFrom: ReadonlyMap<string, LearntFrom>;
}

export interface LearntFrom {
  /** Start of the first window. */
  readonly sinceMs: number;
  readonly windows: number;
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

  get foretold(): ReadonlyMap<string, number> {
    return this.state.foretold;
  }

  get overallR2(): number {
    return this.state.overallR2;
  }

  get foretoldR2(): number {
    return this.state.foretoldR2;
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

  /** The window encoded and decoded again along the graph, ms; of the nodes that it saw. Compare it with what was observed. */
  reconstruct(window: Window): ReadonlyMap<LatencyNodeId, Readonly<Record<Percentile, number>>> {
    const inputs = this.#read(window);
    const decoded = this.#mechanism.decode(inputs, 'posterior', 'decoded');
    const reconstructed = new Map<LatencyNodeId, Readonly<Record<Percentile, number>>>();
    this.state.layout.nodes.forEach((node, v) => {
      if (inputs.seen[v] === 0) return;
      const [p50Ms, p95Ms, p99Ms] = decoded.subarray(3 * v, 3 * v + 3) as unknown as [number, number, number];
      reconstructed.set(node, { p50Ms, p95Ms, p99Ms });
    });
    return reconstructed;
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

class GvaeAbduction implements Abduction {
  readonly state: ModelState;
  readonly window: Window;
  readonly #model: PredictiveModel;
  readonly #inputs: Inputs;
  #explained: Explanation | undefined;
  #worlds: { readonly options: PredictOptions; readonly worlds: Worlds } | undefined;

  constructor(state: ModelState, model: PredictiveModel, window: Window, inputs: Inputs) {
    this.state = state;
    this.window = window;
    this.#model = model;
    this.#inputs = inputs;
  }

  worlds(options: PredictOptions): Worlds {
    const last = this.#worlds;
    if (
      last?.options.rng === options.rng &&
      last.options.samples === options.samples &&
      last.options.ownDelays === options.ownDelays
    )
      return last.worlds;
    const { layout, scales, residuals, mechanism } = this.#model;
    const delays = nodeDelays(this.#model, this.#inputs, options.ownDelays ?? new Map());
    const weights = this.#weightsBeside(delays);
    const model = { layout, scales, residuals, mechanism, weights, delays };
    const worlds = new Worlds(model, this.#inputs, options);
    this.#worlds = { options, worlds };
    return worlds;
  }

  residual(node: LatencyNodeId, percentile: Percentile): Residual | undefined {
    const { layout, residuals } = this.state;
    const v = indexOf(layout).node.get(node);
    if (v === undefined || this.#inputs.seen[v] === 0) return undefined;
    const { expected, lacking } = this.#explain();
    if (lacking[v] === 1) return undefined;
    const at = 3 * v + PERCENTILES.indexOf(percentile);
    const observedMs = this.#inputs.observed[at] as number;
    const expectedMs = expected[at] as number;
    // Both come of what was read off sketches.
    const readingMs = LATENCY_ACCURACY * Math.hypot(Math.min(observedMs, expectedMs), expectedMs);
    const spreadMs = Math.hypot(spreadAbove(residuals, at), readingMs);
    return { observedMs, expectedMs, z: (observedMs - expectedMs) / spreadMs };
  }

  /** What a node's own delay explains is not looked for in its calls. */
  #weightsBeside(delays: ReadonlyMap<number, NodeDelay>): AbductedWeights {
    const { weights, residual } = this.#explain();
    if (delays.size === 0) return weights;
    return abductWeights(this.#model, this.#inputs, leftBeside(delays, residual));
  }

  /** What each node is expected to take, what the window says of the edges' weights, and which nodes lack causes. */
  #explain(): Explanation {
    this.#explained ??= explain(this.#model, this.window, this.#inputs);
    return this.#explained;
  }
}

interface Explanation {
  /** Given observed parents, ms, [node][percentile]. */
  readonly expected: Float64Array;
  readonly weights: AbductedWeights;
  /** Observed less what is expected of usual weights, ms, [node][percentile]. */
  readonly residual: Float64Array;
  readonly lacking: Uint8Array;
}

function explain(model: PredictiveModel, window: Window, inputs: Inputs): Explanation {
  const { mechanism, layout, residuals } = model;
  const { observed } = inputs;
  const expected = mechanism.decode(inputs, 'prior', 'observed');
  for (let at = 0; at < expected.length; at++) {
    expected[at] = (expected[at] as number) + (residuals.center[at] as number);
  }
  const residual = observed.map((ms, at) => ms - (expected[at] as number));
  const weights = abductWeights(model, inputs, residual);
  for (let v = 0; v < layout.nodes.length; v++) {
    if (!mechanism.handing.has(v)) continue;
    for (let q = 0; q < 3; q++) {
      const more = weights.value(v, q, observed) - mechanism.handedOn(v, q, observed);
      expected[3 * v + q] = (expected[3 * v + q] as number) + more;
    }
  }
  return { expected, weights, residual, lacking: lackingCauses(layout, window, inputs.seen) };
}

function abductWeights(
  { layout, mechanism, scales, residuals }: PredictiveModel,
  { observed, counts }: Inputs,
  residual: Float64Array,
): AbductedWeights {
  const { handing, weights } = mechanism;
  const usual = scales.median;
  return new AbductedWeights(layout, handing, weights, {
    observed,
    usual,
    residual,
    noise: residuals.spread,
    counts,
  });
}
