import type { Rng } from '@sage/core';
import type { Endpoint } from '../topology/topology.js';

/** The rate swings by ±20 % about its mean, once in two minutes. */
export const SWING = 0.2;
const SWING_PERIOD_SECONDS = 120;

/** Requests per second at a time: r0 (1 + 0.2 sin(2πt / 120 s)). */
export function rateAt(meanRate: number, seconds: number): number {
  return meanRate * (1 + SWING * Math.sin((2 * Math.PI * seconds) / SWING_PERIOD_SECONDS));
}

/** Time to the next arrival of the Poisson process with that rate, in ms; the rate hardly moves between two. */
export function nextArrivalMs(rng: Rng, meanRate: number, seconds: number): number {
  return rng.exponential(1000 / rateAt(meanRate, seconds));
}

/** Draws one endpoint by the workload's weights. */
export function drawEndpoint(rng: Rng, endpoints: readonly Endpoint[]): Endpoint {
  const total = endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0);
  let left = rng.uniform() * total;
  for (const endpoint of endpoints) {
    left -= endpoint.weight;
    if (left < 0) return endpoint;
  }
  return endpoints[endpoints.length - 1] as Endpoint;
}
