import { constants } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage, ProgressDisplay } from '@sage/core';
import {
  DataError,
  type EvaluateOptions,
  type EvaluationResult,
  evaluate,
  METHODS,
  type Suite,
  table,
} from '@sage/evaluation';
import { FitError } from '@sage/gvae';
import {
  type Command,
  type CommandGroup,
  type CommandIo,
  EXIT_FAILED,
  EXIT_SUCCESS,
  EXIT_USAGE,
  type ParsedCommand,
} from '../command.js';
import { describeFlags, type FlagSpecs } from '../flags.js';
import { SUITES, type SuiteEntry } from './evaluation-suites.js';

const ALL = 'all';

const COMMON_FLAGS: FlagSpecs = {
  method: {
    type: 'string',
    placeholder: 'NAME',
    choices: [...METHODS.map(({ name }) => name), ALL],
    default: 'sage',
    help: `${METHODS.map(({ name }) => name).join(', ')}; or ${ALL}`,
  },
  seed: {
    type: 'integer',
    placeholder: 'N',
    min: 0,
    default: 1,
    help: 'draws the first weights, ties and whatever else is drawn',
  },
  json: {
    type: 'string',
    placeholder: 'FILE',
    help: `write the result there, with --method ${ALL} an array of them; '-' is standard output`,
  },
};

export const evaluateCommands: CommandGroup = {
  summary: 'measure Sage and simpler methods on faults whose cause is known',
  noun: 'suite',
  description: `Learns from the undisturbed part of a suite, asks a method for the cause of each of its faults, then reads the
labels and scores the answers. Prints a table; exit status 0 says that it was measured, not how good the answers are.`,
  members: Object.fromEntries(
    Object.entries(SUITES).map(([name, entry]) => [name, suiteCommand(name, entry)]),
  ),
  footer: [
    ...Object.entries(SUITES).flatMap(([name, { flags, example }]) => [
      `Options of ${name}:`,
      describeFlags(flags),
      `  for example: sage evaluate ${name} ${example}`,
      '',
    ]),
    'Options of every suite:',
    describeFlags(COMMON_FLAGS),
  ].join('\n'),
};

function suiteCommand(name: string, { summary, description, flags, example, load }: SuiteEntry): Command {
  return {
    summary,
    usage: '[OPTIONS]',
    description: `${description}\n\nFor example: sage evaluate ${name} ${example}`,
    positionals: [],
    flags: { ...flags, ...COMMON_FLAGS },
    async run({ flags: given }, io) {
      const fail = (message: string, status: number) => {
        io.stderr.write(`sage evaluate ${name}: ${message}\n`);
        return status;
      };
      const file = given.json as string | undefined;
      const folderProblem = await outputProblem(file);
      if (folderProblem !== undefined) return fail(folderProblem, EXIT_USAGE);
      const measured = await measure((options) => load(given, options), given, io);
      if ('unusable' in measured) return fail(measured.unusable, EXIT_USAGE);
      const { results } = measured;
      (file === '-' ? io.stderr : io.stdout).write(table(results));
      if (file === undefined) return EXIT_SUCCESS;
      const text = `${JSON.stringify(given.method === ALL ? results : results[0], null, 2)}\n`;
      try {
        if (file === '-') io.stdout.write(text);
        else await writeFile(file, text);
      } catch (error) {
        return fail(`the result cannot be written: ${errorMessage(error)}`, EXIT_FAILED);
      }
      return EXIT_SUCCESS;
    },
  };
}

/** Why the result could not be written there, known before minutes of work and not after them. */
async function outputProblem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined || file === '-') return undefined;
  try {
    await access(dirname(file), constants.W_OK);
    return undefined;
  } catch (error) {
    return `--json ${file}: its folder cannot be written to: ${errorMessage(error)}`;
  }
}

/** Results of the methods asked for, or why there can be none with what was given. */
async function measure(
  load: (options: EvaluateOptions) => Promise<Suite>,
  { seed, method }: ParsedCommand['flags'],
  { stderr }: CommandIo,
): Promise<{ readonly results: readonly EvaluationResult[] } | { readonly unusable: string }> {
  const nowMs = () => performance.now();
  const display = new ProgressDisplay(stderr, nowMs);
  const options: EvaluateOptions = {
    seed: Number(seed),
    nowMs,
    progress: (part, words) => display.show(part, words),
  };
  try {
    const suite = await load(options);
    const results: EvaluationResult[] = [];
    for (const each of METHODS.filter(({ name }) => method === ALL || method === name)) {
      results.push(await evaluate(suite, each, options));
    }
    return { results };
  } catch (error) {
    if (error instanceof DataError || error instanceof FitError) return { unusable: error.message };
    throw error;
  } finally {
    display.clear();
  }
}
