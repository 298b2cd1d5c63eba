import { RESOURCES } from '@sage/core';
import { z } from 'zod';
import type { IncidentRecord } from './incident.js';

/** An incident as `incidents.json` holds it. What a later version may have added is left out. */

const time = z.number();
/** JSON writes null for what is no finite number. */
const measured = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const resource = z.enum(RESOURCES);
const evidence = z.array(
  z.object({
    name: z.string(),
    unit: z.string(),
    observed: measured,
    expected: measured,
    z: measured,
  }),
);

const candidate = z.object({
  service: z.string(),
  resource: resource.optional(),
  anomaly: measured,
  counterfactualMs: measured,
  probability: measured,
  evidence,
});

const diagnosis = z.object({
  objective: z.string(),
  verdict: z.enum(['culprits', 'workload', 'undetermined', 'no-violation']),
  windowStartMs: time,
  windowEndMs: time,
  observedMs: z.number().optional(),
  thresholdMs: z.number(),
  culprits: z.array(
    z.object({
      service: z.string(),
      resource,
      replica: z.string().optional(),
      probability: measured,
      share: measured,
      effectMs: measured,
      evidence,
    }),
  ),
  services: z.array(candidate),
  resources: z.array(candidate),
  victims: z.array(
    z.object({ service: z.string(), operation: z.string(), observedMs: measured, normalMs: measured }),
  ),
  reason: z.string(),
});

const target = z.string();
const action = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cpu-quota'), target, cores: z.number() }),
  z.object({ kind: z.literal('cpu-weight'), target, weight: z.number() }),
  z.object({ kind: z.literal('cpu-set'), target, cpus: z.array(z.number()) }),
  z.object({ kind: z.literal('cpu-frequency'), target, minKhz: z.number() }),
  z.object({ kind: z.literal('memory-limit'), target, bytes: z.number() }),
  z.object({ kind: z.literal('disk-weight'), target, weight: z.number() }),
  z.object({
    kind: z.literal('limit-corunner'),
    target,
    pids: z.array(z.number()),
    of: z.enum(['cpu', 'llc', 'memory-bandwidth', 'disk', 'network']).optional(),
  }),
  z.object({ kind: z.literal('llc-ways'), target, ways: z.number() }),
  z.object({ kind: z.literal('memory-bandwidth'), target, value: z.number() }),
  z.object({
    kind: z.literal('link-rate'),
    target,
    mbitPerSecond: z.number(),
    direction: z.enum(['egress', 'ingress']).optional(),
  }),
  z.object({ kind: z.literal('link-delay'), target, delayMs: z.number() }),
  z.object({ kind: z.literal('pool-size'), target, pool: z.string(), size: z.number() }),
  z.object({ kind: z.literal('scale'), target, replicas: z.number() }),
]);

const plan = z.object({
  objective: z.string(),
  service: z.string(),
  resource,
  actions: z.array(z.object({ node: z.string(), action, reason: z.string() })),
  recommendations: z.array(z.string()),
  expectedMs: z.number().optional(),
});

const outcome = z.object({
  id: z.string(),
  action,
  status: z.enum(['applied', 'unchanged', 'dry-run', 'refused', 'failed', 'released']),
  message: z.string(),
  writes: z.array(z.string()),
  leaseEndsMs: time.optional(),
});

/** Before an action in force named its service, targets were named as theirs. */
const held = z.preprocess(
  (value) => {
    const entry = value as { readonly action?: { readonly target?: string } } | null;
    const since = { service: entry?.action?.target, resource: 'cpu', leaseEndsMs: 0, replicasBefore: null };
    return { ...since, ...entry };
  },
  z.object({
    node: z.string(),
    actionId: z.string(),
    action,
    service: z.string(),
    resource,
    leaseEndsMs: time.nullable(),
    replicasBefore: z.number().nullable(),
  }),
);

/** Before plans had states, what they led to told it. */
const incidentAction = z.preprocess(
  (value) => {
    const entry = value as { readonly outcomes?: readonly unknown[]; readonly atMs?: number } | null;
    const done = Array.isArray(entry?.outcomes) && entry.outcomes.length > 0;
    const since = { state: done ? 'done' : 'advice', doneMs: done ? entry.atMs : null };
    return { ...since, round: 0, approved: false, beforeMs: null, replicasBefore: null, ...entry };
  },
  z.object({
    atMs: time,
    plan,
    state: z.enum(['advice', 'proposed', 'due', 'done', 'rejected', 'stale']),
    round: z.number(),
    approved: z.boolean(),
    beforeMs: z.number().nullable(),
    doneMs: time.nullable(),
    replicasBefore: z.number().nullable(),
    outcomes: z.array(outcome),
  }),
);

const annotation = z.discriminatedUnion('state', [
  z.object({ state: z.literal('none') }),
  z.object({ state: z.literal('posting') }),
  z.object({ state: z.literal('posted'), id: z.number(), text: z.string(), ended: z.boolean() }),
]);

const incident = z.object({
  id: z.string(),
  objective: z.string(),
  status: z.enum(['open', 'closed']),
  openedMs: time,
  closedMs: time.nullable(),
  sources: z.array(z.enum(['collector', 'alertmanager'])),
  diagnosis: diagnosis.nullable(),
  actions: z.array(incidentAction),
  timeline: z.array(z.object({ atMs: time, text: z.string() })),
  alerts: z.record(z.string(), z.enum(['firing', 'resolved'])),
  heardMs: time.default(0),
  collectorBroken: z.boolean(),
  attempts: z.number(),
  annotation,
  judgedMs: time,
  waiting: z.boolean().default(false),
  inForce: z.array(held),
  released: z.object({ atMs: time, held }).nullable().default(null),
  patience: z.number().default(1),
  resting: z.array(z.object({ node: z.string(), action, untilMs: time })).default([]),
});

/** undefined where anything of it is missing or of another kind. */
export function asIncident(value: unknown): IncidentRecord | undefined {
  const parsed = incident.safeParse(value);
  // JSON leaves out what is undefined; reading it gives undefined again.
  return parsed.success ? (parsed.data as IncidentRecord) : undefined;
}
