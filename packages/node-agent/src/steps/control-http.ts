import { errorMessage, failure, type Outcome, success } from '@sage/core';
import type { System } from '../system.js';

const TIMEOUT_MS = 2000;

export type HttpFailure = 'gone' | 'unreachable' | 'unsupported';

/** `GET url` as an array of objects. `gone` says that nobody listens: its settings went with it. */
export async function readEntries(
  system: System,
  url: string,
): Promise<Outcome<readonly Readonly<Record<string, unknown>>[], HttpFailure>> {
  const answer = await request(system, url, { method: 'GET' });
  if (!answer.ok) return answer;
  if (!Array.isArray(answer.value)) return failure('unsupported', `GET ${url}: expected a JSON array`);
  return success(answer.value.filter((entry) => typeof entry === 'object' && entry !== null));
}

export async function readNumber(
  system: System,
  listUrl: string,
  key: string,
  name: string,
  field: string,
): Promise<Outcome<number, HttpFailure>> {
  const entries = await readEntries(system, listUrl);
  if (!entries.ok) return entries;
  const value = entries.value.find((entry) => entry[key] === name)?.[field];
  if (typeof value !== 'number')
    return failure('unsupported', `GET ${listUrl}: no ${key} "${name}" with ${field}`);
  return success(value);
}

export async function putNumber(
  system: System,
  url: string,
  field: string,
  value: number,
): Promise<Outcome<void, HttpFailure>> {
  const answer = await request(system, url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ [field]: value }),
  });
  return answer.ok ? success(undefined) : answer;
}

async function request(
  system: System,
  url: string,
  init: RequestInit,
): Promise<Outcome<unknown, HttpFailure>> {
  try {
    const response = await system.fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    if (!response.ok) {
      return failure('unreachable', `${init.method} ${url}: ${response.status} ${text.slice(0, 200)}`);
    }
    return success(text === '' ? undefined : JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError)
      return failure('unsupported', `${init.method} ${url}: the answer is not JSON`);
    const cause = error instanceof Error ? error.cause : undefined;
    const refused = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
    const message = `${init.method} ${url}: ${refused ? 'connection refused' : errorMessage(cause ?? error)}`;
    return failure(refused ? 'gone' : 'unreachable', message);
  }
}
