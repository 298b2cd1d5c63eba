import type { NodeAction } from '@sage/core';
import { z } from 'zod';
import { ACTION_KINDS, type Limits } from './limits.js';
import type { Patience } from './repair.js';

/** What keeps the agent from doing harm, and strangers from the agent. */
export interface SafetyConfig {
  readonly limits: Limits;
  readonly drift: Patience & { readonly everySeconds: number };
  /** While this file exists nothing is changed. */
  readonly killSwitch: string;
  readonly tls: TlsConfig | undefined;
}

export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients need a certificate of one of these authorities; undefined: they need none. */
  readonly clientCaFile: string | undefined;
  /** Common or alternative names, of which a client's certificate must have one; empty: any. */
  readonly allowedClients: readonly string[];
}

const file = z.string().min(1);
const kind = z.enum(ACTION_KINDS as [NodeAction['kind'], ...NodeAction['kind'][]], {
  error: `expected one of ${ACTION_KINDS.join(', ')}`,
});

const bound = z
  .strictObject({ min: z.number().exactOptional(), max: z.number().exactOptional() })
  .refine(({ min, max }) => min === undefined || max === undefined || min <= max, {
    error: 'expected min to be no greater than max',
  });

const limits = z.strictObject({
  actions: z.array(kind).default([...ACTION_KINDS]),
  changes_per_minute: z.int().min(1).max(10_000).default(60),
  changes_in_force: z.int().min(1).max(10_000).default(256),
  bounds: z
    .partialRecord(kind, bound, { error: `expected kinds of actions as keys: ${ACTION_KINDS.join(', ')}` })
    .default({}),
});

const drift = z.strictObject({
  every_seconds: z.number().min(1).max(3600).default(10),
  give_up_after: z.int().min(1).max(1000).default(5),
  within_seconds: z.number().min(1).max(86_400).default(600),
});

const tls = z
  .strictObject({
    cert_file: file,
    key_file: file,
    client_ca_file: file.optional(),
    allowed_clients: z.array(z.string().min(1)).max(100).default([]),
  })
  .refine((each) => each.allowed_clients.length === 0 || each.client_ca_file !== undefined, {
    path: ['allowed_clients'],
    error: 'expected a client_ca_file beside it: without one nobody shows a certificate',
  });

/** Keys of the configuration, for its schema. */
export const safetyKeys = {
  limits: limits.prefault({}),
  drift: drift.prefault({}),
  kill_switch: file.optional(),
  tls: tls.optional(),
};

export function resolveSafety(raw: z.output<z.ZodObject<typeof safetyKeys>>, journal: string): SafetyConfig {
  return {
    limits: {
      actions: raw.limits.actions,
      changesPerMinute: raw.limits.changes_per_minute,
      changesInForce: raw.limits.changes_in_force,
      bounds: raw.limits.bounds,
    },
    drift: {
      everySeconds: raw.drift.every_seconds,
      giveUpAfter: raw.drift.give_up_after,
      withinSeconds: raw.drift.within_seconds,
    },
    killSwitch: raw.kill_switch ?? `${journal}.kill`,
    tls: raw.tls && {
      certFile: raw.tls.cert_file,
      keyFile: raw.tls.key_file,
      clientCaFile: raw.tls.client_ca_file,
      allowedClients: raw.tls.allowed_clients,
    },
  };
}
