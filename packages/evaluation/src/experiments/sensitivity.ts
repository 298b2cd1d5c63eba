import type { Block } from '../report/section.js';
import { percentWords, shareWords } from './accuracy.js';
import type { Experiment, Sizes } from './experiment.js';
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
      const { samplings, sampledRequestsPerSecond: requestsPerSecond } = sizes.sensitivity;
      return samplings.map((sampling) => worldWith(sizes, { sampling, requestsPerSecond }));
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
    return {
      id: sensitivity.id,
      title: sensitivity.title,
      meaning: meaningOf(rows.find(({ knob }) => knob.name === 'sampling')?.rows ?? [], sizes),
      comparisons: [],
      blocks: rows.flatMap(({ knob, rows: own }) => blocksOf(knob, own)),
    };
  },
};

interface Row {
  readonly world: World;
  /** Shares of each method; undefined where nothing could be measured. */
  readonly shares: ReadonlyMap<string, Shares>;
  readonly heldOutR2: number | undefined;
  readonly problem: string | undefined;
}

function rowsOf(knob: Knob, records: readonly StepRecord<WorldResult>[], sizes: Sizes, seed: number): Row[] {
  return knob.worlds(sizes).flatMap((world): Row[] => {
    const { id } = worldStep(world);
    const record = records.find((candidate) => candidate.id === id);
    if (record === undefined) return [];
    const { result } = record;
    if (!result.ok) return [{ world, shares: new Map(), heldOutR2: undefined, problem: result.message }];
    const shares = new Map(
      result.value.methods.flatMap(({ method, cases }) => {
        const own = sharesOf(cases, seed);
        return own === undefined ? [] : [[method, own] as const];
      }),
    );
    return [{ world, shares, heldOutR2: result.value.heldOutR2, problem: undefined }];
  });
}

function blocksOf(knob: Knob, rows: readonly Row[]): Block[] {
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
      caption: `${knob.title}: Sage.`,
      columns: [knob.title, 'accuracy', 'incidents', 'R², held out'],
      rows: sage,
    },
    {
      kind: 'plot',
      name: `sensitivity-${knob.name}`,
      caption: `${knob.title}: accuracy of every method.`,
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

function meaningOf(samplings: readonly Row[], { sensitivity: { topology } }: Sizes): string {
  if (samplings.length === 0) return 'Not measured.';
  const words = samplings.map(({ world, shares, problem }) => {
    const own = shares.get('sage');
    const at = `${100 * world.sampling} %`;
    if (problem !== undefined)
      return `${at} traced: nothing can be said, because a window has too few traces`;
    return `${at} traced: ${own === undefined ? 'no objective broke' : percentWords(own.accuracy.value)}`;
  });
  return [
    `The paper says that Sage “is not sensitive to the tracing frequency” without a figure. Here, in ${shortName(topology)}, its accuracy is: ${words.join('; ')}.`,
    'What decides is not the share but how many traces a window has: objectives are set on the highest percentile that its windows have calls enough for, so that with little tracing faults have to move the median to be noticed at all, and fewer incidents are left to be right about.',
  ].join(' ');
}

function round(value: number): string {
  return String(Number(value.toPrecision(2)));
}
