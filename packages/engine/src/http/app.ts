import { fileURLToPath } from 'node:url';
import { errorMessage, type Logger, type Outcome } from '@sage/core';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Registry } from 'prom-client';
import { type Incident, publicIncident } from '../incidents/incident.js';
import type { IncidentStore } from '../incidents/incident-store.js';
import type { EngineState } from '../state.js';
import { parseWhatIf, type WhatIfAnswer, type WhatIfQuestion } from '../what-if.js';
import { type PlansRouteOptions, plansRoute } from './plans-route.js';

/** packages/engine/page, seen from dist/src/http. */
const PAGE_FOLDER = fileURLToPath(new URL('../../../page/', import.meta.url));
/** The page says things in the words that terminals and annotations use. */
const WORDS = fileURLToPath(import.meta.resolve('@sage/core/words'));

export interface AppOptions {
  readonly alerts: RequestHandler;
  readonly plans: PlansRouteOptions;
  readonly registry: Registry;
  readonly incidents: IncidentStore;
  readonly state: () => EngineState;
  readonly whatIf: (question: WhatIfQuestion) => Outcome<WhatIfAnswer, 'invalid' | 'not-ready'>;
  /** Why the engine is not ready, or undefined when it is. */
  readonly notReady: () => string | undefined;
  readonly reload: () => Outcome<void>;
  readonly logger: Logger;
}

export function createApp(options: AppOptions): Express {
  const { alerts, plans, registry, incidents, state, whatIf, notReady, reload, logger } = options;
  const app = express();
  app.disable('x-powered-by');

  only(app, '/api/v1/alerts', 'post', alerts);
  only(app, '/api/v1/state', 'get', (_request, response) => {
    response.json(state());
  });
  only(app, '/api/v1/incidents', 'get', (_request, response) => {
    response.json(incidents.all.map(publicIncident) satisfies Incident[]);
  });
  only(app, '/api/v1/incidents/:id', 'get', (request, response) => {
    const id = String(request.params.id);
    const incident = incidents.get(id);
    if (incident === undefined) response.status(404).json({ error: `there is no incident ${id}` });
    else response.json(publicIncident(incident));
  });
  for (const decision of ['approve', 'reject'] as const) {
    only(app, `/api/v1/incidents/:id/plans/:n/${decision}`, 'post', ...plansRoute(decision, plans));
  }
  only(app, '/api/v1/what-if', 'post', express.json({ limit: '64kb' }), (request, response) => {
    const question = parseWhatIf(request.body);
    const answer = question.ok ? whatIf(question.value) : question;
    if (answer.ok) response.json(answer.value);
    else response.status(answer.reason === 'invalid' ? 400 : 409).json({ error: answer.message });
  });
  only(app, '/metrics', 'get', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  only(app, '/-/healthy', 'get', (_request, response) => {
    response.type('text/plain').send('Sage is healthy.\n');
  });
  only(app, '/-/ready', 'get', (_request, response) => {
    const reason = notReady();
    if (reason === undefined) response.type('text/plain').send('Sage is ready.\n');
    else response.status(503).json({ error: reason });
  });
  only(app, '/-/reload', 'post', (_request, response) => {
    const reloaded = reload();
    if (reloaded.ok) response.json({ status: 'reloaded' });
    else response.status(400).json({ error: reloaded.message });
  });
  app.use(express.static(PAGE_FOLDER));
  only(app, '/words.js', 'get', (_request, response) => {
    response.sendFile(WORDS);
  });
  app.use((request, response) => {
    response.status(404).json({ error: `there is nothing at ${request.path}` });
  });
  app.use(errorAnswer(logger));
  return app;
}

/** One method for a path; the others are answered 405 with what is allowed. */
function only(app: Express, path: string, method: 'get' | 'post', ...handlers: RequestHandler[]): void {
  const allowed = method === 'get' ? 'GET, HEAD' : 'POST';
  app
    .route(path)
    [method](...handlers)
    .all((request, response) => {
      response
        .set('Allow', allowed)
        .status(405)
        .json({ error: `expected ${allowed}, got ${request.method}` });
    });
}

function errorAnswer(logger: Logger): ErrorRequestHandler {
  return (error, request, response, _next) => {
    const status = Number((error as { status?: unknown }).status ?? 500);
    if (status >= 500) logger.error('a request failed', { path: request.path, error: errorMessage(error) });
    response.status(status).json({ error: status >= 500 ? 'internal error' : errorMessage(error) });
  };
}
