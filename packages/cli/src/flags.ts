import { parseArgs } from 'node:util';
import { errorMessage, failure, nearest, type Outcome, success } from '@sage/core';
import type { ParsedCommand } from './command.js';

export interface FlagSpec {
  readonly type: 'string' | 'number' | 'integer' | 'boolean';
  /** What a value looks like in the help text. */
  readonly placeholder?: string;
  readonly help: string;
  readonly default?: string | number;
  /** There is no sensible default, and nothing can be done without it. */
  readonly required?: boolean;
  /** For numbers and integers: the smallest and largest value that makes sense. */
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** Reads arguments against their specification; the failure's message says what was wrong and what would be right. */
export function parseFlags(
  args: readonly string[],
  specs: FlagSpecs,
  positionalNames: readonly string[],
): Outcome<ParsedCommand, 'usage'> {
  let raw: ReturnType<typeof parseArgs>;
  try {
    raw = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(specs).map(([name, spec]) => [
          name,
          { type: spec.type === 'boolean' ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
    });
  } catch (error) {
    return failure('usage', withSuggestion(errorMessage(error), Object.keys(specs)));
  }
  if (raw.positionals.length !== positionalNames.length) {
    const expected = positionalNames.length === 0 ? 'no arguments' : positionalNames.join(' ');
    return failure(
      'usage',
      `expected ${expected}, got ${raw.positionals.map((p) => `'${p}'`).join(' ') || 'none'}`,
    );
  }
  const flags: Record<string, string | number | boolean | undefined> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = parseValue(name, spec, raw.values[name] as string | boolean | undefined);
    if (!value.ok) return value;
    flags[name] = value.value;
  }
  return success({ flags, positionals: raw.positionals });
}

function parseValue(
  name: string,
  spec: FlagSpec,
  given: string | boolean | undefined,
): Outcome<string | number | boolean | undefined, 'usage'> {
  if (spec.type === 'boolean') return success(given === true);
  if (given === undefined) {
    return spec.required === true
      ? failure('usage', `${leftColumn(name, spec)} is missing: ${spec.help}`)
      : success(spec.default);
  }
  const text = String(given);
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    return failure('usage', `--${name} must be one of ${spec.choices.join(', ')}; got '${text}'`);
  }
  if (spec.type === 'string') return success(text);
  const value = Number(text);
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = spec;
  const isNumber = spec.type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (text.trim() === '' || !isNumber || value < min || value > max) {
    const range = [
      Number.isFinite(min) ? ` of at least ${min}` : '',
      Number.isFinite(max) ? `${Number.isFinite(min) ? ' and' : ' of'} at most ${max}` : '',
    ].join('');
    return failure(
      'usage',
      `--${name} must be a ${spec.type === 'integer' ? 'whole number' : 'number'}${range}; got '${text}'`,
    );
  }
  return success(value);
}

function withSuggestion(message: string, names: readonly string[]): string {
  const unknown = /Unknown option '--?([^']+)'/.exec(message)?.[1];
  if (unknown === undefined) return message;
  const near = nearest(unknown, names);
  return `unknown option --${unknown}${near === undefined ? '' : `; did you mean --${near}?`}`;
}

/** The option table of a command's help text. */
export function describeFlags(specs: FlagSpecs): string {
  const rows = Object.entries(specs).map(([name, spec]) => {
    const fallback = spec.default === undefined ? '' : ` (default ${spec.default})`;
    const right = `${spec.help}${spec.required === true ? ' (required)' : fallback}`;
    return { left: leftColumn(name, spec), right };
  });
  const width = Math.max(0, ...rows.map((row) => row.left.length)) + 2;
  return rows.map((row) => `  ${row.left.padEnd(width)}${row.right}`).join('\n');
}

function leftColumn(name: string, { type, placeholder, choices }: FlagSpec): string {
  return `--${name}${type === 'boolean' ? '' : ` ${placeholder ?? (choices?.join('|') || 'VALUE')}`}`;
}
