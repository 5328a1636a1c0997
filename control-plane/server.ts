// The HTTP side: authentication, validation and coded errors around the routes of api/, and the hand-over of upgrades to the gateway.
// It makes no decision of its own about agents or jobs.
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Refusal, refuse } from '../protocol/error-codes.ts';
import { agentRoutes } from './api/agent-routes.ts';
import type { ApiDeps } from './api/api-deps.ts';
import { httpStatus } from './api/http-status.ts';
import { jobRoutes, jsonLines } from './api/job-routes.ts';
import { openApiDocument } from './api/openapi.ts';
import { type ApiRoute, defineRoute } from './api/route.ts';
import { healthSchema } from './api/schemas.ts';
import { tokenRoutes } from './api/token-routes.ts';
import { type ApiToken, findToken } from './api-tokens.ts';
import { faultOf } from './events.ts';
import { mayAct } from './roles.ts';

/** Bodies other than the stream of rows. */
const bodyBytes = 64 * 1024;
/** How long one request may take to come in; the longest is a stream of rows. */
const uploadMs = 15 * 60_000;
const documentPath = '/api/v1/openapi.json';

export interface ServerOptions {
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

function apiRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [...agentRoutes(deps), ...jobRoutes(deps), ...tokenRoutes(deps), health(deps)];
}

export function createServer(deps: ApiDeps, options: ServerOptions): FastifyInstance {
  const app = newFastify(options);
  const tokens = new WeakMap<FastifyRequest, ApiToken>();
  app.addContentTypeParser(jsonLines, (_request, payload, done) => done(null, payload));
  const routes = apiRoutes(deps);
  for (const route of routes) addRoute(app, deps, route, tokens);
  const document = openApiDocument(routes);
  app.get(documentPath, () => document);
  app.setNotFoundHandler((_request, reply) => sendRefusal(reply, refuse('not_found', 'there is no such resource')));
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status >= 400 && status < 500)
      return sendRefusal(reply.code(status), refuse('request_invalid', shortMessage(error)), status);
    deps.emit('server.fault', { name: 'request', fault: faultOf(error) });
    return sendRefusal(reply, refuse('internal', 'a fault in the control plane; its log has more'));
  });
  app.addHook('onRequest', (_request, reply, done) => {
    // Answers hold codes, tokens and results: nobody on the way keeps them, and no browser guesses what they are.
    reply.header('Cache-Control', 'no-store').header('X-Content-Type-Options', 'nosniff');
    done();
  });
  app.addHook('onResponse', (_request, reply, done) => {
    deps.emit('request.ended', { status: reply.statusCode, durationMs: reply.elapsedTime });
    done();
  });
  app.server.on('upgrade', (request, socket, head) => deps.gateway.upgrade(request, socket, head));
  return app;
}

function newFastify({ tls }: ServerOptions): FastifyInstance {
  const options = {
    logger: false,
    bodyLimit: bodyBytes,
    requestTimeout: uploadMs,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    // Faults before any route: an address that cannot be decoded.
    frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) =>
      void sendRefusal(reply, refuse('request_invalid', shortMessage(error))),
  };
  return tls === null ? Fastify(options) : Fastify({ ...options, https: tls });
}

function addRoute(
  app: FastifyInstance,
  deps: ApiDeps,
  route: ApiRoute,
  tokens: WeakMap<FastifyRequest, ApiToken>,
): void {
  app.route({
    method: route.method,
    url: route.path,
    // Before the body is read: a caller without a token cannot make us take one in.
    onRequest: async (request, reply) => {
      const refused = await authorise(deps, route, request, tokens);
      if (refused !== null) await sendRefusal(reply, refused);
    },
    handler: async (request, reply) => {
      const { params, query, body } = request;
      const result = await route.run({ params, query, body, token: tokens.get(request) ?? null, request, reply });
      if (!('kind' in result)) return reply.code(result.status).send(result.body);
      switch (result.kind) {
        case 'refused':
          return sendRefusal(reply, result);
        case 'input_fault':
          return sendRefusal(reply, refuse('request_invalid', result.detail));
        case 'streaming':
          return reply;
        default:
          return result satisfies never;
      }
    },
  });
}

async function authorise(
  deps: ApiDeps,
  route: ApiRoute,
  request: FastifyRequest,
  tokens: WeakMap<FastifyRequest, ApiToken>,
): Promise<Refusal | null> {
  if (route.role === null) return null;
  const secret = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const token = secret === undefined ? null : await findToken(deps.store.db, secret);
  if (token === null)
    return refuse(
      'unauthorized',
      'send an API token as Authorization: Bearer TOKEN; the first is in the file admin-token',
    );
  if (!mayAct(token.role, route.role))
    return refuse('forbidden', `this needs the role ${route.role}, the token has ${token.role}`);
  tokens.set(request, token);
  return null;
}

async function sendRefusal(reply: FastifyReply, { code, detail }: Refusal, status = httpStatus(code)) {
  return reply.code(status).type('application/json').send({ error: { code, detail } });
}

function shortMessage(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'the request is not valid';
}

function health({ store }: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'GET',
    path: '/healthz',
    role: null,
    summary: 'Whether this control plane serves and its store answers.',
    answers: [{ status: 200, description: 'It does.', schema: healthSchema }],
    async handle() {
      await store.db.selectFrom('key_set_steps').select('version').limit(1).execute();
      return { status: 200, body: { status: 'ok' } };
    },
  });
}
