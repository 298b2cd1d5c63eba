import { createServer, type IncomingMessage, type Server } from 'node:http';
import { errorMessage } from '@sage/core';
import type { Link } from './link.js';

const MAX_BODY_BYTES = 1024;
const MAX_DELAY_MS = 10_000;

/** GET `/links` → LinkState[]; PUT `/links/<link>` `{delayMs}` → LinkState. */
export function createControl(links: ReadonlyMap<string, Link>): Server {
  return createServer((request, response) => {
    answer(links, request)
      .catch((error: unknown) => ({ status: 400, body: { error: errorMessage(error) } as unknown }))
      .then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(`${JSON.stringify(body)}\n`);
      });
  });
}

async function answer(
  links: ReadonlyMap<string, Link>,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  const path = decodeURIComponent(request.url ?? '');
  if (request.method === 'GET' && path === '/links') {
    return { status: 200, body: [...links.values()].map((link) => link.state()) };
  }
  if (request.method === 'PUT' && path.startsWith('/links/')) {
    const name = path.slice('/links/'.length);
    const link = links.get(name);
    if (link === undefined) {
      return {
        status: 404,
        body: { error: `no link is called ${name}; there are: ${[...links.keys()].join(', ')}` },
      };
    }
    link.setDelay(await readDelay(request));
    return { status: 200, body: link.state() };
  }
  return { status: 404, body: { error: `nothing answers ${request.method} ${path}` } };
}

async function readDelay(request: IncomingMessage): Promise<number> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error(`body: expected at most ${MAX_BODY_BYTES} bytes`);
  }
  const { delayMs } = JSON.parse(text) as { delayMs?: unknown };
  if (typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_DELAY_MS) return delayMs;
  throw new Error(`delayMs: expected 0 to ${MAX_DELAY_MS} milliseconds, got ${JSON.stringify(delayMs)}`);
}
