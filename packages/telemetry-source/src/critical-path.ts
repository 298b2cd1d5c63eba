/** A stretch of time in microseconds; the end is never before the start. */
export interface Interval {
  readonly startUs: number;
  readonly endUs: number;
}

/** A call as its caller's clock has it. */
export interface CallInterval extends Interval {
  /** False where its end is by another clock, which may be ahead. */
  readonly callerClock: boolean;
}

/**
 * Tracers that stamp starts to the millisecond let calls made one after the other overlap by up to that much.
 * An overlap of up to this, and of up to half of the call, still counts as "before".
 */
const OVERLAP_US = 1_000;

/** A call that was still running when its parent had ended was not waited for. undefined: the clocks cannot tell. */
export function isAwaited(parent: Interval, call: CallInterval): boolean | undefined {
  return call.callerClock ? call.endUs <= parent.endUs + OVERLAP_US : undefined;
}

/**
 * How much of each call, in microseconds, lay on the critical path of the span that made them.
 *
 * Walks backwards from the parent's end: at each point the call that finished last before it is what the parent was
 * waiting for, and the walk goes on from that call's start. A call that was still running at that point ran beside
 * another one and held nothing up; neither did one that outlived its parent.
 */
export function criticalPathUs(parent: Interval, calls: readonly CallInterval[]): number[] {
  const critical = new Array<number>(calls.length).fill(0);
  const startOf = (call: CallInterval) => Math.max(call.startUs, parent.startUs);
  const endOf = (call: CallInterval) => Math.min(call.endUs, parent.endUs);
  let pointUs = parent.endUs;
  for (const index of awaitedCalls(parent, calls, (a, b) => endOf(b) - endOf(a) || startOf(a) - startOf(b))) {
    const call = calls[index] as CallInterval;
    const startUs = startOf(call);
    const endUs = endOf(call);
    const lengthUs = endUs - startUs;
    if (lengthUs <= 0 || endUs > pointUs + Math.min(OVERLAP_US, lengthUs / 2)) continue;
    critical[index] = lengthUs;
    pointUs = Math.min(pointUs, startUs);
  }
  return critical;
}

/**
 * Places of the calls that were waited for, in the order given, and in that of their places where it leaves a choice.
 */
function awaitedCalls(
  parent: Interval,
  calls: readonly CallInterval[],
  compare: (a: CallInterval, b: CallInterval) => number,
): number[] {
  const order: number[] = [];
  for (let index = 0; index < calls.length; index++) {
    if (isAwaited(parent, calls[index] as CallInterval) !== false) order.push(index);
  }
  return order.sort((a, b) => compare(calls[a] as CallInterval, calls[b] as CallInterval));
}

/** How many calls further on, in order of their starts, are looked at: hundreds side by side say no more than a few. */
const MOST_COMPARED = 32;

/**
 * Per call the calls that it ran beside: for more than half of the shorter of the two, and where starts are
 * stamped to the millisecond, for longer than that. Calls that were not waited for are beside nobody.
 */
export function callsBeside(parent: Interval, calls: readonly CallInterval[]): number[][] {
  const beside: number[][] = calls.map(() => []);
  const order = awaitedCalls(parent, calls, (a, b) => a.startUs - b.startUs);
  for (let place = 0; place < order.length; place++) {
    const index = order[place] as number;
    const last = Math.min(order.length - 1, place + MOST_COMPARED);
    for (let next = place + 1; next <= last; next++) {
      const other = order[next] as number;
      if ((calls[other] as CallInterval).startUs >= (calls[index] as CallInterval).endUs) break;
      if (!isBeside(calls[index] as CallInterval, calls[other] as CallInterval)) continue;
      beside[index]?.push(other);
      beside[other]?.push(index);
    }
  }
  return beside;
}

/** Of two calls of which the first began no later. */
function isBeside(one: CallInterval, other: CallInterval): boolean {
  const sharedUs = Math.min(one.endUs, other.endUs) - other.startUs;
  const shorterUs = Math.min(one.endUs - one.startUs, other.endUs - other.startUs);
  const coarse = one.startUs % OVERLAP_US === 0 && other.startUs % OVERLAP_US === 0;
  return sharedUs > Math.max(shorterUs / 2, coarse ? OVERLAP_US : 0);
}
