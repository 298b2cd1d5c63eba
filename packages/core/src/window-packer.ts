import { LatencyPacker } from './packed-latency.js';
import { MetricsPacker } from './packed-metrics.js';
import { ReplicaPacker } from './packed-replicas.js';
import type { Window } from './window.js';

/** So many windows share their names; later ones begin anew, so that names nobody uses any more go with their windows. */
const SHARED_BY = 512;

/**
 * Packs the windows of one application into columns: of a thousand services each else holds tens of thousands of small
 * objects, all of which a garbage collector visits as long as it is remembered. The packed window answers as the window
 * did, but that its maps name what they hold in the order in which it came first in any of them, and counts and means
 * have seven digits.
 */
export class WindowPacker {
  #latency = new LatencyPacker();
  #metrics = new MetricsPacker();
  #replicas = new ReplicaPacker();
  #packed = 0;

  pack(window: Window): Window {
    if (this.#packed === SHARED_BY) this.#beginAnew();
    this.#packed++;
    const { latency, metrics, replicas } = window;
    return {
      ...window,
      latency: this.#latency.pack(latency),
      metrics: this.#metrics.pack(metrics),
      ...(replicas === undefined ? {} : { replicas: this.#replicas.pack(replicas) }),
    };
  }

  #beginAnew(): void {
    this.#latency = new LatencyPacker();
    this.#metrics = new MetricsPacker();
    this.#replicas = new ReplicaPacker();
    this.#packed = 0;
  }
}

/** The same window with maps of its own, which can be sent to another thread. */
export function plainWindow(window: Window): Window {
  const { latency, metrics, replicas } = window;
  return {
    ...window,
    latency: new Map(latency),
    metrics: new Map([...metrics].map(([service, features]) => [service, new Map(features)])),
    ...(replicas === undefined
      ? {}
      : {
          replicas: new Map(
            [...replicas].map(([service, readings]) => [
              service,
              new Map(
                [...readings].map(([replica, reading]) => [
                  replica,
                  { ...reading, metrics: new Map(reading.metrics) },
                ]),
              ),
            ]),
          ),
        }),
  };
}
