import { type CausalModel, type Intervention, nodesOwnedBy } from '@sage/causal-graph';
import {
  createRng,
  FEATURES,
  type FeatureName,
  failure,
  median,
  type Objective,
  type Outcome,
  objectiveNode,
  RESOURCES,
  readObjective,
  success,
  type Window,
} from '@sage/core';
import { z } from 'zod';
import { pathText } from './config/issues.js';

const SAMPLES = 256;
/** Windows that met the objective from which normal is taken. */
const MOST_NORMAL = 240;

const questionSchema = z.strictObject({
  objective: z.string(),
  restore: z
    .array(
      z.strictObject({
        service: z.string(),
        resource: z.enum(RESOURCES as [string, ...string[]]).optional(),
      }),
    )
    .min(1),
});

export type WhatIfQuestion = z.output<typeof questionSchema>;

export interface WhatIfAnswer {
  readonly objective: string;
  readonly windowEndMs: number;
  readonly observedMs: number | null;
  /** Median of the objective's percentile had these behaved normally, in ms. */
  readonly counterfactualMs: number;
  /** P(objective holds). */
  readonly probability: number;
}

export interface WhatIfFacts {
  readonly objectives: readonly Objective[];
  readonly model: CausalModel | undefined;
  readonly window: Window | undefined;
  /** Windows outside incidents. */
  readonly normal: readonly Window[];
}

export function parseWhatIf(body: unknown): Outcome<WhatIfQuestion, 'invalid'> {
  const parsed = questionSchema.safeParse(body);
  if (parsed.success) return success(parsed.data);
  const issues = parsed.error.issues.map(({ path, message }) => `${pathText(path) || 'body'}: ${message}`);
  return failure('invalid', issues.join('; '));
}

/** `invalid`: it names what Sage does not know; `not-ready`: there is no model or window to ask yet. */
export function whatIf(
  question: WhatIfQuestion,
  facts: WhatIfFacts,
): Outcome<WhatIfAnswer, 'invalid' | 'not-ready'> {
  const { objectives, model, window, normal } = facts;
  const objective = objectives.find(({ name }) => name === question.objective);
  if (objective === undefined) {
    const names = objectives.map(({ name }) => name).join(', ');
    return failure('invalid', `objective: expected one of ${names}, got ${question.objective}`);
  }
  if (model === undefined) return failure('not-ready', 'there is no model yet: Sage is still learning');
  if (window === undefined) return failure('not-ready', 'there is no window yet');
  const unknown = question.restore.find(({ service }) => !model.graph.services.includes(service));
  if (unknown !== undefined) {
    return failure(
      'invalid',
      `restore: expected one of ${model.graph.services.join(', ')}, got ${unknown.service}`,
    );
  }
  const node = objectiveNode(objective);
  if (!model.graph.latency.some(({ id }) => id === node)) {
    return failure('not-ready', `the model does not know ${objective.operation} of ${objective.service} yet`);
  }
  const met = normal.filter((past) => past.endMs <= window.startMs && !readObjective(objective, past).broken);
  const intervention = restoration(question.restore, model, met.slice(-MOST_NORMAL));
  const prediction = model.predict(model.abduct(window), intervention, {
    samples: SAMPLES,
    rng: createRng(1),
  });
  const draws = prediction.draws(node, objective.percentile);
  if (draws.length === 0) return failure('not-ready', 'the latest window saw no request of this objective');
  return success({
    objective: objective.name,
    windowEndMs: window.endMs,
    observedMs: readObjective(objective, window).observedMs ?? null,
    counterfactualMs: median(draws),
    probability: draws.filter((ms) => ms <= objective.thresholdMs).length / draws.length,
  });
}

/** do(metrics of these = their median in normal windows), what is unexplained of their nodes being normal draws. */
function restoration(
  restore: WhatIfQuestion['restore'],
  model: CausalModel,
  normal: readonly Window[],
): Intervention {
  const metrics = new Map<string, Map<FeatureName, number>>();
  const exogenous = new Map<string, number>();
  for (const { service, resource } of restore) {
    const features = metrics.get(service) ?? new Map<FeatureName, number>();
    metrics.set(service, features);
    for (const [feature, value] of medians(service, normal)) {
      if (resource === undefined || FEATURES[feature].resource === resource) features.set(feature, value);
    }
    for (const { id } of nodesOwnedBy(model.graph, service)) exogenous.set(id, 0);
  }
  return { metrics, exogenous, load: new Map() };
}

function medians(service: string, windows: readonly Window[]): Map<FeatureName, number> {
  const values = new Map<FeatureName, number[]>();
  for (const window of windows) {
    for (const [feature, value] of window.metrics.get(service) ?? []) {
      const list = values.get(feature);
      if (list === undefined) values.set(feature, [value]);
      else list.push(value);
    }
  }
  return new Map([...values].map(([feature, list]) => [feature, median(list)]));
}
