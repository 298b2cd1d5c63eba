import type { CausalGraph } from '@sage/causal-graph';
import type { Rng, Window } from '@sage/core';
import { AccuracyMeter } from './accuracy.js';
import { calibrateResiduals } from './calibration.js';
import { FittedModel, type ModelState } from './fitted-model.js';
import type { HeldOut } from './hold-out.js';
import { type Inputs, inputReader } from './inputs.js';
import type { Layout } from './layout.js';
import { Mechanism } from './mechanism.js';
import type { Parameters } from './parameters.js';
import type { Scales } from './scales.js';
import { type Row, train } from './train.js';

export interface FitProgress {
  readonly epoch: number;
  readonly epochs: number;
  /** Held-out loss. */
  readonly loss: number;
  /** Held-out R² over the nodes that are trained. */
  readonly r2: number;
}

/** A model of which some units, or all, are still to learn. */
export interface Unfinished {
  readonly graph: CausalGraph;
  readonly layout: Layout;
  readonly scales: Scales;
  readonly parameters: Parameters;
  /** Indices of the units that learn; the others stay as they are. */
  readonly units: readonly number[];
  /** service → what its networks will then have learnt from. */
  readonly learntFrom: ModelState['learntFrom'];
}

export interface LearnOptions {
  readonly epochs: number;
  readonly rng: Rng;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: FitProgress) => void) | undefined;
}

/** Trains the units that are to learn, and measures what came of it on windows held out. */
export async function learnUnits(
  { graph, layout, scales, parameters: start, units, learntFrom }: Unfinished,
  windows: HeldOut<Window>,
  { epochs, rng, signal, onProgress }: LearnOptions,
): Promise<FittedModel> {
  const read = inputReader(layout, scales);
  const training = windows.training.map(read);
  const heldOut = windows.heldOut.map(read);
  const meter = new AccuracyMeter(layout, heldOut, scales.median);
  const nodes = [...new Set(units.flatMap((u) => layout.units[u]?.nodes ?? []))];
  const asRow = rowMaker(layout, new Mechanism(layout, scales, start), units);
  const parameters = await train(
    layout,
    scales,
    { training: training.map(asRow), heldOut: heldOut.map(asRow) },
    start,
    {
      units,
      epochs,
      rng,
      signal,
      onEpoch: ({ epoch, loss, squared }) =>
        onProgress?.({ epoch, epochs, loss, r2: meter.overall(squared, nodes) }),
    },
  );
  const mechanism = new Mechanism(layout, scales, parameters);
  const residuals = calibrateResiduals(layout, scales, mechanism, [...training, ...heldOut]);
  const accuracy = meter.measure(mechanism);
  return new FittedModel({
    graph,
    layout,
    scales,
    parameters,
    residuals,
    r2: accuracy.services,
    foretold: accuracy.foretoldServices,
    overallR2: accuracy.overall,
    foretoldR2: accuracy.foretold,
    learntFrom,
  });
}

/** What owners that do not learn add to nodes that they share with units that do, with their Z at its mean. */
function rowMaker(layout: Layout, mechanism: Mechanism, units: readonly number[]): (inputs: Inputs) => Row {
  const learning = new Set(units);
  const resting = layout.units.flatMap(({ nodes }, u) => {
    if (learning.has(u)) return [];
    return nodes.some((v) => layout.owners[v]?.some((owner) => learning.has(owner))) ? [u] : [];
  });
  if (resting.length === 0) return (inputs) => ({ inputs, fixed: undefined });
  return (inputs) => {
    const fixed = new Float32Array(3 * layout.nodes.length);
    for (const u of resting) {
      const heads = mechanism.heads(u, mechanism.condition(u, inputs), mechanism.posterior(u, inputs).mean);
      layout.units[u]?.nodes.forEach((v, slot) => {
        for (let q = 0; q < 3; q++) {
          fixed[3 * v + q] = (fixed[3 * v + q] as number) + (heads[3 * slot + q] as number);
        }
      });
    }
    return { inputs, fixed };
  };
}
