import { errorMessage, type Failure, failure } from '@sage/core';

export type ListenFailure = 'port-in-use' | 'not-permitted' | 'address-unavailable' | 'listen-failed';

/** Where a receiver listens, and the setting by which a user can move it. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const ADVICE: Readonly<Record<string, readonly [ListenFailure, string]>> = {
  EADDRINUSE: ['port-in-use', 'another program listens there; stop it or choose another port'],
  EACCES: ['not-permitted', 'the system does not permit it; choose a port above 1023'],
  EADDRNOTAVAIL: ['address-unavailable', 'this machine has no such address; choose one that it has'],
  ENOTFOUND: ['address-unavailable', 'no such host name; choose an address of this machine'],
  EAI_AGAIN: ['address-unavailable', 'the host name cannot be resolved; choose an address of this machine'],
};

/** What went wrong with listening, and what to change: `setting` names the configuration key. */
export function listenFailure(
  what: string,
  address: ListenAddress,
  setting: string,
  error: unknown,
): Failure<ListenFailure> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const [reason, advice] = ADVICE[code] ?? [
    'listen-failed' as const,
    `${errorMessage(error)}; choose another`,
  ];
  return failure(
    reason,
    `cannot listen for ${what} on ${address.host}:${address.port}: ${advice} in ${setting}`,
  );
}
