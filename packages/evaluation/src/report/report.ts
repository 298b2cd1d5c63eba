import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '@sage/core';
import type { DataFolders, Experiment, Sizes } from '../experiments/experiment.js';
import { forkStep } from '../experiments/fork-step.js';
import { EXPERIMENTS, stepsOf } from '../experiments/index.js';
import { checkFolders } from '../experiments/real-faults.js';
import { Records } from '../experiments/records.js';
import { type Execute, type RunStepsOptions, runSteps, type StepsOutcome } from '../experiments/run-steps.js';
import type { Versions } from '../experiments/step.js';
import { versionsHere } from '../experiments/versions.js';
import { DataError } from '../observed.js';
import type { Progress } from '../progress.js';
import { mainTable } from './markdown.js';
import { page } from './page.js';
import { plotSvg } from './plot.js';
import type { Section } from './section.js';

/** Drawing it all takes a second or two of a processor that others measure on. */
const PAGE_EVERY_MS = 5 * 60_000;

export interface ReportOptions {
  /** Where results, plots and the page go, and where results of before are looked for. */
  readonly out: string;
  readonly seed: number;
  readonly sizes: Sizes;
  readonly data: DataFolders;
  /** Steps at a time. */
  readonly jobs: number;
  readonly nowMs: () => number;
  readonly now: () => Date;
  readonly progress: Progress;
  /** Default: all. */
  readonly experiments?: readonly Experiment[];
  /** Default: each step in a process of its own, which runs `stepProgram`. */
  readonly execute?: Execute;
  /** A file that calls `answerStep` with what its steps may use. Default: with nothing. */
  readonly stepProgram?: string | undefined;
}

export interface Report {
  /** The page. */
  readonly file: string;
  readonly sections: readonly Section[];
  readonly failed: StepsOutcome['failed'];
}

/**
 * Measures what has not been measured yet, and writes `steps/*.json` (each result with seed, options and versions),
 * `log.jsonl`, `report.json`, `plots/*.svg`, `main-table.md` and `report.html`; all but the first two anew every few
 * minutes, so that hours of measurements can be looked at while they are made. Throws a DataError for a folder of data
 * that is not there.
 */
export async function makeReport(options: ReportOptions): Promise<Report> {
  const { out, seed, sizes, data, jobs, nowMs, now, progress, experiments = EXPERIMENTS } = options;
  checkFolders(data);
  const log = openLog(out, now);
  const versions = await versionsHere();
  log({ event: 'begun', seed, sizes, data, versions });
  const execute: Execute =
    options.execute ?? (({ id }, told) => forkStep({ id, seed, sizes, data }, told, options.stepProgram));
  const steps = stepsOf(experiments, sizes, data);
  const write = (outcome: StepsOutcome) =>
    writeReport(outcome, { ...options, experiments, versions, wanted: steps.length });
  let writtenMs = nowMs();
  const outcome = await runSteps(steps, {
    ...{ seed, versions, execute, jobs, nowMs, now, progress, log },
    records: new Records(join(out, 'steps')),
    onStep: async (soFar) => {
      if (nowMs() - writtenMs < PAGE_EVERY_MS) return;
      writtenMs = nowMs();
      await write(soFar);
    },
  });
  const report = await write(outcome);
  log({ event: 'written', file: report.file, failed: report.failed.length });
  return report;
}

interface Writing extends Pick<ReportOptions, 'out' | 'seed' | 'sizes' | 'data' | 'now'> {
  readonly experiments: readonly Experiment[];
  readonly versions: Versions;
  /** Measurements that belong to it, made or not. */
  readonly wanted: number;
}

/** All that is made of measurements: figures, plots, the main table and the page. */
async function writeReport({ records, failed }: StepsOutcome, writing: Writing): Promise<Report> {
  const { out, seed, sizes, data, now, experiments, versions, wanted } = writing;
  const sections = experiments.map((experiment) => {
    const ids = new Set(experiment.steps(sizes, data).map(({ id }) => id));
    return experiment.section(
      records.filter(({ id }) => ids.has(id)),
      { seed, sizes, data },
    );
  });
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0);
  const open = wanted - records.length - failed.length;
  const made = [
    `Made by npm run evaluate${sizes.name === 'full' ? '' : ` -- --${sizes.name}`}, seed ${seed}, ${now().toISOString().slice(0, 10)}; ${records.length} measurements that took ${(seconds / 60).toFixed(1)} minutes.`,
    ...(open === 0 ? [] : [`Not finished: ${open} of ${wanted} measurements are still to be made.`]),
  ];
  const plots = await plotsOf(sections);
  mkdirSync(join(out, 'plots'), { recursive: true });
  for (const [name, svg] of plots) writeFileSync(join(out, 'plots', `${name}.svg`), svg);
  const whole = { made, seed, sizes, data, versions, failed, sections };
  writeFileSync(join(out, 'report.json'), `${JSON.stringify(whole, null, 1)}\n`);
  const [first] = sections;
  if (first !== undefined) writeFileSync(join(out, 'main-table.md'), mainTable(first, made.join(' ')));
  const file = join(out, 'report.html');
  writeFileSync(file, page({ sections, plots, failed, made, versions }));
  return { file, sections, failed };
}

/** Appends to the log of all runs. Throws a DataError where nothing can be written, known before hours of work. */
function openLog(out: string, now: () => Date): RunStepsOptions['log'] {
  const file = join(out, 'log.jsonl');
  try {
    mkdirSync(out, { recursive: true });
    appendFileSync(file, '');
  } catch (error) {
    throw new DataError(`--out ${out} cannot be written: ${errorMessage(error)}`);
  }
  return (event) => appendFileSync(file, `${JSON.stringify({ time: now().toISOString(), ...event })}\n`);
}

async function plotsOf(sections: readonly Section[]): Promise<Map<string, string>> {
  const plots = new Map<string, string>();
  for (const block of sections.flatMap(({ blocks }) => blocks)) {
    if (block.kind === 'plot') plots.set(block.name, await plotSvg(block.spec));
  }
  return plots;
}
