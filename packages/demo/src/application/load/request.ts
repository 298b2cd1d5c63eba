import { Agent, request } from 'node:http';
import type { Endpoint } from '../topology/topology.js';

const REQUEST_TIMEOUT_MS = 15_000;

/** Connections of a client, kept alive. */
export function clientAgent(): Agent {
  return new Agent({ keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo', timeout: 60_000 });
}

/** Sends one request; `onEnd` gets its status once the last byte is here, 0 where there was no answer. */
export function sendRequest(
  endpoint: Endpoint,
  via: { readonly entryUrl: string; readonly agent: Agent },
  onEnd: (code: number) => void,
): void {
  let settled = false;
  const settle = (code: number) => {
    if (settled) return;
    settled = true;
    onEnd(code);
  };
  const outgoing = request(
    new URL(endpoint.path, via.entryUrl),
    { method: endpoint.method, agent: via.agent, timeout: REQUEST_TIMEOUT_MS },
    (response) => {
      response.resume();
      response.on('end', () => settle(response.statusCode ?? 0));
      response.on('error', () => settle(0));
    },
  );
  outgoing.on('timeout', () => outgoing.destroy());
  outgoing.on('error', () => settle(0));
  outgoing.end();
}
