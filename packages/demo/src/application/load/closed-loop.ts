import type { Rng } from '@sage/core';
import type { Endpoint } from '../topology/topology.js';
import { drawEndpoint } from './arrivals.js';
import { clientAgent, sendRequest } from './request.js';

export interface ClosedLoopOptions {
  readonly entryUrl: string;
  /** Requests under way at any time. */
  readonly connections: number;
  readonly endpoints: readonly Endpoint[];
  readonly rng: Rng;
  readonly onEnd: (code: number) => void;
}

/**
 * So many clients, each of which sends its next request when the last is answered: with enough of them the application is
 * always busy, and what comes back per second is what it can do at most.
 */
export function startClosedLoop(options: ClosedLoopOptions): { stop(): Promise<void> } {
  const { entryUrl, connections, endpoints, rng, onEnd } = options;
  const agent = clientAgent();
  let stopped = false;
  const client = async () => {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        sendRequest(drawEndpoint(rng, endpoints), { entryUrl, agent }, (code) => {
          onEnd(code);
          resolve();
        });
      });
    }
  };
  const clients = Promise.all(Array.from({ length: connections }, client));
  return {
    stop: async () => {
      stopped = true;
      await clients;
      agent.destroy();
    },
  };
}
