import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorMessage, failure, type Outcome, success } from '@sage/core';
import type { Address } from '../config/config.js';

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

export interface ListenOptions {
  /** Path of a Unix socket to serve the same on. */
  readonly socketPath?: string | undefined;
}

/** Time that answers under way have when the server closes. */
const CLOSE_MS = 2000;

export async function listen(
  handler: RequestListener,
  address: Address,
  { socketPath }: ListenOptions = {},
): Promise<Outcome<Listening, 'listen'>> {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, handler);
  const bound = await bind(server, { host: address.host, port: address.port });
  if (!bound.ok) {
    const place = `${address.host}:${address.port}`;
    const text = bound.message.includes('EADDRINUSE')
      ? `${place} is in use by another program: stop it or change \`listen\` in the configuration`
      : `cannot listen on ${place} (\`listen\` in the configuration): ${bound.message}`;
    return failure('listen', text);
  }
  const servers = [server];
  if (socketPath !== undefined) {
    const local = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, handler);
    const boundLocal = await bind(local, { path: socketPath });
    if (!boundLocal.ok) {
      await close(server);
      return failure('listen', `cannot listen on ${socketPath}: ${boundLocal.message}`);
    }
    servers.push(local);
  }
  const { address: host, port, family } = server.address() as AddressInfo;
  return success({
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`,
    close: async () => {
      await Promise.all(servers.map(close));
    },
  });
}

function bind(
  server: Server,
  where: { host: string; port: number } | { path: string },
): Promise<Outcome<void>> {
  return new Promise((resolve) => {
    const onError = (error: Error) => resolve(failure('listen', errorMessage(error)));
    server.once('error', onError);
    server.listen(where, () => {
      server.off('error', onError);
      resolve(success(undefined));
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
