import type { Answer, Calibrated, Evidence, LabelledCase, Method } from '../observed.js';

/** What the graph of a method by PC is learnt with. */
export interface GraphParameters {
  /** Level of the tests. */
  readonly alpha: number;
  /** Bins of equally many values that each variable is put into. */
  readonly bins: number;
}

/** Most variables that a test is conditioned on. */
export const MOST_GIVEN = 3;

/** Where there is nothing to choose them by. */
const DEFAULT_PARAMETERS: GraphParameters = { alpha: 0.05, bins: 3 };
const CHOICES: readonly GraphParameters[] = [0.01, 0.05, 0.1].flatMap((alpha) =>
  [3, 4, 5].map((bins) => ({ alpha, bins })),
);

/**
 * A method whose parameters are those, of all choices, that name most culprits first on the labelled cases; where there are
 * none, the usual ones.
 */
export function calibratedGraphMethod(
  name: string,
  answererOf: (parameters: GraphParameters) => (evidence: Evidence) => Answer,
): Calibrated {
  const methodOf = (parameters: GraphParameters): Method => ({ name, answer: answererOf(parameters) });
  return {
    name,
    prepare: async (calibration, { progress }) => {
      if (calibration === undefined) return methodOf(DEFAULT_PARAMETERS);
      const guilty = calibration.cases.filter((item) => item.truth().length > 0);
      const scored = CHOICES.map((parameters, index) => {
        const { alpha, bins } = parameters;
        progress(index / CHOICES.length, `choosing parameters, α ${alpha}, ${bins} bins`);
        const answer = answererOf(parameters);
        return { parameters, hits: guilty.filter((item) => isFirstRight(item, answer)).length };
      });
      const best = scored.reduce((a, b) => (b.hits > a.hits ? b : a));
      return methodOf(best.parameters);
    },
  };
}

function isFirstRight({ observed, truth }: LabelledCase, answer: (evidence: Evidence) => Answer): boolean {
  const [first] = answer(observed).ranked;
  return truth().some(({ service }) => service === first?.service);
}
