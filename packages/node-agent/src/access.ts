import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { type Failure, failure } from '@sage/core';
import { type Credentials, certificateNames } from './credentials.js';

/**
 * Why a request may not be answered, or undefined. Where the configuration has a token and an authority for clients'
 * certificates, a request needs both.
 */
export function whyNotAdmitted(
  request: IncomingMessage,
  credentials: Credentials,
  allowedClients: readonly string[],
): Failure<'unauthenticated' | 'not-allowed'> | undefined {
  if (credentials.tls?.ca !== undefined) {
    const refused = whyStranger(request.socket as TLSSocket, allowedClients);
    if (refused !== undefined) return refused;
  }
  if (credentials.token === undefined || hasToken(request, credentials.token)) return undefined;
  return failure('unauthenticated', 'expected the header "authorization: Bearer <token of token_file>"');
}

function whyStranger(
  socket: TLSSocket,
  allowedClients: readonly string[],
): Failure<'unauthenticated' | 'not-allowed'> | undefined {
  if (!socket.authorized) {
    const why = socket.authorizationError ? `: ${String(socket.authorizationError)}` : '';
    return failure('unauthenticated', `expected a client certificate of tls.client_ca_file${why}`);
  }
  const names = certificateNames(socket.getPeerCertificate());
  if (allowedClients.length === 0 || names.some((name) => allowedClients.includes(name))) return undefined;
  return failure(
    'not-allowed',
    `the client certificate is for ${names.join(', ')}: none is in tls.allowed_clients`,
  );
}

function hasToken(request: IncomingMessage, token: string): boolean {
  // Hashes have one length, so that comparing takes one time.
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${token}`));
}
