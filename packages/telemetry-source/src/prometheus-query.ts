import { errorMessage, failure, type Outcome, success } from '@sage/core';

export type QueryFailure =
  | 'unreachable'
  | 'timeout'
  | 'unauthorized'
  | 'bad_query'
  | 'bad_answer'
  | 'answer_too_large';

/** One element of an instant vector; the value is NaN where Prometheus says so. */
export interface VectorElement {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface QueryTarget {
  /** The query endpoint: `http://prometheus:9090/api/v1/query`. */
  readonly endpoint: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
}

const MAX_ANSWER_BYTES = 16 * 2 ** 20;

/** An instant query (HTTP API v1) at a time; answers only instant vectors. */
export async function queryVector(
  target: QueryTarget,
  promql: string,
  timeMs: number,
): Promise<Outcome<readonly VectorElement[], QueryFailure>> {
  let status: number;
  let text: string | undefined;
  try {
    const response = await target.fetch(target.endpoint, {
      method: 'POST',
      headers: { ...target.headers, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ query: promql, time: String(timeMs / 1000) }).toString(),
      signal: target.signal,
    });
    status = response.status;
    text = await boundedText(response);
  } catch (error) {
    if (target.signal.aborted) return failure('timeout', `no answer in time from ${target.endpoint.href}`);
    return failure('unreachable', `cannot reach ${target.endpoint.href}: ${networkMessage(error)}`);
  }
  if (text === undefined) {
    return failure(
      'answer_too_large',
      `the answer is larger than ${MAX_ANSWER_BYTES} bytes; aggregate in the query`,
    );
  }
  return parseAnswer(status, text, target.endpoint.href);
}

/** `fetch failed` says nothing; its cause does. */
function networkMessage(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof AggregateError && cause.errors.length > 0) return errorMessage(cause.errors[0]);
  return errorMessage(cause ?? error);
}

async function boundedText(response: Response): Promise<string | undefined> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      await reader.cancel();
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** `{"status":"success","data":{"resultType":"vector","result":[{"metric":{…},"value":[1700000000,"0.5"]}]}}` */
function parseAnswer(
  status: number,
  text: string,
  href: string,
): Outcome<readonly VectorElement[], QueryFailure> {
  if (status === 401 || status === 403) {
    return failure(
      'unauthorized',
      `${href} answers ${status}: the credentials are missing or not the right ones`,
    );
  }
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return failure(
      'bad_answer',
      `${href} answers ${status} with ${JSON.stringify(text.slice(0, 80))}, which is not JSON: is this Prometheus?`,
    );
  }
  const { status: verdict, data, error } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (verdict === 'error') {
    const reason = status === 400 || status === 422 ? 'bad_query' : 'bad_answer';
    return failure(reason, `Prometheus refuses the query: ${String(error)}`);
  }
  const { resultType, result } = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (verdict !== 'success' || !Array.isArray(result)) {
    return failure('bad_answer', `${href} answers ${status} with JSON that is no query result`);
  }
  if (resultType !== 'vector') {
    return failure('bad_query', `the query must give an instant vector, it gives a ${String(resultType)}`);
  }
  return success(result.map(parseElement));
}

function parseElement(element: unknown): VectorElement {
  const { metric, value } = (element ?? {}) as { metric?: Record<string, string>; value?: unknown };
  const [, text] = Array.isArray(value) ? value : [];
  return { labels: metric ?? {}, value: typeof text === 'string' ? Number(text) : Number.NaN };
}
