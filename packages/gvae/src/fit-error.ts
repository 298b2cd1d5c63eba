export type FitFailure = 'too-few-windows' | 'empty-graph' | 'bad-option';

/** Data or options that no model can be learnt from. */
export class FitError extends Error {
  readonly reason: FitFailure;

  constructor(reason: FitFailure, message: string) {
    super(message);
    this.name = 'FitError';
    this.reason = reason;
  }
}
