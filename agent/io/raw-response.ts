// One HTTP exchange, raw: the whole body and the headers as they came, a real time-out, a real abort, and whether the request can have
// reached the other side. Knows nothing about AWS. Follows no redirect and repeats nothing.
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TransportCode } from '../iam/iam-caller.ts';
import { offAbort, onAbort } from './abort-watch.ts';
import { directFault, isTlsFault, notMade } from './exchange-fault.ts';
import { socketHost } from './http-request.ts';
import { KeptConnections } from './kept-connections.ts';
import type { Route } from './outbound.ts';

export interface WireRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
}

interface RawResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** `sent`: the other side may have read the request. */
export type ExchangeEnd =
  | RawResponse
  | { readonly kind: 'failed'; readonly code: TransportCode; readonly detail: string; readonly sent: boolean }
  | { readonly kind: 'aborted'; readonly sent: boolean };

export interface Timeouts {
  readonly connectMs: number;
  /** From the request until the end of the answer. */
  readonly answerMs: number;
}

export interface WireOptions {
  readonly route: Route;
  readonly timeouts: Timeouts;
  readonly maxAnswerBytes: number;
}

interface ExchangeOptions {
  /** A connection of its own: an idle one may be closing, and its reset would be ambiguous. */
  readonly fresh: boolean;
  readonly signal: AbortSignal;
}

/** One per AWS connection: it owns the sockets. */
export interface Wire {
  exchange(request: WireRequest, options: ExchangeOptions): Promise<ExchangeEnd>;
  /** Aborts what is under way, and each exchange that comes later. */
  close(): void;
}

/** A proxy's URL without user and password. */
export function maskedUrl(url: string): string {
  if (!URL.canParse(url)) return 'the proxy';
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}

function pairs(flat: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) result.push([flat[index] ?? '', flat[index + 1] ?? '']);
  return result;
}

/** The state of one exchange; ends once. */
class Exchange {
  readonly #options: WireOptions;
  readonly #secure: boolean;
  readonly #end: (end: ExchangeEnd) => void;
  #request: ClientRequest | null = null;
  #sent = false;
  #done = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: WireOptions, secure: boolean, end: (end: ExchangeEnd) => void) {
    this.#options = options;
    this.#secure = secure;
    this.#end = end;
  }

  start(request: ClientRequest, body: string | Uint8Array | undefined): void {
    this.#request = request;
    this.#arm('connect_timeout', this.#options.timeouts.connectMs);
    request.on('socket', (socket: Socket) => this.#onSocket(socket));
    request.on('response', (response: IncomingMessage) => this.#onResponse(response));
    request.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    request.on('close', () => this.#fail('closed', ''));
    request.end(body);
  }

  abort(): void {
    this.#finish({ kind: 'aborted', sent: this.#sent });
    this.#request?.destroy();
  }

  #arm(code: 'connect_timeout' | 'answer_timeout', ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#fail(code, '');
      this.#request?.destroy();
    }, ms);
  }

  #onSocket(socket: Socket): void {
    const ready = (): void => {
      if (this.#done || this.#sent) return;
      this.#sent = true;
      this.#arm('answer_timeout', this.#options.timeouts.answerMs);
    };
    if (socket instanceof TLSSocket) {
      // Either is set when the handshake is over, and only then; a proxy's tunnel hands the socket over before that.
      if (socket.authorized || Boolean(socket.authorizationError)) ready();
      else socket.once('secureConnect', ready);
    } else if (socket.connecting) socket.once('connect', ready);
    // A plain socket under a secure request is the proxy's refusal to make a tunnel: nothing goes to AWS on it.
    else if (!this.#secure) ready();
  }

  #onResponse(response: IncomingMessage): void {
    if (this.#secure && !(response.socket instanceof TLSSocket)) {
      this.#fail('proxy', maskedUrl(this.#options.route.proxy ?? ''));
      this.#request?.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= this.#options.maxAnswerBytes) chunks.push(chunk);
      else {
        this.#fail('answer_too_large', '');
        this.#request?.destroy();
      }
    });
    response.on('end', () => {
      if (!response.complete) return this.#fail('closed', '');
      const status = response.statusCode ?? 0;
      this.#finish({ kind: 'response', status, headers: pairs(response.rawHeaders), body: Buffer.concat(chunks) });
    });
    response.on('error', () => this.#fail('closed', ''));
  }

  #onError({ code = '' }: NodeJS.ErrnoException): void {
    if (!this.#sent && !isTlsFault(code) && this.#options.route.proxy !== null)
      this.#fail('proxy', maskedUrl(this.#options.route.proxy));
    else this.#fail(directFault(code, this.#sent), code);
  }

  #fail(code: TransportCode, detail: string): void {
    this.#finish({ kind: 'failed', code, detail, sent: this.#sent });
  }

  #finish(end: ExchangeEnd): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#end(end);
  }
}

export function createWire(options: WireOptions): Wire {
  const { route } = options;
  const kept = route.direct ? new KeptConnections(options) : null;
  const underway = new Set<Exchange>();
  let closed = false;
  const overNodeHttp = async (request: WireRequest, { fresh, signal }: ExchangeOptions): Promise<ExchangeEnd> => {
    const secure = request.protocol === 'https:';
    const { promise, resolve } = Promise.withResolvers<ExchangeEnd>();
    const exchange = new Exchange(options, secure, resolve);
    const { protocol, port, path, method, body } = request;
    const hostname = socketHost(request.hostname);
    // Said even when the connection ends after this call: the answer's headers are shown, and it should not change them.
    const headers = { ...request.headers, connection: 'keep-alive' };
    const agent = route.agentFor(secure, fresh);
    const common = { protocol, hostname, ...(port === undefined ? {} : { port }), path, method, headers, agent };
    const abort = (): void => exchange.abort();
    let made: ClientRequest;
    try {
      made = secure ? httpsRequest({ ...common, ...route.tlsContext() }) : httpRequest(common);
    } catch (error) {
      return notMade(error);
    }
    onAbort(signal, abort);
    underway.add(exchange);
    try {
      exchange.start(made, body);
      return await promise;
    } finally {
      underway.delete(exchange);
      offAbort(signal, abort);
    }
  };
  const exchange = (request: WireRequest, how: ExchangeOptions): Promise<ExchangeEnd> => {
    if (how.signal.aborted || closed) return Promise.resolve({ kind: 'aborted', sent: false });
    return kept === null || how.fresh ? overNodeHttp(request, how) : kept.exchange(request, how.signal);
  };
  const close = (): void => {
    closed = true;
    for (const one of underway) one.abort();
    kept?.close();
    route.close();
  };
  return { exchange, close };
}
