import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { errorMessage, ProgressDisplay } from '@sage/core';
import { DataError, EXPERIMENTS, FULL, makeReport, QUICK } from '@sage/evaluation';
import { type Command, EXIT_FAILED, EXIT_SUCCESS, EXIT_USAGE } from '../command.js';

const STEP_PROGRAM = fileURLToPath(new URL('./evaluation-step.js', import.meta.url));
const DATA = ['petshop', 'nezha', 'hotel'] as const;

/** `sage evaluate report`: every figure and table, beside the paper's, in one page. */
export const reportCommand: Command = {
  summary: 'every figure beside the paper’s, all methods, in one page',
  usage: '[OPTIONS]',
  description: `Runs all experiments and writes one HTML page that opens offline, with the plots (SVG), the figures (JSON) and a log of
seeds and versions beside it: ${EXPERIMENTS.map(({ id }) => id).join(', ')}.
What has been measured with the same seed, options and code is kept: when it was interrupted, run it again.`,
  positionals: [],
  flags: {
    quick: {
      type: 'boolean',
      help: 'minutes and not an hour: an hour learnt from, few faults, wide intervals',
    },
    out: {
      type: 'string',
      placeholder: 'DIR',
      help: 'where it is written and resumed (default evaluation-report/quick or evaluation-report/full)',
    },
    seed: { type: 'integer', placeholder: 'N', min: 0, default: 1, help: 'of everything that is drawn' },
    jobs: {
      type: 'integer',
      placeholder: 'N',
      min: 1,
      max: 256,
      help: 'measurements at a time (default: as many as processors); those of time run alone',
    },
    petshop: {
      type: 'string',
      placeholder: 'DIR',
      help: 'folder of PetShop’s data set; left out unless given',
    },
    nezha: { type: 'string', placeholder: 'DIR', help: 'folder of Nezha’s, one per application in it' },
    hotel: { type: 'string', placeholder: 'DIR', help: 'folder of the recorded hotel reservation' },
  },
  async run({ flags }, { stdout, stderr }) {
    const sizes = flags.quick === true ? QUICK : FULL;
    const nowMs = () => performance.now();
    const display = new ProgressDisplay(stderr, nowMs);
    const data = Object.fromEntries(
      DATA.map((name) => [name, flags[name] === undefined ? undefined : String(flags[name])]),
    );
    try {
      const { file, failed } = await makeReport({
        out: String(flags.out ?? `evaluation-report/${sizes.name}`),
        seed: Number(flags.seed),
        sizes,
        data,
        jobs: Number(flags.jobs ?? availableParallelism()),
        nowMs,
        stepProgram: STEP_PROGRAM,
        now: () => new Date(),
        progress: (part, words) => display.show(part, words),
      });
      display.clear();
      stdout.write(`${file}\n`);
      for (const { id, message } of failed) stderr.write(`sage evaluate report: ${id}: ${message}\n`);
      return failed.length === 0 ? EXIT_SUCCESS : EXIT_FAILED;
    } catch (error) {
      display.clear();
      if (error instanceof DataError) {
        stderr.write(`sage evaluate report: ${error.message}\n`);
        return EXIT_USAGE;
      }
      if (!isFileError(error)) throw error;
      stderr.write(`sage evaluate report: the report cannot be written: ${errorMessage(error)}\n`);
      return EXIT_FAILED;
    }
  },
};

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
