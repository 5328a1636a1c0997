// A real HTTP server that implements the REST contract for the commands' tests, with faults on demand; and the program as a real child process.
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const main = fileURLToPath(new URL('../../../control-plane/main.ts', import.meta.url));
export const jobId = '01890a5d-ac96-774b-bcce-b302099a8057';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string | null;
}

type Handler = (request: IncomingMessage, response: ServerResponse, body: string | null) => void;

export class StubApi {
  readonly seen: Seen[] = [];
  readonly routes = new Map<string, Handler>();
  #server: Server | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  on(route: string, handler: Handler): this {
    this.routes.set(route, handler);
    return this;
  }

  json(route: string, status: number, body: unknown): this {
    return this.on(route, (_request, response) => response.writeHead(status).end(JSON.stringify(body)));
  }

  /** On the same port again after a `stop`. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '';
    const method = request.method ?? '';
    // A body that breaks off is null.
    const body = await text(request).catch(() => null);
    this.seen.push({ method, url, headers: request.headers, body });
    const handler = this.routes.get(`${method} ${url.split('?')[0]?.replace('/api/v1', '')}`);
    if (request.headers.authorization !== 'Bearer secret')
      response.writeHead(401).end('{"error":{"code":"unauthorized","detail":"no valid token"}}');
    else if (handler === undefined)
      response.writeHead(404).end('{"error":{"code":"not_found","detail":"no such thing"}}');
    else handler(request, response, body);
  }
}

export function view(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    job: jobId,
    agent: 'web-1',
    connection: 'prod',
    action: 'update_access_key',
    sub: 'ci',
    status: 'completed',
    created_at: '2026-01-02T03:04:05.678Z',
    finished_at: null,
    rows: { total: 2, ended: 2, failed: 0, waiting_reason: null },
    outcomes: { succeeded: 2 },
    last_sequence: 0,
    results_lost: 0,
    refusal: null,
    cancel_requested: false,
    ...over,
  };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ReturnType<typeof spawn>;
  readonly ended: Promise<Ended>;
  /** Resolves when stderr or stdout has shown it. */
  shown(what: RegExp): Promise<void>;
}

export function start(
  command: readonly string[],
  given: { readonly input?: string; readonly env?: Record<string, string> } = {},
): Running {
  const [file = '', ...args] = command;
  const env = { PATH: process.env['PATH'], IAM_CONTROL_PLANE_TOKEN: 'secret', ...given.env };
  const child = spawn(file, args, { env, stdio: 'pipe', timeout: 15_000 });
  let [out, err] = ['', ''];
  const waiting = new Set<() => void>();
  child.stdout.on('data', (part: Buffer) => {
    out += part.toString('utf8');
    for (const look of waiting) look();
  });
  child.stderr.on('data', (part: Buffer) => {
    err += part.toString('utf8');
    for (const look of waiting) look();
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(given.input ?? '');
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  const shown = (what: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!what.test(out + err)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      void ended.then(() => reject(new Error(`ended without ${what.source}: ${out}${err}`)));
    });
  return { child, ended, shown };
}
