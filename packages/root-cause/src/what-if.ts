import type { Rng } from '@sage/core';
import type { Restoration } from './intervene.js';
import { type DiagnoseInput, resolveOptions } from './options.js';
import { counterfactuals, type Outlook } from './outlook.js';
import { sceneOf } from './scene.js';

/**
 * The objective had these behaved normally, as a diagnosis asks for its suspects. undefined where nothing can be asked: the
 * graph does not know the objective, too little of history met it, or the window saw no request of it.
 */
export function whatIf(
  parts: readonly Restoration[],
  input: DiagnoseInput,
  { rng, samples }: { readonly rng: Rng; readonly samples?: number },
): Outlook | undefined {
  const settings = resolveOptions(samples === undefined ? { rng } : { rng, samples });
  const scene = sceneOf(input, settings);
  if (scene === undefined) return undefined;
  const { model, objective } = input;
  const { facts, ownDelays } = scene;
  const worlds = { objective, rng, samples: settings.samples, facts, ownDelays };
  const outlook = counterfactuals(model, scene.abduction, worlds)(parts);
  return Number.isFinite(outlook.medianMs) ? outlook : undefined;
}
