/** Counts by reason. Reasons are closed sets in the code, so the map stays small. */
export class Counters<Reason extends string> {
  readonly #counts = new Map<Reason, number>();

  add(reason: Reason, count = 1): void {
    if (count > 0) this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + count);
  }

  addAll(counts: ReadonlyMap<Reason, number>): void {
    for (const [reason, count] of counts) this.add(reason, count);
  }

  /** A copy: what was counted until now. */
  snapshot(): Partial<Record<Reason, number>> {
    return Object.fromEntries(this.#counts) as Partial<Record<Reason, number>>;
  }
}
