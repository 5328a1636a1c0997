// Exchanges over connections that are kept, where no proxy is in the way: for calls that may be repeated, since the other side can close an idle
// connection in the very moment in which it is used. What node:http does besides costs more than the exchange (docs/decisions/0013).
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TransportCode } from '../iam/iam-caller.ts';
import { offAbort, onAbort } from './abort-watch.ts';
import { directFault, notMade } from './exchange-fault.ts';
import { AnswerReader } from './http-answer.ts';
import { requestHead, socketHost } from './http-request.ts';
import type { ExchangeEnd, WireOptions, WireRequest } from './raw-response.ts';

/** An idle connection is not used in the last moments before the end that the other side announced. */
const idleMarginMs = 1000;

interface Underway {
  readonly head: string;
  readonly body: WireRequest['body'];
  readonly reader: AnswerReader;
  readonly signal: AbortSignal;
  readonly resolve: (end: ExchangeEnd) => void;
  /** The other side may have read the request. */
  sent: boolean;
}

interface Pool {
  readonly options: WireOptions;
  readonly idle: KeptConnection[];
  readonly all: Set<KeptConnection>;
}

/** One connection, and the exchange that it carries. */
class KeptConnection {
  readonly #pool: Pool;
  readonly #socket: Socket;
  #underway: Underway | null = null;
  #ready = false;
  /** Of the connect, then of the exchange under way: one for all of them, set anew for each. */
  #timer: NodeJS.Timeout;
  #idleUntilMs = Infinity;

  constructor(pool: Pool, socket: Socket, readyEvent: 'connect' | 'secureConnect') {
    this.#pool = pool;
    this.#socket = socket;
    const { connectMs, answerMs } = pool.options.timeouts;
    this.#timer = setTimeout(() => this.#fail('connect_timeout', ''), connectMs).unref();
    pool.all.add(this);
    socket
      .setNoDelay(true)
      .setKeepAlive(true, 1000)
      .once(readyEvent, () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#fail('answer_timeout', ''), answerMs).unref();
        this.#ready = true;
        this.#send();
      })
      .on('data', (bytes: Buffer) => this.#read(bytes))
      .on('end', () => this.#onEnd())
      .on('error', ({ code = '' }: NodeJS.ErrnoException) => {
        this.#fail(directFault(code, this.#underway?.sent === true), code);
        this.end();
      })
      .on('close', () => {
        this.#fail('closed', '');
        this.end();
      });
  }

  exchange(head: string, body: WireRequest['body'], signal: AbortSignal): Promise<ExchangeEnd> {
    const { promise, resolve } = Promise.withResolvers<ExchangeEnd>();
    const reader = new AnswerReader(this.#pool.options.maxAnswerBytes);
    this.#underway = { head, body, reader, signal, resolve, sent: false };
    onAbort(signal, this.end);
    if (this.#ready) {
      this.#timer.refresh();
      this.#socket.ref();
      this.#send();
    }
    return promise;
  }

  /** False: it is to be ended. */
  isUsable(nowMs: number): boolean {
    return nowMs < this.#idleUntilMs && this.#socket.writable && !this.#socket.destroyed;
  }

  /** Ends the connection; an exchange under way is aborted. */
  readonly end = (): void => {
    const { idle, all } = this.#pool;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    all.delete(this);
    const at = idle.indexOf(this);
    if (at !== -1) idle.splice(at, 1);
    if (this.#underway !== null) this.#finish({ kind: 'aborted', sent: this.#underway.sent });
  };

  #send(): void {
    const underway = this.#underway;
    if (underway === null) return;
    const { head, body } = underway;
    const socket = this.#socket;
    underway.sent = true;
    if (body === undefined) socket.write(head, 'latin1');
    else if (typeof body === 'string' && Buffer.byteLength(body) === body.length) socket.write(head + body, 'latin1');
    else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    }
  }

  #read(bytes: Buffer): void {
    // Bytes that nobody asked for.
    if (this.#underway?.sent !== true) return this.end();
    const { reader } = this.#underway;
    const reading = reader.push(bytes);
    if (reading === 'more') return;
    if (reading !== 'done') return this.#fail(reading === 'too_large' ? 'answer_too_large' : 'closed', '');
    this.#answered(reader);
  }

  #onEnd(): void {
    const reader = this.#underway?.reader;
    if (reader?.end() === 'done') this.#answered(reader);
    else this.#fail('closed', '');
    this.end();
  }

  #answered(reader: AnswerReader): void {
    const { idleSeconds } = reader;
    this.#idleUntilMs = idleSeconds === null ? Infinity : performance.now() + idleSeconds * 1000 - idleMarginMs;
    const response = { kind: 'response', ...reader.answer } as const;
    if (reader.keeps && this.#socket.writableLength === 0) {
      this.#socket.unref();
      this.#pool.idle.push(this);
      this.#finish(response);
    } else {
      this.#finish(response);
      this.end();
    }
  }

  #fail(code: TransportCode, detail: string): void {
    const underway = this.#underway;
    if (underway === null) return;
    this.#finish({ kind: 'failed', code, detail, sent: underway.sent });
    this.end();
  }

  #finish(end: ExchangeEnd): void {
    const underway = this.#underway;
    this.#underway = null;
    if (underway === null) return;
    offAbort(underway.signal, this.end);
    underway.resolve(end);
  }
}

export class KeptConnections {
  readonly #options: WireOptions;
  readonly #pools = new Map<string, Pool>();

  constructor(options: WireOptions) {
    this.#options = options;
  }

  exchange(request: WireRequest, signal: AbortSignal): Promise<ExchangeEnd> {
    const pool = this.#poolFor(request);
    let head: string;
    let connection: KeptConnection;
    try {
      head = requestHead(request);
      connection = idleOf(pool) ?? this.#open(pool, request);
    } catch (error) {
      return Promise.resolve(notMade(error));
    }
    return connection.exchange(head, request.body, signal);
  }

  /** Ends what is under way, too. */
  close(): void {
    for (const { all } of this.#pools.values()) for (const connection of all) connection.end();
  }

  #poolFor({ protocol, hostname, port }: WireRequest): Pool {
    const origin = `${protocol}//${hostname}:${port ?? ''}`;
    const known = this.#pools.get(origin);
    if (known !== undefined) return known;
    const pool = { options: this.#options, idle: [], all: new Set<KeptConnection>() };
    this.#pools.set(origin, pool);
    return pool;
  }

  #open(pool: Pool, { protocol, hostname, port }: WireRequest): KeptConnection {
    const host = socketHost(hostname);
    if (protocol !== 'https:') return new KeptConnection(pool, connectTcp({ host, port: port ?? 80 }), 'connect');
    const names = { host, port: port ?? 443, servername: isIP(host) === 0 ? host : '', ALPNProtocols: ['http/1.1'] };
    const socket = connectTls({ ...names, ...this.#options.route.tlsContext() });
    return new KeptConnection(pool, socket, 'secureConnect');
  }
}

/** The one that was used last: those that are not needed grow old. */
function idleOf({ idle }: Pool): KeptConnection | undefined {
  for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
    if (last.isUsable(performance.now())) return last;
    last.end();
  }
  return undefined;
}
