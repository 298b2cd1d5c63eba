import { errorMessage } from '@sage/core';
import type { RequestHandler, Response } from 'express';
import { parseNotification } from '../alerts/payload.js';
import type { AlertOutcome, AlertReceiver } from '../alerts/receiver.js';
import { type BodyReason, readBody } from './body.js';
import { type Credentials, unauthorized } from './credentials.js';

export const MAX_ALERT_BYTES = 1024 * 1024;

/** Label of `sage_alerts_received_total`. `unknown-objective` is counted besides, once a notification is worked off. */
export type AlertCount =
  | AlertOutcome
  | BodyReason
  | 'unauthorized'
  | 'unsupported'
  | 'invalid'
  | 'unknown-objective';

export interface AlertsRouteOptions {
  readonly receiver: AlertReceiver;
  /** undefined: anybody who reaches the address may post. */
  readonly credentials: () => Credentials | undefined;
  readonly count: (outcome: AlertCount) => void;
}

/**
 * `POST /api/v1/alerts`. Alertmanager takes 2xx as done, tries again after 5xx, and gives up on anything else: so
 * only what a retry can help is answered 503.
 */
export function alertsRoute({ receiver, credentials, count }: AlertsRouteOptions): RequestHandler {
  const refuse = (response: Response, status: number, outcome: AlertCount, error: string) => {
    count(outcome);
    response.status(status).json({ error });
  };
  return async (request, response) => {
    const refusal = unauthorized(request, response, credentials());
    if (refusal !== undefined) return refuse(response, 401, 'unauthorized', refusal);
    if (request.is('application/json') === false || request.headers['content-encoding'] !== undefined) {
      response.set('Connection', 'close');
      const got = [request.headers['content-type'] ?? 'no content type', request.headers['content-encoding']];
      return refuse(
        response,
        415,
        'unsupported',
        `expected application/json, got ${got.filter(Boolean).join(', ')}`,
      );
    }
    const body = await readBody(request, MAX_ALERT_BYTES);
    if (!body.ok) {
      response.set('Connection', 'close');
      return refuse(response, body.reason === 'too-large' ? 413 : 400, body.reason, body.message);
    }
    let json: unknown;
    try {
      json = JSON.parse(body.value.toString('utf8'));
    } catch (error) {
      return refuse(response, 400, 'invalid', `the body is not JSON: ${errorMessage(error)}`);
    }
    const notification = parseNotification(json);
    if (!notification.ok) return refuse(response, 400, 'invalid', notification.message);

    const outcome = await receiver.receive(notification.value);
    if (outcome === 'full' || outcome === 'failed') {
      response.set('Retry-After', '5');
      const error =
        outcome === 'full'
          ? 'too many alerts are waiting; try again'
          : 'the alert could not be stored; try again';
      return refuse(response, 503, outcome, error);
    }
    count(outcome);
    response.status(200).json({ status: outcome });
  };
}
