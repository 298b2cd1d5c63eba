/**
 * A knob that did harm, or that was refused or failed, rests for so many windows, whoever asks: what did not work a
 * moment ago is not tried again, and the ladder goes on beside it. What is released needs no rest: if the objective
 * breaks without it, it is what comes back (see `comesBack`).
 */
const COOL_DOWN_WINDOWS = 10;

/** When a knob that is put to rest at `nowMs` may be turned again. */
export function restsUntil(nowMs: number, windowSeconds: number): number {
  return nowMs + COOL_DOWN_WINDOWS * windowSeconds * 1000;
}
