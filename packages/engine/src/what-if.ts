import type { CausalModel } from '@sage/causal-graph';
import {
  createRng,
  failure,
  type Objective,
  type Outcome,
  objectiveNode,
  RESOURCES,
  type Resource,
  readObjective,
  success,
  type Window,
} from '@sage/core';
import { whatIf as restoredOutlook } from '@sage/root-cause';
import { z } from 'zod';
import { pathText } from './config/issues.js';

const SAMPLES = 256;

const questionSchema = z.strictObject({
  objective: z.string(),
  restore: z
    .array(
      z.strictObject({
        service: z.string(),
        resource: z.enum(RESOURCES as [Resource, ...Resource[]]).optional(),
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
  const input = { model, window, history: normal, objective };
  const outlook = restoredOutlook(question.restore, input, { rng: createRng(1), samples: SAMPLES });
  if (outlook === undefined) {
    return failure(
      'not-ready',
      'the latest window saw no request of this objective, or too few windows before it met it',
    );
  }
  return success({
    objective: objective.name,
    windowEndMs: window.endMs,
    observedMs: readObjective(objective, window).observedMs ?? null,
    counterfactualMs: outlook.medianMs,
    probability: outlook.probability,
  });
}
