import { errorMessage, type Failure, failure, type Outcome, success } from '@sage/core';
import Docker from 'dockerode';
import type { SwarmConfig } from '../config.js';
import type { ScaleFailure } from '../orchestrator.js';

const REQUEST_TIMEOUT_MS = 10_000;

interface Scheme {
  readonly scheme: 'http' | 'https';
  readonly port: number;
}

/** With the port where the address has none. `tcp` is how Docker itself writes either. */
const SCHEMES: Readonly<Record<string, Scheme>> = {
  'http:': { scheme: 'http', port: 80 },
  'https:': { scheme: 'https', port: 443 },
  'tcp:': { scheme: 'http', port: 2375 },
};
const ENCRYPTED: Scheme = { scheme: 'https', port: 2376 };

/** `invalid`: not an address that the Docker Engine API can have. */
export function createDocker({ url, tls }: SwarmConfig): Outcome<Docker, 'invalid'> {
  // All that the library would take from the environment is given: what the configuration does not say is not so.
  const none = {
    host: undefined,
    socketPath: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
  };
  if (url.startsWith('unix://')) {
    return success(new Docker({ ...none, socketPath: url.slice('unix://'.length), protocol: 'http' }));
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const plain = SCHEMES[parsed?.protocol ?? ''];
  if (parsed === undefined || plain === undefined || parsed.hostname === '') {
    return failure('invalid', `expected unix:///path, http://host:port or https://host:port, got ${url}`);
  }
  const { scheme, port } = tls !== undefined && parsed.protocol === 'tcp:' ? ENCRYPTED : plain;
  if (tls !== undefined && scheme === 'http') {
    return failure('invalid', `certificates are given, but ${url} is not encrypted: expected https://`);
  }
  const address = { host: parsed.hostname, port: parsed.port === '' ? port : Number(parsed.port) };
  return success(new Docker({ ...none, ...address, protocol: scheme, ...tls }));
}

/**
 * A request that ends in time. `what`: for the message, and for whoever sets up a proxy: `POST /services/{id}/update`.
 */
export async function ask<T>(
  what: string,
  signal: AbortSignal,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<Outcome<T, ScaleFailure>> {
  try {
    return success(await send(AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])));
  } catch (error) {
    return engineFailure(what, error);
  }
}

/** `{"message":"rpc error: code = Unknown desc = update out of sequence"}` with status 500 is a conflict. */
function engineFailure(what: string, error: unknown): Failure<ScaleFailure> {
  const { statusCode } = error as { readonly statusCode?: number };
  const message = `${what}: ${errorMessage(error)}`;
  if (/out of sequence/.test(message)) return failure('conflict', message);
  switch (statusCode) {
    case 400:
      return failure('not-allowed', message);
    case 401:
    case 403:
      return failure('unauthorized', `${message}; allow Sage ${what}`);
    case 404:
      return failure('not-found', message);
    case 409:
      return failure('conflict', message);
    case 429:
      return failure('throttled', message);
    case 501:
      return failure('unsupported', message);
    default:
      return failure('unreachable', message);
  }
}
