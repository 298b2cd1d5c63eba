import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How a program says who it is: a bearer token, or user and password. */
export type Credentials =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string };

/** The value of the header Authorization, as a client sends it. */
export function authorization(credentials: Credentials): string {
  return credentials.kind === 'bearer'
    ? `Bearer ${credentials.token}`
    : `Basic ${Buffer.from(secretOf(credentials)).toString('base64')}`;
}

/** Whether a request's header Authorization shows these credentials. */
export function isAuthorized(header: string | undefined, credentials: Credentials): boolean {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+) *$/.exec(header ?? '') ?? [];
  if (scheme.toLowerCase() !== credentials.kind) return false;
  const given = credentials.kind === 'bearer' ? value : Buffer.from(value, 'base64').toString('utf8');
  return timingSafeEqual(digest(given), digest(secretOf(credentials)));
}

/** What a request without them is told: the header WWW-Authenticate, and words. */
function challenge({ kind }: Credentials): { readonly header: string; readonly text: string } {
  return kind === 'bearer'
    ? {
        header: 'Bearer realm="sage"',
        text: 'expected the header Authorization: Bearer <token> with the right token',
      }
    : {
        header: 'Basic realm="sage", charset="UTF-8"',
        text: 'expected the header Authorization: Basic <user:password in base64> with the right ones',
      };
}

/** Why a request that does not show the credentials wanted is refused, its challenge set; undefined where it is not. */
export function unauthorized(
  request: IncomingMessage,
  response: ServerResponse,
  wanted: Credentials | undefined,
): string | undefined {
  if (wanted === undefined || isAuthorized(request.headers.authorization, wanted)) return undefined;
  const { header, text } = challenge(wanted);
  response.setHeader('WWW-Authenticate', header).setHeader('Connection', 'close');
  return text;
}

function secretOf(credentials: Credentials): string {
  return credentials.kind === 'bearer'
    ? credentials.token
    : `${credentials.username}:${credentials.password}`;
}

/** Equal lengths, whatever is compared. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
