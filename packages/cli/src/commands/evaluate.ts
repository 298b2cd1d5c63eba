import { constants } from 'node:fs';
import { access, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage, failure, type Outcome, ProgressDisplay, success } from '@sage/core';
import {
  DataError,
  type EvaluateOptions,
  type EvaluationResult,
  evaluate,
  METHODS,
  prepare,
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
import { reportCommand } from './evaluation-report.js';
import { SUITES, type SuiteEntry } from './evaluation-suites.js';

const ALL = 'all';
/** The name of standard output as a file. */
const STDOUT = '-';

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
  description: `Learns from the time before a suite's faults, asks a method for the cause of each of them, then reads the
labels and scores the answers. Prints a table; exit status 0 says that it was measured, not how good the answers are.`,
  members: {
    ...Object.fromEntries(Object.entries(SUITES).map(([name, entry]) => [name, suiteCommand(name, entry)])),
    report: reportCommand,
  },
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
      const file = given.json as string | undefined;
      const problem = file === undefined ? undefined : await outputProblem(file);
      const measured =
        problem === undefined
          ? await measure((options) => load(given, options), given, io)
          : failure('usage', problem);
      const ended = measured.ok ? await publish(measured.value, given, io) : measured;
      if (ended.ok) return EXIT_SUCCESS;
      io.stderr.write(`sage evaluate ${name}: ${ended.message}\n`);
      return ended.reason === 'usage' ? EXIT_USAGE : EXIT_FAILED;
    },
  };
}

/** Why the result could not be written there, known before minutes of work and not after them. */
async function outputProblem(file: string): Promise<string | undefined> {
  if (file === STDOUT) return undefined;
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) return `--json ${file} is a folder; the name of a file is expected`;
  try {
    await access(found === undefined ? dirname(file) : file, constants.W_OK);
    return undefined;
  } catch (error) {
    return `--json ${file} cannot be written: ${errorMessage(error)}`;
  }
}

interface Measured {
  readonly results: readonly EvaluationResult[];
  /** Methods that need what the suite has not. */
  readonly leftOut: readonly string[];
}

/** Results of the methods asked for; `usage` where there can be none with what was given. */
async function measure(
  load: (options: EvaluateOptions) => Promise<Suite>,
  { seed, method }: ParsedCommand['flags'],
  { stderr }: CommandIo,
): Promise<Outcome<Measured, 'usage'>> {
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
    const leftOut: string[] = [];
    for (const each of METHODS.filter(({ name }) => method === ALL || method === name)) {
      const ready = await prepare(suite, each, options);
      if (ready === undefined) leftOut.push(each.name);
      else results.push(await evaluate(suite, ready, options));
    }
    return results.length > 0
      ? success({ results, leftOut })
      : failure(
          'usage',
          `${method} needs labelled runs with queue depths, which ${suite.name} does not have`,
        );
  } catch (error) {
    if (error instanceof DataError || error instanceof FitError) return failure('usage', error.message);
    throw error;
  } finally {
    display.clear();
  }
}

/** The table for people and, where it is asked for, the result for programs; the two never share a stream. */
async function publish(
  { results, leftOut }: Measured,
  { json, method }: ParsedCommand['flags'],
  { stdout, stderr }: CommandIo,
): Promise<Outcome<void, 'write'>> {
  (json === STDOUT ? stderr : stdout).write(table(results, leftOut));
  if (json === undefined) return success(undefined);
  const text = `${JSON.stringify(method === ALL ? results : results[0], null, 2)}\n`;
  try {
    if (json === STDOUT) stdout.write(text);
    else await writeFile(String(json), text);
    return success(undefined);
  } catch (error) {
    return failure('write', `the result cannot be written: ${errorMessage(error)}`);
  }
}
