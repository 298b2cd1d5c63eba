import { failure, type Outcome, success } from '@sage/core';
import type { Step, WriteStep } from '../steps/step.js';
import type { System } from '../system.js';

/** The text of a file that the agent may change. */
export function readWritable(system: System, path: string): Outcome<string, 'unsupported'> {
  const text = system.read(path);
  if (text === undefined) return failure('unsupported', `${path} does not exist`);
  if (!system.writable(path)) return failure('unsupported', `${path} is not writable by the agent`);
  return success(text.trim());
}

/** None where the value is in force. */
export function writeSteps(
  path: string,
  value: string,
  was: string,
  format: WriteStep['format'] = 'text',
): readonly Step[] {
  return value === was ? [] : [{ op: 'write', path, value, was, format }];
}
