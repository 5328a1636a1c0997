// The one thing that listens on this host: a unix socket in the state directory, for the operator's own commands. The file's mode lets only this
// user and root connect. HTTP, because its framing, its limits and its timeouts are Node's own and well tried; one request a connection.
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isRefusal, type Refusal, refuse } from '../../protocol/error-codes.ts';
import { type RunId, runIdSchema } from '../local/run-log.ts';
import { runView } from '../local/status.ts';
import { localLimits, localPaths, localWire, versionHeader, wireHeader } from '../local/wire.ts';
import { type LocalService, sayJson, sayNo } from './local-answer.ts';
import { serveRun } from './local-exec.ts';
import { type SocketPath, socketPath } from './local-path.ts';

export interface LocalSocket {
  readonly kind: 'local_socket';
  /** Takes no connection any more, lets answers end for a moment, and removes the file. May be called twice. */
  close(): Promise<void>;
}

/** Answers under way get this long at the end. */
const closeMs = 1_000;
const entryPage = { maxCount: 500, maxBytes: 1024 * 1024 };

/**
 * Serves from now on. Only for who holds the state lock: a socket file that is there belongs to nobody and is replaced. Refusals:
 * configuration_invalid (the path is too long here), state_damaged (something else has the place, or the file system says no).
 */
export async function serveLocal(stateDir: string, service: LocalService): Promise<LocalSocket | Refusal> {
  let place: SocketPath | Refusal;
  try {
    place = socketPath(stateDir);
    if (isRefusal(place)) return place;
    removeStale(place.path);
    const server = makeServer(service);
    await listening(server, place.path);
    // The umask and the directory's mode hold until here.
    chmodSync(place.path, 0o600);
    return { kind: 'local_socket', close: closing(server, place) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    return refuse('state_damaged', `the local socket in ${stateDir} cannot be served: ${reason}`);
  }
}

function removeStale(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
}

function makeServer(service: LocalService): Server {
  const server = createServer(
    {
      maxHeaderSize: localLimits.headerBytes,
      headersTimeout: localLimits.headersMs,
      connectionsCheckingInterval: 1_000,
      // Rows come as slowly as whoever types them; what comes first has its own limit of time.
      requestTimeout: 0,
      keepAliveTimeout: 1,
    },
    (request, response) => {
      response.on('error', () => undefined);
      route(request, response, service).catch((error: unknown) => {
        service.events('agent.fault', { code: 'internal' });
        const reason = error instanceof Error ? error.message : 'unknown';
        if (response.headersSent) response.destroy();
        else sayNo(response, 500, refuse('internal', reason));
      });
    },
  );
  server.maxConnections = localLimits.connections;
  server.on('clientError', (_error, socket) => {
    service.events('local.refused', { code: 'request_invalid' });
    socket.destroy();
  });
  return server;
}

async function listening(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, () => {
    server.off('error', reject);
    // A connection that could not be taken (too many descriptors) is the client's to repeat.
    server.on('error', () => undefined);
    resolve();
  });
  await promise;
}

function closing(server: Server, place: SocketPath): () => Promise<void> {
  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    const timer = setTimeout(() => server.closeAllConnections(), closeMs);
    await promise;
    clearTimeout(timer);
    place.close();
  };
  return () => (closed ??= close());
}

async function route(request: IncomingMessage, response: ServerResponse, service: LocalService): Promise<void> {
  response.setHeader(wireHeader, String(localWire));
  response.setHeader(versionHeader, service.version);
  response.setHeader('connection', 'close');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://local');
  const wire = /^\/(\d{1,9})\//.exec(pathname)?.[1];
  if (wire !== undefined && Number(wire) !== localWire) {
    const said = `expected version ${localWire} of the local socket (agent ${service.version}), found ${wire}`;
    sayNo(
      response,
      404,
      refuse('local_version', `${said}; use the command of the running version, or restart the agent`),
    );
    return;
  }
  const [, run, cancel] = /^\/runs\/([^/]+)(\/cancel)?$/.exec(pathname.slice(`/${localWire}`.length)) ?? [];
  const method = request.method ?? '';
  if (pathname === localPaths.status) await only('GET', async () => sayJson(response, await service.status()));
  else if (pathname === localPaths.runs && method === 'POST') await serveRun(request, response, service);
  else if (pathname === localPaths.runs) await only('GET', async () => listRuns(response, searchParams, service));
  else if (run !== undefined && cancel !== undefined) await only('POST', async () => cancelRun(response, run, service));
  else if (run !== undefined) await only('GET', async () => showRun(response, run, service));
  else sayNo(response, 404, refuse('not_found', `there is no ${pathname.slice(0, 100)}`));

  async function only(wanted: string, work: () => Promise<void>): Promise<void> {
    if (method === wanted) await work();
    else sayNo(response, 405, refuse('request_invalid', `expected ${wanted}, found ${method}`));
  }
}

async function listRuns(response: ServerResponse, query: URLSearchParams, { log }: LocalService): Promise<void> {
  const asked = Number(query.get('limit') ?? 20);
  if (!Number.isSafeInteger(asked) || asked < 1 || asked > localLimits.listedRuns) {
    sayNo(response, 400, refuse('request_invalid', `expected a limit from 1 to ${localLimits.listedRuns}`));
    return;
  }
  sayJson(response, { runs: (await log.recentRuns(asked)).map(runView) });
}

async function cancelRun(response: ServerResponse, id: string, { runs }: LocalService): Promise<void> {
  const known = runIdSchema.safeParse(id).data;
  if (known !== undefined && runs.cancel(known)) sayJson(response, { cancelled: known });
  else sayNo(response, 404, refuse('not_found', 'no such run is under way'));
}

/** The run as the first line, then its kept entries. */
async function showRun(response: ServerResponse, text: string, { log }: LocalService): Promise<void> {
  const id: RunId | undefined = runIdSchema.safeParse(text).data;
  const found = id === undefined ? null : await log.run(id);
  if (found === null) {
    sayNo(response, 404, refuse('not_found', `this host remembers no run ${text.slice(0, 100)}`));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const gone = new Promise<void>((resolve) => response.once('close', resolve));
  let room = response.write(`${JSON.stringify(runView(found))}\n`);
  for (let from = 1; !response.destroyed;) {
    const lines = await log.runEntries(found.id, from, entryPage);
    if (lines.length === 0) break;
    from += lines.length;
    if (!room) await Promise.race([new Promise((resolve) => response.once('drain', resolve)), gone]);
    room = response.write(`${lines.join('\n')}\n`);
  }
  response.end();
}
