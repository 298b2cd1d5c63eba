import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { type Outcome, success } from '@sage/core';
import { type ApiFailure, type Permission, statusFailure, thrownFailure } from './api-failure.js';

/** One line of a watch: `{"type":"MODIFIED","object":{"kind":"Pod",…}}`. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export interface WatchRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Silence of this length counts as a broken connection, ms. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** The API server takes no object of more than 3 MiB. */
const MAX_LINE_CHARS = 4 * 2 ** 20;
const MAX_ERROR_CHARS = 64 * 1024;

/**
 * Opens a watch. The client library's own drops what the server says when it refuses (`Retry-After`, the missing
 * permission), waits for ever on a connection that is gone, and passes over what it cannot parse. The events end when
 * the server closes, as it does every few minutes; they throw when the connection breaks.
 */
export async function openWatch(
  kubeConfig: KubeConfig,
  needed: Permission,
  watch: WatchRequest,
): Promise<Outcome<AsyncIterable<WatchEvent>, never> | ApiFailure> {
  try {
    const response = await answer(kubeConfig, watch);
    response.setEncoding('utf8');
    if (response.statusCode === 200) return success(events(response));
    const body = await textOf(response);
    return statusFailure(needed, response.statusCode ?? 0, {
      body,
      retryAfter: response.headers['retry-after'],
    });
  } catch (error) {
    return thrownFailure(needed, error);
  }
}

async function answer(kubeConfig: KubeConfig, watch: WatchRequest): Promise<IncomingMessage> {
  const url = new URL((kubeConfig.getCurrentCluster()?.server ?? '') + watch.path);
  for (const [name, value] of Object.entries(watch.query)) url.searchParams.set(name, value);
  const options: RequestOptions = { headers: {} };
  await kubeConfig.applyToHTTPSOptions(options);
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { ...options, signal: watch.signal }, resolve);
    request.setTimeout(watch.idleMs, () => request.destroy(new Error('the connection is silent')));
    request.on('socket', (socket) => socket.setKeepAlive(true, 30_000));
    request.on('error', reject);
    request.end();
  });
}

async function* events(response: IncomingMessage): AsyncGenerator<WatchEvent> {
  let rest = '';
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as WatchEvent;
    if (rest.length > MAX_LINE_CHARS) throw new Error(`an event has more than ${MAX_LINE_CHARS} characters`);
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_ERROR_CHARS) break;
  }
  return text;
}
