// The one thing that listens on this host: a unix socket in the state directory, for the operator's own commands. The file's mode lets only this
// user and root connect. HTTP, because its framing, its limits and its timeouts are Node's own and well tried; one request a connection.
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isRefusal, type Refusal, refuse } from '../../protocol/error-codes.ts';
import { localLimits } from '../local/local-limits.ts';
import { type LocalService, sayNo } from './local-answer.ts';
import { type SocketPath, socketPath } from './local-path.ts';

export interface LocalSocket {
  readonly kind: 'local_socket';
  /** Takes no connection any more, lets answers end for a moment, and removes the file. May be called twice. */
  close(): Promise<void>;
}

/** Answers under way get this long at the end. */
const closeMs = 1_000;

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
      answer(request, response, service).catch((error: unknown) => {
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

async function answer(request: IncomingMessage, response: ServerResponse, service: LocalService): Promise<void> {
  const { route } = await import('./local-routes.ts');
  await route(request, response, service);
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
