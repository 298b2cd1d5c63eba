import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { failure, type Outcome, success } from '@sage/core';
import type { Credentials } from './credentials.js';

/** Nobody has to say much, and nobody may take long to say it. */
const OPTIONS: ServerOptions = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 8 * 1024,
};
const MOST_CONNECTIONS = 128;
/** Neither reads nor writes for as long: longer than any change takes. */
const IDLE_TIMEOUT_MS = 60_000;
const HANDSHAKE_TIMEOUT_MS = 5_000;

export interface ApiServer {
  readonly server: Server | TlsServer;
  /** New connections are made with these; old ones that idle are closed. */
  renew(credentials: Credentials): void;
}

/** Over TLS where there are certificates. A client's own is asked for, and judged where the request is. */
export function createApiServer(credentials: Credentials): ApiServer {
  const { tls } = credentials;
  const server =
    tls === undefined
      ? createServer(OPTIONS)
      : createTlsServer({
          ...OPTIONS,
          ...tls,
          minVersion: 'TLSv1.2',
          requestCert: tls.ca !== undefined,
          // Health checks are for everybody.
          rejectUnauthorized: false,
          handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        });
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(IDLE_TIMEOUT_MS);
  return {
    server,
    renew(next) {
      if ('setSecureContext' in server && next.tls !== undefined) {
        server.setSecureContext({ ...next.tls, minVersion: 'TLSv1.2' });
      }
      server.closeIdleConnections();
    },
  };
}

export function listen(
  server: Server | TlsServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Outcome<void, 'listen'>> {
  return new Promise((resolve) => {
    server.once('error', (error) =>
      resolve(failure('listen', `cannot listen on ${host}:${port}: ${error.message}`)),
    );
    server.listen({ host, port }, () => resolve(success(undefined)));
  });
}
