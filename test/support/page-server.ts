import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { REPOSITORY } from './repository.js';

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

export interface PageServer {
  readonly url: string;
  /** What the next answers of /api/v1/state say; a number is an answer of that status without a body. */
  respond(state: object | number): void;
  /** What was asked of plans: path and header Authorization. */
  readonly decisions: readonly { readonly path: string; readonly authorization: string | undefined }[];
  /** From now on decisions need this bearer token. */
  requireToken(token: string): void;
  close(): Promise<void>;
}

/** Serves packages/engine/page, the words of packages/core and a state of our choice, as the engine does its own. */
export async function startPageServer(initial: object | number): Promise<PageServer> {
  let current = initial;
  let token: string | undefined;
  const decisions: { path: string; authorization: string | undefined }[] = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/api/v1/state') {
      response.writeHead(typeof current === 'number' ? current : 200, { 'content-type': 'application/json' });
      response.end(typeof current === 'number' ? '' : JSON.stringify(current));
      return;
    }
    if (request.method === 'POST') {
      const { authorization } = request.headers;
      const allowed = token === undefined || authorization === `Bearer ${token}`;
      if (allowed) decisions.push({ path, authorization });
      response.writeHead(allowed ? 200 : 401, {
        'content-type': 'application/json',
        ...(allowed ? {} : { 'www-authenticate': 'Bearer realm="sage"' }),
      });
      response.end(JSON.stringify(allowed ? { state: 'due' } : { error: 'no' }));
      return;
    }
    const page = join(REPOSITORY, 'packages/engine/page', normalize(path === '/' ? '/index.html' : path));
    const file = path === '/words.js' ? join(REPOSITORY, 'packages/core/dist/src/words.js') : page;
    try {
      const body = await readFile(file);
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    respond: (state) => {
      current = state;
    },
    decisions,
    requireToken: (wanted) => {
      token = wanted;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
