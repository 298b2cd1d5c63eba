import { FEATURES, type Window } from '@sage/core';
import type { Answer, Calibrated, Evidence, LabelledWindow, PrepareOptions, Ranked } from '../../observed.js';
import { metricOf, standardiser } from '../columns.js';
import { normalWindows } from '../reference-windows.js';
import { type Reference, References } from '../references.js';
import { type DepthScale, depthScale, scaleSpan, spansOf, tierOrder } from './examples.js';
import { type Example, SeerNetwork } from './network.js';

/** Of the labelled windows with nobody to blame so many are left out for one that is learnt from. */
const CALM_ONE_IN = 3;
/** One labelled window in so many is held out: it says when to stop, and from which probability on to blame. */
const HELD_OUT_ONE_IN = 5;
/** Windows in a row that are held out together. */
const HELD_OUT_RUN = 4;
const THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/**
 * Seer (Gan et al., ASPLOS 2019): a network that is trained, with labels, to name the tier that is about to break the
 * objective from the depths of all tiers' queues through time, tiers in the order of calls: a convolution over (time ×
 * tiers), an LSTM over what it gives, an output for each tier. What the tier it names is short of is then read from that
 * tier's own counters.
 *
 * Decided here: an output is a probability by itself and not a share of one, which does better with several culprits. The
 * depth is the number of calls outstanding at a tier, on its network, waiting and being served, the mean of each second; the
 * network sees half a window at a time and the mean of what it says is the answer. Queues of a production system cannot be
 * known without changing kernels, and labels not at all: only a simulated application gives it both.
 */
export const seerMethod: Calibrated = {
  name: 'seer',
  prepare: async (calibration, options) => {
    const graph = calibration?.cases[0]?.observed.graph;
    if (calibration === undefined || graph === undefined) return undefined;
    const trained = await train(calibration.windows, tierOrder(graph), options);
    const references = new References();
    return { name: 'seer', answer: (observed) => answerOf(observed, trained, references) };
  },
};

/** What it takes to answer. */
export interface TrainedSeer {
  readonly tiers: readonly string[];
  readonly scale: DepthScale;
  readonly network: SeerNetwork;
  /** Blamed from this probability on. */
  readonly threshold: number;
}

export async function train(
  windows: readonly LabelledWindow[],
  tiers: readonly string[],
  { rng, progress }: PrepareOptions,
): Promise<TrainedSeer> {
  const guilty = windows.filter(({ truth }) => truth.length > 0);
  const calm = windows.filter(({ truth }) => truth.length === 0).filter((_, i) => i % CALM_ONE_IN === 0);
  const [heldOut, training] = [true, false].map((isHeldOut) =>
    // Of each kind in the order of time, in runs, since windows of one fault are much alike.
    [guilty, calm].flatMap((kind) =>
      kind.filter((_, i) => (Math.floor(i / HELD_OUT_RUN) % HELD_OUT_ONE_IN === 0) === isHeldOut),
    ),
  ) as [LabelledWindow[], LabelledWindow[]];
  const scale = depthScale(
    training.flatMap(({ queueDepths }) => spansOf(queueDepths, tiers)),
    tiers.length,
  );
  const examplesOf = (labelled: readonly LabelledWindow[]): Example[] =>
    labelled.flatMap((item) => {
      const blame = blameOf(item, tiers);
      return spansOf(item.queueDepths, tiers).map((span) => ({ span: scaleSpan(span, scale), blame }));
    });
  const network = await SeerNetwork.fit(examplesOf(training), examplesOf(heldOut), {
    tiers: tiers.length,
    rng,
    onEpoch: (part, loss) => progress(part, `training, loss ${loss.toFixed(3)}`),
  });
  return { tiers, scale, network, threshold: bestThreshold(heldOut, { tiers, scale, network }) };
}

function blameOf({ truth }: LabelledWindow, tiers: readonly string[]): Float32Array {
  return Float32Array.from(tiers, (tier) => Number(truth.some(({ service }) => service === tier)));
}

/** That with the best F1 over tiers and held-out windows. */
function bestThreshold(heldOut: readonly LabelledWindow[], trained: Omit<TrainedSeer, 'threshold'>): number {
  const judged = heldOut.flatMap((item) => {
    const blame = blameOf(item, trained.tiers);
    const said = trained.network.blame(scaledSpans(item, trained));
    return [...said].map((probability, tier) => ({ probability, isToBlame: blame[tier] === 1 }));
  });
  const causes = judged.filter(({ isToBlame }) => isToBlame).length;
  const f1 = (threshold: number) => {
    const blamed = judged.filter(({ probability }) => probability >= threshold);
    return (2 * blamed.filter(({ isToBlame }) => isToBlame).length) / (blamed.length + causes);
  };
  return THRESHOLDS.reduce((best, threshold) => (f1(threshold) > f1(best) ? threshold : best));
}

function scaledSpans(
  { queueDepths }: Pick<LabelledWindow, 'queueDepths'>,
  { tiers, scale }: Pick<TrainedSeer, 'tiers' | 'scale'>,
) {
  return spansOf(queueDepths, tiers).map((span) => scaleSpan(span, scale));
}

function answerOf(evidence: Evidence, trained: TrainedSeer, references: References): Answer {
  const { queueDepths } = evidence;
  if (queueDepths === undefined) return { verdict: 'undetermined', blamed: [], ranked: [] };
  const said = trained.network.blame(scaledSpans({ queueDepths }, trained));
  const normal = references.of(evidence, normalWindows(evidence));
  const ranked = trained.tiers
    .map((service, tier) => ({ service, probability: said[tier] as number }))
    .sort((a, b) => b.probability - a.probability)
    .map(
      ({ service, probability }): Ranked => ({
        service,
        resource: resourceOf(service, evidence.window, normal),
        probability,
      }),
    );
  const blamed = ranked.filter(({ probability }) => probability >= trained.threshold);
  return { verdict: blamed.length > 0 ? 'culprits' : 'undetermined', blamed, ranked };
}

/** Of the counter that is farthest from what is normal. */
function resourceOf(service: string, window: Window, normal: Reference): Ranked['resource'] {
  const odd = [...(window.metrics.get(service)?.keys() ?? [])].map((feature) => ({
    resource: FEATURES[feature].resource,
    z: Math.abs(standardiser(metricOf(service, feature), normal)(window)),
  }));
  return odd.length === 0 ? null : odd.reduce((a, b) => (b.z > a.z ? b : a)).resource;
}
