import { pointsWords } from '../report/comparison-words.js';
import type { Block } from '../report/section.js';
import type { CaseResult } from '../scoring.js';
import { percentWords, shareWords } from './accuracy.js';
import type { Experiment, Sizes } from './experiment.js';
import { type Paired, pairedOf } from './paired.js';
import { type Shares, sharesOf } from './shares.js';
import type { StepRecord } from './step.js';
import { shortName, usualWorld, type World, type WorldResult, worldStep } from './worlds.js';

/** One thing that is varied, and how a world says what it is there. */
interface Knob {
  readonly name: string;
  readonly title: string;
  worlds(sizes: Sizes): readonly World[];
  valueOf(world: World): number;
  wordsOf(world: World): string;
}

const KNOBS: readonly Knob[] = [
  {
    name: 'sampling',
    title: 'Share of requests that are traced',
    worlds: (sizes) => {
      const { shares, ...world } = sizes.sensitivity.sampling;
      return shares.map((sampling) => worldWith(sizes, { ...world, sampling }));
    },
    valueOf: ({ sampling }) => sampling,
    wordsOf: ({ sampling, requestsPerSecond, windowSeconds }) =>
      `${100 * sampling} % (${round(sampling * requestsPerSecond * windowSeconds)} traces a window)`,
  },
  {
    name: 'window-length',
    title: 'Length of a window, the same time learnt from',
    worlds: (sizes) =>
      sizes.sensitivity.windowSeconds.map((windowSeconds) =>
        worldWith(sizes, {
          windowSeconds,
          trainWindows: Math.round((sizes.trainWindows * sizes.windowSeconds) / windowSeconds),
        }),
      ),
    valueOf: ({ windowSeconds }) => windowSeconds,
    wordsOf: ({ windowSeconds }) => `${windowSeconds} s`,
  },
  {
    name: 'history-length',
    title: 'Time learnt from',
    worlds: (sizes) =>
      sizes.sensitivity.trainWindows.map((trainWindows) => worldWith(sizes, { trainWindows })),
    valueOf: ({ trainWindows, windowSeconds }) => (trainWindows * windowSeconds) / 3600,
    wordsOf: ({ trainWindows, windowSeconds }) =>
      `${round((trainWindows * windowSeconds) / 3600)} h (${trainWindows} windows)`,
  },
];

function worldWith(sizes: Sizes, change: Partial<World>): World {
  return usualWorld(sizes, sizes.sensitivity.topology, { calibrationFaults: 0, ...change });
}

/** Trace sampling, window length and history length against accuracy. */
export const sensitivity: Experiment<WorldResult> = {
  id: 'sensitivity',
  title: 'Less tracing, other windows, less history',
  steps: (sizes) => KNOBS.flatMap((knob) => knob.worlds(sizes).map(worldStep)),
  section: (records, { seed, sizes }) => {
    const rows = KNOBS.map((knob) => ({ knob, rows: rowsOf(knob, records, sizes, seed) }));
    const samplings = rows.find(({ knob }) => knob.name === 'sampling')?.rows ?? [];
    const paired = pairedWithMost(samplings, seed);
    return {
      id: sensitivity.id,
      title: sensitivity.title,
      meaning: meaningOf(samplings, paired),
      comparisons: [],
      blocks: rows.flatMap(({ knob, rows: own }) => [
        ...blocksOf(knob, own),
        ...(knob.name === 'sampling' ? pairedBlocks(paired) : []),
      ]),
    };
  },
};

interface Row {
  readonly world: World;
  /** Shares of each method; undefined where nothing could be measured. */
  readonly shares: ReadonlyMap<string, Shares>;
  /** Sage's answers. */
  readonly cases: readonly CaseResult[];
  readonly heldOutR2: number | undefined;
  readonly problem: string | undefined;
}

function rowsOf(knob: Knob, records: readonly StepRecord<WorldResult>[], sizes: Sizes, seed: number): Row[] {
  return knob.worlds(sizes).flatMap((world): Row[] => {
    const { id } = worldStep(world);
    const record = records.find((candidate) => candidate.id === id);
    if (record === undefined) return [];
    const { result } = record;
    if (!result.ok) {
      return [{ world, shares: new Map(), cases: [], heldOutR2: undefined, problem: result.message }];
    }
    const shares = new Map(
      result.value.methods.flatMap(({ method, cases }) => {
        const own = sharesOf(cases, seed);
        return own === undefined ? [] : [[method, own] as const];
      }),
    );
    const cases = result.value.methods.find(({ method }) => method === 'sage')?.cases ?? [];
    return [{ world, shares, cases, heldOutR2: result.value.heldOutR2, problem: undefined }];
  });
}

interface PairedRow {
  readonly most: World;
  readonly world: World;
  readonly paired: Paired;
}

/** Every sampling with the largest: the same simulation, of which less is seen. */
function pairedWithMost(samplings: readonly Row[], seed: number): readonly PairedRow[] {
  const [most, ...others] = [...samplings].sort((a, b) => b.world.sampling - a.world.sampling);
  if (most === undefined) return [];
  return others.flatMap(({ world, cases }): PairedRow[] => {
    const paired = pairedOf(most.cases, cases, seed);
    return paired === undefined ? [] : [{ most: most.world, world, paired }];
  });
}

function pairedBlocks(rows: readonly PairedRow[]): Block[] {
  const [first] = rows;
  if (first === undefined) return [];
  return [
    {
      kind: 'table',
      caption: `The same incidents with ${100 * first.most.sampling} % of requests traced and with less: difference of Sage’s accuracy, in brackets what 95 % of resamplings of the pairs give. Not seen: incidents that break no objective which so few traces can bear.`,
      columns: ['traced', 'incidents of both', 'not seen', 'difference of accuracy'],
      rows: rows.map(({ world, paired: { pairs, unseen, difference } }) => [
        `${100 * world.sampling} %`,
        String(pairs),
        String(unseen),
        pointsWords(difference.value, difference.interval),
      ]),
    },
  ];
}

function blocksOf(knob: Knob, rows: readonly Row[]): Block[] {
  const [first] = rows;
  if (first === undefined) return [];
  const application = shortName(first.world.topology);
  const values = rows.flatMap(({ world, shares }) =>
    [...shares].map(([method, { accuracy }]) => ({
      at: knob.wordsOf(world),
      method,
      value: accuracy.value,
      low: accuracy.interval[0],
      high: accuracy.interval[1],
    })),
  );
  const sage = rows.map(({ world, shares, heldOutR2, problem }) => {
    const own = shares.get('sage');
    return [
      knob.wordsOf(world),
      own === undefined ? (problem ?? 'no incident') : shareWords(own.accuracy),
      own === undefined ? '–' : String(own.cases),
      heldOutR2 === undefined ? '–' : heldOutR2.toFixed(2),
    ];
  });
  const order = [...rows]
    .sort((a, b) => knob.valueOf(a.world) - knob.valueOf(b.world))
    .map(({ world }) => knob.wordsOf(world));
  return [
    {
      kind: 'table',
      caption: `${knob.title}, ${application}: Sage.`,
      columns: [knob.title, 'accuracy', 'incidents', 'R², held out'],
      rows: sage,
    },
    {
      kind: 'plot',
      name: `sensitivity-${knob.name}`,
      caption: `${knob.title}, ${application}: accuracy of every method.`,
      spec: {
        width: 520,
        height: 220,
        data: { values },
        mark: { type: 'line', point: true },
        encoding: {
          x: { field: 'at', type: 'ordinal', sort: order, title: null, axis: { labelAngle: 0 } },
          y: {
            field: 'value',
            type: 'quantitative',
            axis: { format: '%' },
            scale: { domain: [0, 1] },
            title: 'accuracy',
          },
          color: { field: 'method', type: 'nominal', title: null, sort: null },
        },
      },
    },
  ];
}

function meaningOf(samplings: readonly Row[], paired: readonly PairedRow[]): string {
  const [first] = samplings;
  if (first === undefined) return 'Not measured.';
  const words = samplings.map(({ world, shares, problem }) => {
    const own = shares.get('sage');
    const at = `${100 * world.sampling} %`;
    if (problem !== undefined)
      return `${at} traced: nothing can be said, because a window has too few traces`;
    return `${at} traced: ${own === undefined ? 'no objective broke' : percentWords(own.accuracy.value)}`;
  });
  return [
    `The paper says that Sage “is not sensitive to the tracing frequency” without a figure. Here, in ${shortName(first.world.topology)}, its accuracy is: ${words.join('; ')}.`,
    ...paired.map(
      ({ most, world, paired: { pairs, difference } }) =>
        `Of the ${pairs} incidents that are seen with ${100 * most.sampling} % and with ${100 * world.sampling} % traced, the same faults, it names the culprits of ${differenceWords(difference.value)} with the fewer traces: ${pointsWords(difference.value, difference.interval)}.`,
    ),
    'What decides is not the share but how many traces a window has: objectives are set on the highest percentile that its windows have calls enough for, so that with little tracing faults have to move the median to be noticed at all, and fewer incidents are left to be right about.',
  ].join(' ');
}

function differenceWords(value: number): string {
  if (value === 0) return 'as many';
  return value < 0 ? 'fewer' : 'more';
}

function round(value: number): string {
  return String(Number(value.toPrecision(2)));
}
