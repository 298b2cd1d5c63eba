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

/** Cases that every choice is tried on, at most. */
const MOST_CASES = 64;

/** Where there is nothing to choose them by. */
const DEFAULT_PARAMETERS: GraphParameters = { alpha: 0.05, bins: 3 };
const CHOICES: readonly GraphParameters[] = [0.01, 0.05, 0.1].flatMap((alpha) =>
  [3, 4, 5].map((bins) => ({ alpha, bins })),
);

/**
 * A method whose parameters are those, of all choices, that name most culprits and their resources first on the labelled cases; where there are
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
      const guilty = someOf(
        calibration.cases.filter((item) => item.truth().length > 0),
        MOST_CASES,
      );
      const scored = CHOICES.map((parameters, index) => {
        const { alpha, bins } = parameters;
        progress(index / CHOICES.length, `choosing parameters, α ${alpha}, ${bins} bins`);
        const answer = answererOf(parameters);
        return { parameters, hits: guilty.reduce((sum, item) => sum + hitsOf(item, answer), 0) };
      });
      const best = scored.reduce((a, b) => (b.hits > a.hits ? b : a));
      return methodOf(best.parameters);
    },
  };
}

/** 1 for the right service first, and 1 for its right resource. */
function hitsOf({ observed, truth }: LabelledCase, answer: (evidence: Evidence) => Answer): number {
  const [first] = answer(observed).ranked;
  const culprit = truth().find(({ service }) => service === first?.service);
  if (culprit === undefined) return 0;
  return culprit.resource === first?.resource ? 2 : 1;
}

/** At most so many, evenly spread. */
function someOf<T>(items: readonly T[], most: number): readonly T[] {
  const every = Math.ceil(items.length / most);
  return items.filter((_, i) => i % every === 0);
}
