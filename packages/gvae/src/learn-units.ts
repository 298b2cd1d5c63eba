import type { CausalGraph } from '@sage/causal-graph';
import type { Rng, Window } from '@sage/core';
import { AccuracyMeter } from './accuracy.js';
import { calibrateResiduals, type Residuals } from './calibration.js';
import {
  type Excerpt,
  excerptOf,
  takeParameters,
  takeScales,
  withParameters,
  withResiduals,
} from './excerpt.js';
import { FittedModel, type ModelState } from './fitted-model.js';
import type { HeldOut } from './hold-out.js';
import { type Inputs, inputReader } from './inputs.js';
import type { Layout } from './layout.js';
import { Mechanism } from './mechanism.js';
import type { Parameters } from './parameters.js';
import type { Scales } from './scales.js';
import { train } from './train.js';
import type { Row } from './training-loss.js';

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
  /** Of the nodes of units that do not learn; what is said of others counts for nothing. */
  readonly residuals: Residuals;
  /** Indices of the units that learn; the others stay as they are. */
  readonly units: readonly number[];
  /** service → what its networks will then have learnt from. */
  readonly learntFrom: ModelState['learntFrom'];
}

export interface LearnOptions {
  /** With 0 the units stay as they are, and residuals are measured alone. */
  readonly epochs: number;
  readonly rng: Rng;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: FitProgress) => void) | undefined;
}

/**
 * Trains the units that are to learn, and measures what came of it on windows held out. But for this last figure, which
 * is of the whole model, nothing is read, computed or measured that these units do not need.
 */
export async function learnUnits(
  unfinished: Unfinished,
  windows: HeldOut<Window>,
  options: LearnOptions,
): Promise<FittedModel> {
  const { graph, layout, scales, learntFrom } = unfinished;
  const excerpt = excerptOf(layout, unfinished.units);
  const learnt = await learnExcerpt(excerpt, unfinished, windows, options);
  const parameters = withParameters(excerpt, learnt.parameters, unfinished.parameters);
  const residuals = withResiduals(excerpt, learnt.residuals, unfinished.residuals);
  const heldOut = windows.heldOut.map(inputReader(layout, scales));
  const meter = new AccuracyMeter(layout, heldOut, scales.median);
  const accuracy = meter.measure(new Mechanism(layout, scales, parameters));
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

async function learnExcerpt(
  excerpt: Excerpt,
  { scales: allScales, parameters: allParameters }: Unfinished,
  windows: HeldOut<Window>,
  { epochs, rng, signal, onProgress }: LearnOptions,
): Promise<{ readonly parameters: Parameters; readonly residuals: Residuals }> {
  const { layout, chosen, chosenNodes } = excerpt;
  const scales = takeScales(excerpt, allScales);
  const start = takeParameters(excerpt, allParameters);
  const read = inputReader(layout, scales);
  const training = windows.training.map(read);
  const heldOut = windows.heldOut.map(read);
  const meter = new AccuracyMeter(layout, heldOut, scales.median);
  const asRows = rowMaker(excerpt, new Mechanism(layout, scales, start));
  const parameters =
    epochs === 0
      ? start
      : await train(layout, scales, { training: asRows(training), heldOut: asRows(heldOut) }, start, {
          units: chosen,
          epochs,
          rng,
          signal,
          onEpoch: ({ epoch, loss, squared }) =>
            onProgress?.({ epoch, epochs, loss, r2: meter.overall(squared, chosenNodes) }),
        });
  const mechanism = new Mechanism(layout, scales, parameters);
  return {
    parameters,
    residuals: calibrateResiduals(layout, scales, mechanism, {
      rows: [...training, ...heldOut],
      measuredMs: newestEndMs([...windows.training, ...windows.heldOut]),
    }),
  };
}

function newestEndMs(windows: readonly Window[]): number {
  return windows.reduce((newest, { endMs }) => Math.max(newest, endMs), Number.NEGATIVE_INFINITY);
}

/** What owners that do not learn add to nodes that they share with units that do, with their Z at its mean. */
function rowMaker(
  { layout, chosen }: Excerpt,
  mechanism: Mechanism,
): (inputs: readonly Inputs[]) => readonly Row[] {
  const learning = new Set(chosen);
  const resting = layout.units.flatMap((_, u) => (learning.has(u) ? [] : [u]));
  if (resting.length === 0) return (rows) => rows.map((inputs) => ({ inputs, fixed: undefined }));
  return (rows) => Array.from(mechanism.addedBy(resting, rows), ([inputs, fixed]) => ({ inputs, fixed }));
}
