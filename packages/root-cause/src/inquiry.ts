import type { GraphView } from './graph-view.js';
import { lastingProbability } from './lasting.js';
import { type LeadingLoad, leadingLoad } from './leading-load.js';
import type { NormalReference } from './normal-reference.js';
import type { DiagnoseInput, Settings } from './options.js';
import { type Counterfactuals, counterfactuals, type WorldOptions } from './outlook.js';
import { readScene, type Scene } from './scene.js';

/** A broken objective and what its cause is sought with: what was seen, what is normal, and whom to ask "what if". */
export interface Inquiry extends DiagnoseInput {
  readonly settings: Settings;
  readonly reference: NormalReference;
  readonly scene: Scene;
  readonly observedMs: number;
  /** What it takes beyond its usual latency, or beyond its threshold where it is usually slower than that. */
  readonly excessMs: number;
  /** How likely what broke the objective is no matter of a pause or two that are over. */
  readonly lasts: number;
  readonly load: LeadingLoad;
  /** Present load over the reference's. */
  readonly growth: number;
  /** The same worlds for every question. */
  readonly worlds: WorldOptions;
  readonly ask: Counterfactuals;
}

/** Abduction: what each service suffered, whose the latency is that two could have caused, and the worlds to ask in. */
export function openInquiry(
  input: DiagnoseInput,
  {
    settings,
    view,
    reference,
    observedMs,
  }: {
    readonly settings: Settings;
    readonly view: GraphView;
    readonly reference: NormalReference;
    readonly observedMs: number;
  },
): Inquiry {
  const { model, window, history, objective } = input;
  const scene = readScene(input, { view, reference, threshold: settings.anomalyThreshold });
  const worlds = {
    objective,
    rng: settings.rng.fork('worlds'),
    samples: settings.samples,
    ownDelays: scene.ownDelays,
  };
  const load = leadingLoad(window, reference, objective);
  const target = window.latency.get(view.target.id);
  const windowMs = window.endMs - window.startMs;
  const normalMs = reference.latency(view.target.id, objective.percentile)?.center ?? objective.thresholdMs;
  return {
    model,
    window,
    history,
    objective,
    settings,
    reference,
    scene,
    observedMs,
    excessMs: Math.max(0, observedMs - Math.min(normalMs, objective.thresholdMs)),
    lasts: target === undefined ? 1 : lastingProbability(target, { ...objective, windowMs }),
    load,
    growth: load.usualPerSecond > 0 ? load.perSecond / load.usualPerSecond : 1,
    worlds,
    ask: counterfactuals(model, scene.abduction, { ...worlds, facts: scene.facts }),
  };
}
