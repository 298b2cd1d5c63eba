import { ApiException } from '@kubernetes/client-node';
import { errorMessage, type Failure } from '@sage/core';
import type { ScaleFailure } from '../orchestrator.js';

/** What a request needs to be allowed, in the words of a role's rule. */
export interface Permission {
  readonly verb: 'get' | 'list' | 'watch' | 'update' | 'patch';
  /** With its subresource: `deployments/scale`. */
  readonly resource: string;
  /** Empty: the core group. */
  readonly group: string;
  /** undefined: the whole cluster. */
  readonly namespace: string | undefined;
}

/** `expired`: a resource version or a continue token that the server has forgotten (410). */
export interface ApiFailure extends Failure<ScaleFailure | 'expired'> {
  /** The server's own wish (`Retry-After`), ms. */
  readonly retryAfterMs?: number;
}

/** What a status other than 2xx means. `body` is a `Status` of the API, or whatever a proxy on the way answers. */
export function statusFailure(
  needed: Permission,
  status: number,
  { body, retryAfter }: { readonly body: unknown; readonly retryAfter: string | undefined },
): ApiFailure {
  const said = statusMessage(body);
  const message = `${words(needed)}: status ${status}${said === '' ? '' : `: ${said}`}`;
  const seconds = Number(retryAfter);
  const wish = retryAfter !== undefined && seconds >= 0 ? { retryAfterMs: 1000 * seconds } : {};
  const fail = (reason: ApiFailure['reason'], text = message): ApiFailure => ({
    ok: false,
    reason,
    message: text,
    ...wish,
  });
  switch (status) {
    case 400:
    case 422:
      return fail('not-allowed');
    case 401:
      return fail('unauthorized', `${message}; the credentials are not accepted`);
    case 403:
      return /admission webhook|ValidatingAdmissionPolicy|exceeded quota/.test(said)
        ? fail('not-allowed')
        : fail('unauthorized', `${message}; grant ${grant(needed)}`);
    case 404:
      return fail('not-found');
    case 409:
      return fail('conflict');
    case 410:
      return fail('expired');
    case 429:
      return fail('throttled');
    default:
      return fail('unreachable');
  }
}

/** What was thrown instead of an answer. */
export function thrownFailure(needed: Permission, error: unknown): ApiFailure {
  if (error instanceof ApiException) {
    const headers = error.headers as Readonly<Record<string, string>>;
    return statusFailure(needed, error.code, { body: error.body, retryAfter: headers['retry-after'] });
  }
  return { ok: false, reason: 'unreachable', message: `${words(needed)}: ${errorMessage(error)}` };
}

/** For the callers of `scale`, who know nothing of what expires. */
export function scaleFailure({ reason, message }: ApiFailure): Failure<ScaleFailure> {
  return { ok: false, reason: reason === 'expired' ? 'unreachable' : reason, message };
}

function words({ verb, resource, namespace }: Permission): string {
  return `cannot ${verb} ${resource}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

function grant({ verb, resource, group, namespace }: Permission): string {
  const where = namespace === undefined ? 'in the cluster' : `in the namespace ${namespace}`;
  return `the verb "${verb}" on "${resource}" of the API group "${group}" ${where} to Sage's service account`;
}

const MAX_TEXT = 300;

/** The message of a `Status`: `{"kind":"Status","code":403,"message":"pods is forbidden: …"}`. */
function statusMessage(body: unknown): string {
  if (typeof body !== 'string') return '';
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message.slice(0, MAX_TEXT) : '';
  } catch {
    return body.slice(0, MAX_TEXT);
  }
}
