import { errorMessage, failure, type Logger, type Outcome, success } from '@sage/core';

/** A part that ends, in words, and how. */
export type ClosingStep = readonly [what: string, close: () => Promise<unknown> | undefined];

/** One after the other, each whatever became of those before; a failure names all that could not be done. */
export async function closeAll(
  steps: readonly ClosingStep[],
  logger: Logger,
): Promise<Outcome<void, 'close'>> {
  const failures: string[] = [];
  for (const [what, close] of steps) {
    try {
      await close();
    } catch (error) {
      logger.error('Sage could not end in order', { what, error: errorMessage(error) });
      failures.push(`${what}: ${errorMessage(error)}`);
    }
  }
  if (failures.length === 0) return success(undefined);
  return failure('close', `not everything was closed and saved: ${failures.join('; ')}`);
}
