/** A stretch of time in microseconds; the end is never before the start. */
export interface Interval {
  readonly startUs: number;
  readonly endUs: number;
}

/**
 * Tracers that stamp starts to the millisecond let calls made one after the other overlap by up to that much.
 * An overlap of up to this, and of up to half of the call, still counts as "before".
 */
const OVERLAP_US = 1_000;

/**
 * How much of each call, in microseconds, lay on the critical path of the span that made them.
 *
 * Walks backwards from the parent's end: at each point the call that finished last before it is what the parent was
 * waiting for, and the walk goes on from that call's start. A call that was still running at that point ran beside
 * another one and held nothing up. What a call did outside its parent does not count.
 */
export function criticalPathUs(parent: Interval, calls: readonly Interval[]): number[] {
  const inside = calls.map((call, index) => ({
    index,
    startUs: Math.max(call.startUs, parent.startUs),
    endUs: Math.min(call.endUs, parent.endUs),
  }));
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
