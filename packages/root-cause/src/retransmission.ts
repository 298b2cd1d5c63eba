/** TCP waits so long before it sends again, and each time twice as long; what comes of it is told to a tenth. */
const TIME_OUTS_MS: readonly number[] = [200, 600, 1400];
const TOLERANCE = 0.1;

/** Whether something takes longer by just what one to three retransmissions take. */
export function isTimeOut(excessMs: number): boolean {
  return TIME_OUTS_MS.some((ms) => Math.abs(excessMs - ms) <= TOLERANCE * ms);
}
