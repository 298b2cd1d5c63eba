import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, type Suite } from '../observed.js';
import type { Block } from '../report/section.js';
import { type CaseResult, summarise } from '../scoring.js';
import { hotelSuite } from '../suites/hotel.js';
import { nezhaSuite } from '../suites/nezha.js';
import { petshopSuite } from '../suites/petshop.js';
import type { DataFolders, Experiment } from './experiment.js';
import { PUBLISHED } from './published.js';
import type { Step, StepContext } from './step.js';
import { measureSuite, type SuiteResult } from './worlds.js';

/** Cases of a data set that are scored together, as those who publish figures of it do. */
interface Group {
  readonly name: string;
  readonly step: string;
  holds(result: CaseResult): boolean;
}

const GROUPS: readonly Group[] = [
  ...['train', 'test'].flatMap((split) =>
    ['latency', 'availability'].flatMap((kind) =>
      ['low', 'high'].map((traffic) => ({
        name: `PetShop, ${kind}, ${traffic} traffic${split === 'test' ? ', test half' : ''}`,
        step: `real/petshop-${split}`,
        holds: (result: CaseResult) => result.kind === kind && result.id.startsWith(`${traffic}_traffic/`),
      })),
    ),
  ),
  ...[
    ['Nezha, Online Boutique', 'real/nezha-online-boutique'] as const,
    ['Nezha, Train Ticket', 'real/nezha-train-ticket'] as const,
  ].flatMap(([name, step]) => [
    { name, step, holds: () => true },
    { name: `${name}, performance faults`, step, holds: ({ kind }: CaseResult) => kind === 'performance' },
  ]),
  {
    name: 'Hotel, as recorded',
    step: 'real/hotel',
    holds: ({ kind }) => kind === 'fault' || kind === 'fault-unclean',
  },
];

/** Recorded faults of real applications, beside what others have published on the same. */
export const realFaults: Experiment<SuiteResult> = {
  id: 'real-faults',
  title: 'Real faults',
  steps: (_, data) => suitesIn(data).map(stepOf),
  section: (records, { data }) => {
    const rows = records.flatMap(({ id, result }) =>
      GROUPS.filter(({ step }) => step === id).flatMap((group) => rowsOf(group, result)),
    );
    const missing = (['petshop', 'nezha', 'hotel'] as const).filter((name) => data[name] === undefined);
    return {
      id: realFaults.id,
      title: realFaults.title,
      meaning: meaningOf(rows),
      comparisons: [],
      blocks: [
        ...(missing.length === 0
          ? []
          : [
              {
                kind: 'text' as const,
                text: `Left out, because no folder was given: ${missing.map((name) => `${name} (--${name} DIR)`).join(', ')}.`,
              },
            ]),
        ...[...new Set(rows.map(({ group }) => group))].map((group) => blockOf(group, rows)),
      ],
    };
  },
};

/** Throws a DataError where a folder that was given is not there, before anything is measured. */
export function checkFolders(data: DataFolders): void {
  for (const [name, folder] of Object.entries(data)) {
    if (folder !== undefined && !existsSync(folder)) {
      throw new DataError(`--${name} ${folder} does not exist`);
    }
  }
}

interface SuiteIn {
  readonly id: string;
  readonly options: object;
  load(context: StepContext): Promise<Suite>;
}

function suitesIn({ petshop, nezha, hotel }: DataFolders): SuiteIn[] {
  const found: SuiteIn[] = [];
  if (petshop !== undefined) {
    const splits = ['train', 'test'].filter((split) => existsSync(join(petshop, 'low_traffic', split)));
    for (const split of splits.length > 0 ? splits : ['train']) {
      const options = { data: petshop, split };
      found.push({
        id: `real/petshop-${split}`,
        options,
        load: (context) => petshopSuite({ ...options, ...context }),
      });
    }
  }
  for (const system of nezha === undefined ? [] : ['online-boutique', 'train-ticket']) {
    const options = { data: nezha as string, system };
    found.push({
      id: `real/nezha-${system}`,
      options,
      load: (context) => nezhaSuite({ ...options, ...context }),
    });
  }
  if (hotel !== undefined) {
    const options = { data: hotel };
    found.push({ id: 'real/hotel', options, load: (context) => hotelSuite({ ...options, ...context }) });
  }
  return found;
}

function stepOf({ id, options, load }: SuiteIn): Step<SuiteResult> {
  return { id, options, run: async (context) => measureSuite(await load(context), context) };
}

interface Row {
  readonly group: string;
  readonly method: string;
  readonly cases: number;
  readonly top1: number;
  readonly top3: number;
  readonly top5: number;
}

function rowsOf({ name, holds }: Group, { methods }: SuiteResult): Row[] {
  return methods.flatMap(({ method, cases }) => {
    const held = cases.filter(holds);
    const { top1, top3, top5 } = summarise(held, []);
    if (top1 === null || top3 === null || top5 === null) return [];
    return [{ group: name, method, cases: held.length, top1, top3, top5 }];
  });
}

function blockOf(group: string, rows: readonly Row[]): Block {
  const own = rows.filter((row) => row.group === group).sort((a, b) => b.top1 - a.top1 || b.top3 - a.top3);
  const published = PUBLISHED.filter((item) => item.group === group);
  return {
    kind: 'table',
    caption: `${group}, ${own[0]?.cases ?? 0} faults: share in which a culprit is the first, or among the first three or five, of the services ranked.${published.length === 0 ? '' : ' In italics what others have published, on all cases of the set, with their own code.'}`,
    columns: ['method', 'top-1', 'top-3', 'top-5'],
    rows: [
      ...own.map(({ method, top1, top3, top5 }) => [method, ...[top1, top3, top5].map(cell)]),
      ...published.map(({ method, top }) => [`*${method}, as published*`, ...top.map(cell)]),
    ],
  };
}

function cell(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}

function meaningOf(rows: readonly Row[]): string {
  if (rows.length === 0) return 'Not measured: no data set was given.';
  const words = [...new Set(rows.map(({ group }) => group))].map((group) => {
    const sage = rows.find((row) => row.group === group && row.method === 'sage');
    const better = [
      ...rows
        .filter((row) => row.group === group && row.top1 > (sage?.top1 ?? 0))
        .map(({ method, top1 }) => `${method} ${cell(top1)}`),
      ...PUBLISHED.filter((item) => item.group === group && (item.top[0] ?? 0) > (sage?.top1 ?? 0)).map(
        ({ method, top }) => `${method} as published ${cell(top[0])}`,
      ),
    ];
    const behind = better.length === 0 ? 'nobody is better' : `better: ${better.join(', ')}`;
    return `${group}: Sage ${cell(sage?.top1)}; ${behind}.`;
  });
  return [
    'Applications that nobody made for Sage, with faults that were recorded. Top-1:',
    ...words,
    'PetShop has neither spans nor resource metrics, Nezha a reading a minute; what others publish may use logs, too.',
  ].join(' ');
}
