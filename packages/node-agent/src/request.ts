import { failure, type NodeAction, type Outcome, success } from '@sage/core';
import { z } from 'zod';

export interface ActionRequest {
  readonly id: string;
  readonly action: NodeAction;
  readonly leaseSeconds: number | undefined;
}

const target = z.string().min(1).max(63);
const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cpu-quota'), target, cores: z.number() }),
  z.strictObject({ kind: z.literal('cpu-weight'), target, weight: z.number() }),
  z.strictObject({ kind: z.literal('cpu-set'), target, cpus: z.array(z.int().min(0)).min(1).max(4096) }),
  z.strictObject({ kind: z.literal('cpu-frequency'), target, minKhz: z.int() }),
  z.strictObject({ kind: z.literal('memory-limit'), target, bytes: z.int() }),
  z.strictObject({ kind: z.literal('disk-weight'), target, weight: z.number() }),
  z.strictObject({
    kind: z.literal('limit-corunner'),
    target,
    pids: z.array(z.int().min(1)).min(1).max(256),
    of: z.enum(['cpu', 'llc', 'memory-bandwidth', 'disk', 'network']).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('llc-ways'), target, ways: z.int() }),
  z.strictObject({ kind: z.literal('memory-bandwidth'), target, value: z.number() }),
  z.strictObject({
    kind: z.literal('link-rate'),
    target,
    mbitPerSecond: z.number(),
    direction: z.enum(['egress', 'ingress']).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('link-delay'), target, delayMs: z.number() }),
  z.strictObject({ kind: z.literal('pool-size'), target, pool: z.string().min(1).max(200), size: z.int() }),
]);

const schema = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'expected 1 to 128 letters, digits, "_", ".", ":" or "-"'),
  action: actionSchema,
  leaseSeconds: z.number().min(1).max(86_400).optional(),
});

/** Shape only; bounds and allow-lists are for the drivers, which know the target. All errors at once. */
export function parseActionRequest(body: unknown): Outcome<ActionRequest, 'malformed'> {
  const parsed = schema.safeParse(body);
  if (parsed.success) {
    const { id, action, leaseSeconds } = parsed.data;
    return success({ id, action, leaseSeconds });
  }
  const lines = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  return failure('malformed', lines.join('; '));
}
