/** Time in which at least one was waiting, as PSI's "some" counts it. Waits must be added in order of their start. */
export class WaitingTime {
  totalMs = 0;
  private untilMs = 0;

  add(fromMs: number, toMs: number): void {
    const start = Math.max(fromMs, this.untilMs);
    if (toMs <= start) return;
    this.totalMs += toMs - start;
    this.untilMs = toMs;
  }
}
