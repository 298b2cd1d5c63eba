import type { Outcome } from '@sage/core';
import express, { type RequestHandler } from 'express';
import { z } from 'zod';
import { pathText } from '../config/issues.js';
import type { Decision, DecisionFailure } from '../incidents/approval.js';
import type { IncidentAction } from '../incidents/incident.js';
import { type Credentials, unauthorized } from './credentials.js';

export interface PlansRouteOptions {
  /** undefined: anybody who reaches the address may decide. */
  readonly credentials: () => Credentials | undefined;
  readonly decide: (
    incident: string,
    plan: number,
    decided: { readonly decision: Decision; readonly by: string | undefined },
  ) => Promise<Outcome<IncidentAction, DecisionFailure>>;
}

const MAX_BODY_BYTES = 4 * 1024;

const bodySchema = z.strictObject({
  by: z
    .string()
    .regex(/^[^\p{Cc}]{1,100}$/u, { error: 'expected a name of at most 100 characters on one line' })
    .optional(),
});

/**
 * `POST /api/v1/incidents/:id/plans/:n/approve` and `…/reject`. Only as JSON, which a page of another origin cannot send
 * without being asked for leave.
 */
export function plansRoute(decision: Decision, { credentials, decide }: PlansRouteOptions): RequestHandler[] {
  const allowed: RequestHandler = (request, response, next) => {
    const refusal = unauthorized(request, response, credentials());
    if (refusal !== undefined) return void response.status(401).json({ error: refusal });
    const type = request.headers['content-type'];
    if (type?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
      const error = `expected content-type application/json, got ${type ?? 'none'}`;
      return void response.status(415).set('Connection', 'close').json({ error });
    }
    next();
  };
  const handle: RequestHandler = async (request, response) => {
    const { id = '', n = '' } = request.params as Record<string, string>;
    if (!/^[1-9]\d{0,5}$/.test(n)) {
      return void response.status(400).json({ error: `expected the number of a plan, from 1, got ${n}` });
    }
    const body = bodySchema.safeParse(request.body ?? {});
    if (!body.success) {
      const issues = body.error.issues.map(({ path, message }) => `${pathText(path) || 'body'}: ${message}`);
      return void response.status(400).json({ error: issues.join('; ') });
    }
    const decided = await decide(id, Number(n), { decision, by: body.data.by });
    if (decided.ok) return void response.json({ incident: id, plan: Number(n), state: decided.value.state });
    response.status(decided.reason === 'not-found' ? 404 : 409).json({ error: decided.message });
  };
  return [allowed, express.json({ limit: MAX_BODY_BYTES }), handle];
}
