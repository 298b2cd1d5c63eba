import { failure, type Outcome, type ScaleState } from '@sage/core';
import { Backoff, pause } from './backoff.js';
import { withinBounds } from './bounds.js';
import type { OrchestratorDeps, ScaleFailure } from './orchestrator.js';

export interface FreshWrite<Read extends { readonly state: ScaleState }> {
  read(): Promise<Outcome<Read, ScaleFailure>>;
  /** `conflict`: what was read is not the latest any more. */
  write(read: Read): Promise<Outcome<ScaleState, ScaleFailure>>;
  readonly service: string;
  readonly signal: AbortSignal;
}

const MAX_WRITES = 5;

/**
 * Changes a number of replicas only as it was read. Whatever else changes meanwhile (a status is written often) makes
 * the write a conflict, and it is read and tried again; where the number itself was changed by somebody else that is
 * the end of it: two that scale one service would take turns.
 */
export async function scaleFresh<Read extends { readonly state: ScaleState }>(
  { read, write, service, signal }: FreshWrite<Read>,
  replicas: number,
  { bounds, rng, retryMs }: Pick<OrchestratorDeps, 'bounds' | 'rng' | 'retryMs'>,
): Promise<Outcome<ScaleState, ScaleFailure>> {
  if (bounds(service) === undefined) {
    return failure('not-allowed', `the configuration does not let ${service} be scaled`);
  }
  const backoff = new Backoff(rng, retryMs === undefined ? undefined : retryMs / 5);
  let before: number | undefined;
  for (let writes = 0; ; writes++) {
    const present = await read();
    if (!present.ok) return present;
    const { state } = present.value;
    if (before !== undefined && state.replicas !== before && state.replicas !== replicas) {
      return failure(
        'conflict',
        `somebody else scaled ${state.workload} from ${before} to ${state.replicas} meanwhile`,
      );
    }
    before = state.replicas;
    const allowed = withinBounds(state, replicas);
    if (!allowed.ok) return allowed;
    const written = await write(present.value);
    if (written.ok || written.reason !== 'conflict' || writes + 1 === MAX_WRITES) return written;
    await pause(backoff.nextMs(), signal);
    if (signal.aborted) return written;
  }
}
