import { nearest } from '@sage/core';
import type { z } from 'zod';
import { valueAt } from './schema-walk.js';

/** One thing wrong with a configuration. `path` is as one writes it: `objectives[0].threshold_ms`. */
export interface ConfigIssue {
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
}

export function formatIssue(issue: ConfigIssue): string {
  return `${issue.path || '(top level)'}: expected ${issue.expected}, got ${issue.actual}`;
}

/** Every issue of a failed parse, an unknown key being one issue of its own with the nearest known key. */
export function issuesOf(
  error: z.ZodError,
  input: unknown,
  knownKeys: (path: PropertyKey[]) => string[],
): ConfigIssue[] {
  return error.issues.flatMap((issue): ConfigIssue[] => {
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(issue.path);
      return issue.keys.map((key) => ({
        path: pathText([...issue.path, key]),
        expected: suggestion(key, known),
        actual: 'an unknown key',
      }));
    }
    const path = pathText(issue.path);
    if (issue.code === 'invalid_key') {
      const expected = issue.issues[0]?.message ?? issue.message;
      return [{ path, expected, actual: describe(issue.path.at(-1)) }];
    }
    return [{ path, expected: expectation(issue), actual: describe(valueAt(input, issue.path)) }];
  });
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected === 'int' ? 'whole number' : issue.expected);
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return boundText(issue.message, `at least ${issue.minimum}`);
    case 'too_big':
      return boundText(issue.message, `at most ${issue.maximum}`);
    default:
      return issue.message;
  }
}

/** The schema's own words where it has some, else the bound. */
function boundText(message: string, bound: string): string {
  return message.startsWith('Too ') ? bound : message;
}

function article(noun: string): string {
  const names: Record<string, string> = {
    object: 'mapping',
    array: 'list',
    record: 'mapping',
    string: 'text',
  };
  return `a ${names[noun] ?? noun}`;
}

function suggestion(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return near === undefined ? `one of ${known.join(', ')}` : `${near} (did you mean it?)`;
}

export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** What is there instead, short, and without the user and password of a URL. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value !== null && typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value).replace(/\/\/.*@/, '//***@');
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
