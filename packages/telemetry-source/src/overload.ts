/** A consumer's answer when it can take no more: nothing of the batch was taken, send it again after a while. */
export interface Overload {
  readonly retryAfterMs: number;
}

/** Takes a batch (undefined) or refuses all of it. */
export type Consumer<T> = (batch: readonly T[]) => Overload | undefined;
