import { errorMessage, failure, type Outcome, success } from '@sage/core';

export type RequestReason = 'unreachable' | 'refused' | 'invalid';

export interface JsonRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

const MAX_ERROR_TEXT = 300;

/** JSON over HTTP. `unreachable`: no answer; `refused`: a status other than 2xx; `invalid`: an answer that is not JSON. */
export async function requestJson(
  fetch: typeof globalThis.fetch,
  url: string,
  { method = 'GET', token, body, timeoutMs = 5000 }: JsonRequest = {},
): Promise<Outcome<unknown, RequestReason>> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch (error) {
    return failure('unreachable', `${method} ${url}: ${causeText(error)}`);
  }
  if (!response.ok) {
    return failure(
      'refused',
      `${method} ${url}: status ${response.status}: ${text.slice(0, MAX_ERROR_TEXT)}`,
    );
  }
  try {
    return success(text === '' ? undefined : JSON.parse(text));
  } catch (error) {
    return failure('invalid', `${method} ${url}: the answer is not JSON: ${errorMessage(error)}`);
  }
}

/** fetch hides the reason ("connect ECONNREFUSED …") in the cause. */
function causeText(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? cause.message : errorMessage(error);
}
