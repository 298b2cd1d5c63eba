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
  const inside = calls.flatMap((call, index) => {
    if (isAwaited(parent, call) === false) return [];
    const startUs = Math.max(call.startUs, parent.startUs);
    return [{ index, startUs, endUs: Math.min(call.endUs, parent.endUs) }];
  });
  inside.sort((a, b) => b.endUs - a.endUs || a.startUs - b.startUs || a.index - b.index);
  const critical = new Array<number>(calls.length).fill(0);
  let pointUs = parent.endUs;
  for (const { index, startUs, endUs } of inside) {
    const lengthUs = endUs - startUs;
    if (lengthUs <= 0 || endUs > pointUs + Math.min(OVERLAP_US, lengthUs / 2)) continue;
    critical[index] = lengthUs;
    pointUs = Math.min(pointUs, startUs);
  }
  return critical;
}

/** How many calls further on, in order of their starts, are looked at: hundreds side by side say no more than a few. */
const MOST_COMPARED = 32;

/**
 * Per call the calls that it ran beside: for more than half of the shorter of the two, and where starts are
 * stamped to the millisecond, for longer than that. Calls that were not waited for are beside nobody.
 */
export function callsBeside(parent: Interval, calls: readonly CallInterval[]): number[][] {
  const beside: number[][] = calls.map(() => []);
  const order = calls
    .map((call, index) => ({ ...call, index }))
    .filter((call) => isAwaited(parent, call) !== false)
    .sort((a, b) => a.startUs - b.startUs || a.index - b.index);
  order.forEach((one, place) => {
    for (const other of order.slice(place + 1, place + 1 + MOST_COMPARED)) {
      if (other.startUs >= one.endUs) break;
      const sharedUs = Math.min(one.endUs, other.endUs) - other.startUs;
      const shorterUs = Math.min(one.endUs - one.startUs, other.endUs - other.startUs);
      const coarse = one.startUs % OVERLAP_US === 0 && other.startUs % OVERLAP_US === 0;
      if (sharedUs <= Math.max(shorterUs / 2, coarse ? OVERLAP_US : 0)) continue;
      beside[one.index]?.push(other.index);
      beside[other.index]?.push(one.index);
    }
  });
  return beside;
}
