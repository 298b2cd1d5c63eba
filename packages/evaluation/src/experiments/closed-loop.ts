import { median } from '@sage/core';
import { type ClosedLoopWorld, NOBODY, closedLoop as runClosedLoop } from '../closed-loop/closed-loop.js';
import { type ClosedLoopFigures, figuresOf, type PolicyFigures } from '../closed-loop/figures.js';
import { ALL_KNOWING } from '../closed-loop/policy.js';
import type { Block, Comparison } from '../report/section.js';
import { percentWords } from './accuracy.js';
import { latencyPlot } from './closed-loop-plot.js';
import type { Experiment, Sizes } from './experiment.js';
import { shortName } from './worlds.js';

/** “Latency always recovers at most after two sampling intervals from the QoS violation.” */
const PAPER_INTERVALS = 2;

/** Fig. 5a of the paper: tail latency of an application in which each system acts on what it finds. */
export const closedLoop: Experiment<ClosedLoopFigures> = {
  id: 'closed-loop',
  title: 'Acting on it: tail latency under each policy (Fig. 5a)',
  steps: (sizes) => {
    const world = worldOf(sizes);
    return [
      {
        id: `closed-loop/${shortName(world.topology)}`,
        options: world,
        run: async ({ seed, nowMs, progress }) =>
          figuresOf(await runClosedLoop({ ...world, seed, nowMs, progress }), world.windowSeconds),
      },
    ];
  },
  section: ([record], { sizes }) => {
    const figures = record?.result;
    return {
      id: closedLoop.id,
      title: closedLoop.title,
      meaning: figures === undefined ? 'Not measured.' : meaningOf(figures),
      comparisons: figures === undefined ? [] : comparisonsOf(figures, worldOf(sizes)),
      blocks: figures === undefined ? [] : blocksOf(figures),
    };
  },
};

function worldOf({
  closedLoop: own,
  trainWindows,
  windowSeconds,
  requestsPerSecond,
  sampling,
}: Sizes): ClosedLoopWorld {
  return { trainWindows, windowSeconds, requestsPerSecond, sampling, ...own };
}

function comparisonsOf({ policies }: ClosedLoopFigures, { topology }: ClosedLoopWorld): Comparison[] {
  const sage = policies.find(({ policy }) => policy === 'sage');
  if (sage === undefined) return [];
  const name = shortName(topology);
  const comparisons: Comparison[] = [];
  if (sage.recoveries.length > 0) {
    comparisons.push({
      what: `Violations that end within ${PAPER_INTERVALS} sampling intervals, ${name}`,
      ours: soonOver(sage) / sage.recoveries.length,
      paper: 1,
      paperWords: 'always',
      better: 'higher',
      unit: 'share',
      caveat: 'here a window is known 10 s after its end, when late spans are in',
    });
  }
  if (sage.actions > 0) {
    comparisons.push({
      what: `Actions at services that are to blame, ${name}`,
      ours: 1 - sage.misdirected / sage.actions,
      paper: 1,
      paperWords: 'all identified correctly',
      better: 'higher',
      unit: 'share',
    });
  }
  return comparisons;
}

function soonOver({ recoveries }: PolicyFigures): number {
  return recoveries.filter(({ intervals }) => intervals <= PAPER_INTERVALS).length;
}

function meaningOf(figures: ClosedLoopFigures): string {
  const { policies, windowSeconds, episodes } = figures;
  const of = (name: string) => policies.find(({ policy }) => policy === name);
  const [sage, nobody] = [of('sage'), of(NOBODY)];
  if (sage === undefined || nobody === undefined) return 'Not measured.';
  const minutes = (windowSeconds * sage.ratios.length) / 60;
  const others = policies
    .filter(({ policy }) => !['sage', NOBODY, ALL_KNOWING].includes(policy))
    .sort((a, b) => a.violationMinutes - b.violationMinutes);
  const better = others.filter(({ violationMinutes }) => violationMinutes < sage.violationMinutes);
  return [
    `In ${number(minutes)} minutes, ${episodes.length} times two services at random had a fault. With Sage acting an objective was broken for ${number(sage.violationMinutes)} minutes, with nobody acting for ${number(nobody.violationMinutes)}.`,
    `Violations that the faults brought about: ${sage.recoveries.length}; over within ${PAPER_INTERVALS} sampling intervals of ${windowSeconds} s, as all are in the paper: ${soonOver(sage)}. Actions: ${sage.actions}, at services that had no fault: ${sage.misdirected}.`,
    ...broughtBackWords(sage),
    better.length > 0
      ? `Less time in violation than with Sage: ${better.map(({ policy, violationMinutes }) => `${policy} (${number(violationMinutes)} minutes)`).join(', ')}.`
      : `The next best is ${others[0]?.policy ?? 'nobody'} with ${number(others[0]?.violationMinutes ?? nobody.violationMinutes)} minutes.`,
    `An operator who is told who is at fault (${ALL_KNOWING}) has ${number(of(ALL_KNOWING)?.violationMinutes ?? 0)} minutes: what acting takes however good the diagnosis is.`,
    'The requests and the faults are the same for all; who is helped is each one’s own answer, and how is the same planner’s work. Faults for which there is nothing to turn, bugs and lost packets, are left out: nobody could have helped.',
  ].join(' ');
}

/** Where the rest of the time goes. */
function broughtBackWords({ deeds }: PolicyFigures): string[] {
  const back = deeds.filter(({ what }) => what === 'back').length;
  if (back === 0) return [];
  return [
    `What was released comes back where it is to blame, or where nobody is and an objective breaks within two intervals; that happened ${back} times with Sage. Where nobody is named, two intervals are waited before anything else is tried: time lost where the cause is another by then.`,
  ];
}

function blocksOf(figures: ClosedLoopFigures): Block[] {
  return [
    {
      kind: 'table',
      caption:
        'The same time under each policy. A violation’s length: sampling intervals from the first that broke an objective to the first of two that kept all. Added cores: of those deployed, over the whole time, replicas’ included; replicas and neighbours: how many, times how long. Actions at others: at services that had no fault.',
      columns: [
        'policy',
        'in violation',
        'length: median',
        'longest',
        'over within two',
        'cores added',
        'replicas added',
        'neighbours held back',
        'actions',
        '…at others',
      ],
      rows: figures.policies.map(rowOf),
    },
    {
      kind: 'plot',
      name: 'closed-loop',
      caption:
        'Tail latency over what is promised, of the endpoint that is worst, on a logarithmic axis: above the line at 1 an objective is broken. Shaded: a fault. Dots: something was turned; rings: it was turned back.',
      spec: latencyPlot(figures),
    },
    episodesTable(figures),
  ];
}

function rowOf(item: PolicyFigures): string[] {
  const { recoveries } = item;
  const lengths = recoveries.map(({ intervals }) => intervals);
  const isNobody = item.policy === NOBODY;
  return [
    item.policy,
    `${number(item.violationMinutes)} min`,
    lengths.length === 0 ? '–' : number(median(lengths)),
    lengths.length === 0 ? '–' : String(Math.max(...lengths)),
    `${soonOver(item)} of ${recoveries.length}`,
    isNobody ? '–' : percentWords(item.addedCoresShare),
    isNobody ? '–' : `${number(item.addedReplicaMinutes)} min`,
    isNobody ? '–' : `${number(item.heldBackMinutes)} min`,
    isNobody ? '–' : String(item.actions),
    isNobody ? '–' : String(item.misdirected),
  ];
}

function episodesTable({ episodes, policies, startMs }: ClosedLoopFigures): Block {
  const minute = (ms: number) => number((ms - startMs) / 60_000);
  return {
    kind: 'table',
    caption:
      'Each violation’s length in sampling intervals; in brackets where the fault had ended by itself before. –: no objective was broken.',
    columns: ['fault', ...policies.map(({ policy }) => policy)],
    rows: episodes.map(({ id, startMs: fromMs, endMs, faults }) => [
      `${faults.map(({ kind, service }) => `${kind} of ${service}`).join(', ')} (minutes ${minute(fromMs)}–${minute(endMs)})`,
      ...policies.map(({ recoveries }) => {
        const own = recoveries.find(({ episode }) => episode === id);
        if (own === undefined) return '–';
        return own.beforeItsEnd ? String(own.intervals) : `(${own.intervals})`;
      }),
    ]),
  };
}

function number(value: number): string {
  return String(Number(value.toFixed(1)));
}
