import { createHash, timingSafeEqual } from 'node:crypto';
import { errorMessage, type Logger, type MetricSample, type TargetState } from '@sage/core';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import type { Registry } from 'prom-client';
import type { Answer, AnswerReason, Keeper } from './keeper.js';
import { parseActionRequest } from './request.js';

const MOST_BODY_BYTES = 64 * 1024;

export interface ApiParts {
  readonly keeper: Pick<Keeper, 'submit' | 'release' | 'outcomes'>;
  readonly samples: () => readonly MetricSample[];
  readonly targets: () => Promise<readonly TargetState[]>;
  readonly metrics: Registry;
  /** False while what an earlier process left is being restored. */
  readonly isReady: () => boolean;
  readonly token: string | undefined;
  readonly logger: Logger;
}

const STATUS: Record<AnswerReason, number> = {
  'unknown-target': 404,
  'not-allowed': 403,
  'out-of-range': 422,
  unsupported: 422,
  unreachable: 502,
  conflict: 409,
  busy: 503,
  failed: 500,
};

export function createApi(parts: ApiParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/-/healthy', (_, response) => void response.type('text').send('healthy\n'));
  app.get('/-/ready', (_, response) => {
    const ready = parts.isReady();
    response
      .status(ready ? 200 : 503)
      .type('text')
      .send(ready ? 'ready\n' : 'restoring\n');
  });
  if (parts.token !== undefined) app.use(requireToken(parts.token));
  app.get('/metrics', async (_, response) => {
    response.type(parts.metrics.contentType).send(await parts.metrics.metrics());
  });
  app.use('/api', (_, response, next) => {
    if (parts.isReady()) next();
    else refuse(response, 503, 'restoring what was in force before the start: try again');
  });
  app.get('/api/v1/targets', async (_, response) => void response.json(await parts.targets()));
  app.get('/api/v1/samples', (_, response) => void response.json(parts.samples()));
  app.get('/api/v1/actions', (_, response) => void response.json(parts.keeper.outcomes));
  app.post('/api/v1/actions', express.json({ limit: MOST_BODY_BYTES }), async (request, response) => {
    if (request.body === undefined) {
      refuse(response, 415, 'expected a body with content-type application/json');
      return;
    }
    const parsed = parseActionRequest(request.body);
    if (!parsed.ok) refuse(response, 400, parsed.message);
    else respond(response, await parts.keeper.submit(parsed.value));
  });
  app.delete('/api/v1/actions/:id', async (request, response) => {
    const answer = await parts.keeper.release(request.params.id);
    if (answer === undefined) refuse(response, 404, `no action "${request.params.id}"`);
    else respond(response, answer);
  });
  app.use((request, response) => refuse(response, 404, `nothing at ${request.method} ${request.path}`));
  app.use(onError(parts.logger));
  return app;
}

/** The outcome in every case; beside it, where it did not happen, `error` says why. */
function respond(response: Response, { outcome, reason }: Answer): void {
  if (reason === undefined) response.json(outcome);
  else response.status(STATUS[reason]).json({ ...outcome, error: outcome.message });
}

function refuse(response: Response, status: number, error: string): void {
  response.status(status).json({ error });
}

function requireToken(token: string): RequestHandler {
  // Hashes have one length, so that comparing takes one time.
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${token}`);
  return (request, response, next) => {
    if (timingSafeEqual(digest(request.get('authorization') ?? ''), expected)) {
      next();
      return;
    }
    response.set('www-authenticate', 'Bearer');
    refuse(response, 401, 'expected the header "authorization: Bearer <token of token_file>"');
  };
}

function onError(logger: Logger): ErrorRequestHandler {
  return (error, _request, response, _next) => {
    const status = typeof error?.status === 'number' ? error.status : 500;
    if (status === 413) refuse(response, 413, `the body is larger than ${MOST_BODY_BYTES} bytes`);
    else if (status < 500) refuse(response, status, `malformed request: ${errorMessage(error)}`);
    else {
      logger.error('request failed', { error: errorMessage(error) });
      refuse(response, 500, 'internal error');
    }
  };
}
