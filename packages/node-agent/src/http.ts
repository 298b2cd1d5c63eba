import type { Clock, Logger, MetricSample, TargetState } from '@sage/core';
import { errorMessage } from '@sage/core';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { Registry } from 'prom-client';
import { whyNotAdmitted } from './access.js';
import type { Answer, AnswerReason } from './answers.js';
import type { TargetCapabilities } from './capabilities.js';
import type { Credentials } from './credentials.js';
import type { Keeper } from './keeper.js';
import { parseActionRequest } from './request.js';

const MOST_BODY_BYTES = 64 * 1024;

export interface ApiParts {
  readonly keeper: Pick<Keeper, 'submit' | 'release' | 'outcomes' | 'kill'>;
  readonly samples: () => readonly MetricSample[];
  readonly targets: () => Promise<readonly TargetState[]>;
  readonly capabilities: () => Promise<readonly TargetCapabilities[]>;
  readonly metrics: Registry;
  /** False while what an earlier process left is being restored. */
  readonly isReady: () => boolean;
  readonly credentials: () => Credentials;
  readonly allowedClients: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const STATUS: Record<AnswerReason, number> = {
  'unknown-target': 404,
  'not-allowed': 403,
  'out-of-range': 422,
  unsupported: 422,
  unreachable: 502,
  conflict: 409,
  rate: 429,
  busy: 503,
  killed: 503,
  failed: 500,
};

type Methods = Partial<Record<'get' | 'post' | 'delete', RequestHandler | RequestHandler[]>>;

export function createApi(parts: ApiParts): Express {
  const app = express();
  app.disable('x-powered-by');
  serve(app, '/-/healthy', { get: (_, response) => void response.type('text').send('healthy\n') });
  serve(app, '/-/ready', {
    get: (_, response) => {
      const ready = parts.isReady();
      const text = ready ? 'ready\n' : 'restoring\n';
      response
        .status(ready ? 200 : 503)
        .type('text')
        .send(text);
    },
  });
  app.use(admit(parts));
  serve(app, '/metrics', {
    get: async (_, response) => {
      response.type(parts.metrics.contentType).send(await parts.metrics.metrics());
    },
  });
  app.use('/api', (_, response, next) => {
    if (parts.isReady()) next();
    else refuse(response, 503, 'restoring what was in force before the start: try again');
  });
  serveApi(app, parts);
  app.use((request, response) => refuse(response, 404, `nothing at ${request.method} ${request.path}`));
  app.use(onError(parts.logger));
  return app;
}

function serveApi(app: Express, parts: ApiParts): void {
  const { keeper } = parts;
  serve(app, '/api/v1/targets', {
    get: async (_, response) => void response.json(await parts.targets()),
  });
  serve(app, '/api/v1/capabilities', {
    get: async (_, response) => void response.json(await parts.capabilities()),
  });
  serve(app, '/api/v1/samples', { get: (_, response) => void response.json(parts.samples()) });
  serve(app, '/api/v1/actions', {
    get: (_, response) => void response.json(keeper.outcomes),
    post: [
      express.json({ limit: MOST_BODY_BYTES }),
      async (request, response) => {
        if (request.body === undefined) {
          refuse(response, 415, 'expected a body with content-type application/json');
          return;
        }
        const parsed = parseActionRequest(request.body);
        if (!parsed.ok) refuse(response, 400, parsed.message);
        else respond(response, await keeper.submit(parsed.value));
      },
    ],
  });
  serve(app, '/api/v1/actions/:id', {
    delete: async (request, response) => {
      const id = request.params.id as string;
      const answer = await keeper.release(id);
      if (answer === undefined) refuse(response, 404, `no action "${id}"`);
      else respond(response, answer);
    },
  });
  serve(app, '/api/v1/kill', {
    post: async (request, response) => {
      const when = new Date(parts.clock.now()).toISOString();
      const killed = await keeper.kill(`asked for over HTTP by ${request.socket.remoteAddress} at ${when}`);
      if (killed.ok) response.json({ killed: true });
      else refuse(response, 500, killed.message);
    },
  });
}

/** The methods that a path has; every other is answered 405. */
function serve(app: Express, path: string, methods: Methods): void {
  const route = app.route(path);
  for (const [method, handler] of Object.entries(methods)) route[method as keyof Methods](handler);
  const allowed = Object.keys(methods).map((method) => method.toUpperCase());
  route.all((request: Request, response: Response) => {
    response.set('allow', allowed.join(', '));
    refuse(response, 405, `${request.path} takes ${allowed.join(' and ')}, not ${request.method}`);
  });
}

function admit({ credentials, allowedClients }: ApiParts): RequestHandler {
  return (request, response, next) => {
    const refused = whyNotAdmitted(request, credentials(), allowedClients);
    if (refused === undefined) {
      next();
      return;
    }
    if (refused.reason === 'unauthenticated') response.set('www-authenticate', 'Bearer');
    refuse(response, refused.reason === 'unauthenticated' ? 401 : 403, refused.message);
  };
}

/** The outcome in every case; beside it, where it did not happen, `error` says why. */
function respond(response: Response, { outcome, reason, retryAfterSeconds }: Answer): void {
  if (reason === undefined) {
    response.json(outcome);
    return;
  }
  if (retryAfterSeconds !== undefined) response.set('retry-after', String(retryAfterSeconds));
  response.status(STATUS[reason]).json({ ...outcome, error: outcome.message });
}

function refuse(response: Response, status: number, error: string): void {
  response.status(status).json({ error });
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
