import type { Rng } from '@sage/core';
import type { TopologyNetwork } from '../topology.js';
import type { Replica } from './replica.js';

/** Linux's least retransmission time-out; it doubles with every try. */
const RETRANSMIT_MS = 200;
const MOST_TRIES = 8;
const SEGMENT_BYTES = 1448;
/** A link's queue holds so much; what waits longer is lost in reality, here it waits no longer. */
const MOST_QUEUE_MS = 1000;

/** The way from one replica to another: both links' queues, the delay between them, and what gets lost. */
export class Network {
  constructor(
    private readonly network: TopologyNetwork,
    private readonly rng: Rng,
  ) {}

  /** When a message sent now has arrived in full. */
  send(from: Replica, to: Replica, meanBytes: number, nowMs: number): number {
    const { network, rng } = this;
    const bytes = Math.round(meanBytes * (0.5 + rng.uniform()));
    from.counters.sentBytes += bytes;
    to.counters.receivedBytes += bytes;
    const sendMs = bytes / from.sendBytesPerMs;
    from.sendFreeMs = queued(from.sendFreeMs, nowMs) + sendMs;
    const delayMs = Math.max(0.4 * network.delayMs, network.delayMs + network.jitterMs * rng.normal());
    const receiveMs = bytes / to.receiveBytesPerMs;
    // What still waits at a slow sender must not keep the receiver's link from what others send meanwhile.
    to.receiveFreeMs = queued(to.receiveFreeMs, nowMs + delayMs) + receiveMs;
    const receivedMs = Math.max(to.receiveFreeMs, from.sendFreeMs + delayMs + receiveMs);
    const lostMs = to.linkLoss > 0 ? this.retransmissionMs(to.linkLoss, bytes) : 0;
    return receivedMs + to.linkDelayMs + lostMs;
  }

  private retransmissionMs(loss: number, bytes: number): number {
    const arrives = (1 - loss) ** Math.ceil(bytes / SEGMENT_BYTES);
    let waitMs = 0;
    for (let tries = 0; tries < MOST_TRIES && this.rng.uniform() > arrives; tries++) {
      waitMs += RETRANSMIT_MS * 2 ** tries;
    }
    return waitMs;
  }
}

function queued(freeMs: number, nowMs: number): number {
  return freeMs > nowMs ? Math.min(freeMs, nowMs + MOST_QUEUE_MS) : nowMs;
}
