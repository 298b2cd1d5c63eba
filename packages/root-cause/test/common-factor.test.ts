import type { FeatureName, RobustScale, Window } from '@sage/core';
import { expect } from 'chai';
import { readFeatures } from '../src/anomaly.js';
import type { NormalReference } from '../src/normal-reference.js';

const WAIT: FeatureName = 'cpu_runqueue_wait_ratio';
const SPREAD = 0.03;
/** How long each usually waits: by how often it runs. */
const USUAL: Readonly<Record<string, number>> = {
  front: 0.2,
  cart: 0.12,
  rate: 0.08,
  geo: 0.05,
  store: 0.01,
};

/** z that is each one's own, where it waits so many times as long as usual. */
function ownZ(times: Readonly<Record<string, number>>, judged = Object.keys(times)) {
  const scale = (service: string): RobustScale => ({ center: USUAL[service] as number, spread: SPREAD });
  const reference: NormalReference = {
    windows: [],
    loadPerSecond: 1,
    largestLoadPerSecond: 1,
    rootLoads: new Map(),
    features: (service) => new Map([[WAIT, scale(service)]]),
    latency: () => undefined,
  };
  const metrics = new Map(
    Object.entries(times).map(([service, factor]) => [
      service,
      new Map([[WAIT, factor * (USUAL[service] as number)]]),
    ]),
  );
  const window: Window = { startMs: 0, endMs: 30_000, latency: new Map(), metrics };
  return Object.fromEntries(
    [...readFeatures(judged, window, reference)].map(([service, [reading]]) => [service, reading?.ownZ ?? 0]),
  );
}

describe('what is common to the readings of all services', () => {
  it('where all wait four times as long, whoever has the most turns waits no more than the others', () => {
    const own = ownZ({ front: 4, cart: 4, rate: 4, geo: 4, store: 4 });
    for (const [service, z] of Object.entries(own)) expect(z, service).to.be.at.most(1e-9);
  });

  it('where all wait four times as long and one ten times, what is above four is its own', () => {
    const { rate, front } = ownZ({ front: 4, cart: 4, rate: 10, geo: 4, store: 4 });
    expect(rate).to.be.closeTo((6 * 0.08) / SPREAD, 1e-9);
    expect(front).to.be.closeTo(0, 1e-9);
  });

  it('is of all that is measured, and not of those alone whom the requests meet', () => {
    const all = { front: 4, cart: 1, rate: 1, geo: 1, store: 1 };
    expect(ownZ(all, ['front']).front).to.be.closeTo((3 * 0.2) / SPREAD, 1e-9);
    expect(ownZ({ ...all, cart: 4, rate: 4, geo: 4 }, ['front']).front).to.be.closeTo(0, 1e-9);
  });

  it('is nothing where most wait as usual or less, or where few are measured', () => {
    expect(ownZ({ front: 2, cart: 0.2, rate: 0.5, geo: 0.1, store: 1 }).front).to.be.closeTo(
      0.2 / SPREAD,
      1e-9,
    );
    expect(ownZ({ front: 4, cart: 4, rate: 4 }).front).to.be.closeTo((3 * 0.2) / SPREAD, 1e-9);
  });
});
