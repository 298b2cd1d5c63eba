/** Result of an operation whose failures are part of its contract. Bugs throw; outcomes are returned. */
export type Outcome<T, Reason extends string = string> = Success<T> | Failure<Reason>;

export interface Success<T> {
  readonly ok: true;
  readonly value: T;
}

/** `reason` is from a closed union and is also what a metric's label says; `message` is for people. */
export interface Failure<Reason extends string = string> {
  readonly ok: false;
  readonly reason: Reason;
  readonly message: string;
}

export function success<T>(value: T): Success<T> {
  return { ok: true, value };
}

export function failure<Reason extends string>(reason: Reason, message: string): Failure<Reason> {
  return { ok: false, reason, message };
}

/** The text of whatever was thrown, for messages and logs. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
