// AWS as far as the jobs of the suite need it: an endpoint that really holds state, carries each change out at a moment of its own, and writes
// every change that it carried out into an append-only log. The log is the suite's proof of what was done; nothing of the agent is in it.
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Effect } from './checker/evidence.ts';
import { type LogLine, readEffects } from './checker/read-log.ts';
import { Account, errorXml, resultXml } from './endpoint-state.ts';
import type { Random } from './random.ts';

/** What may befall one request. `sent` is what the client can know: before or after the change was carried out makes no difference to it. */
export const requestFaults = [
  /** Reset before anything was carried out. */
  'reset_before',
  /** Carried out, then reset without a byte of an answer. */
  'reset_after',
  /** Carried out; half of the answer, then the connection ends. */
  'cut_answer',
  /** Carried out, then silence, then reset. */
  'silence',
  /** Reset at once, and carried out long after: the request was still under way. */
  'late_effect',
  /** Carried out, and a front end answers 503. */
  'error_after',
  /** Refused for the rate; nothing was carried out. */
  'throttled',
] as const;
export type RequestFault = (typeof requestFaults)[number];

const silenceMs = 400;
const lateMs = 1_800;

export interface EndpointOptions {
  readonly random: Random;
  /** Each effect, and how its answer went, one JSON object a line. */
  readonly logFile: string;
  readonly onFault: (fault: RequestFault) => void;
}

export class Endpoint {
  /** Requests that came. */
  requests = 0;
  /** Called when the next request came, and when the next change was carried out and not answered; once each. */
  onNextRequest: (() => void) | null = null;
  onNextEffect: (() => void) | null = null;
  readonly #options: EndpointOptions;
  readonly #server: Server;
  #faults: { fault: RequestFault; changes: boolean }[] = [];
  readonly #late = new Set<Promise<void>>();
  readonly #account = new Account();
  #effects = 0;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      void this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the log says. */
  get effects(): readonly Effect[] {
    return readEffects(this.#options.logFile);
  }

  /** Befalls the next request, or the next that changes something. */
  arm(fault: RequestFault, changes: boolean): void {
    this.#faults.push({ fault, changes });
  }

  disarm(): void {
    this.#faults = [];
    this.onNextRequest = null;
    this.onNextEffect = null;
  }

  /** Resolves when no request is under way that may still be carried out. */
  async settled(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  async stop(): Promise<void> {
    this.disarm();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    this.requests += 1;
    const params = new URLSearchParams(body);
    const operation = params.get('Action') ?? '';
    const isChange = this.#account.changes(operation);
    const fault = this.#faultFor(isChange);
    call(this.onNextRequest, () => (this.onNextRequest = null));
    const work = this.#answer(operation, params, { response, fault, isChange });
    this.#late.add(work);
    try {
      await work;
    } finally {
      this.#late.delete(work);
    }
  }

  async #answer(
    operation: string,
    params: URLSearchParams,
    { response, fault, isChange }: { response: ServerResponse; fault: RequestFault | null; isChange: boolean },
  ): Promise<void> {
    const { random } = this.#options;
    if (fault === 'reset_before') return void response.socket?.resetAndDestroy();
    if (fault === 'throttled') return send(response, 400, errorXml('Throttling', 'Rate exceeded'));
    if (fault === 'late_effect') {
      response.socket?.resetAndDestroy();
      await sleep(lateMs);
    }
    await sleep(random.between(0, 6));
    const answer = this.#carryOut(operation, params, response);
    if (isChange) call(this.onNextEffect, () => (this.onNextEffect = null));
    await sleep(random.between(0, 6));
    if (fault === 'silence') await sleep(silenceMs);
    if (fault === 'late_effect') return;
    if (fault === 'reset_after' || fault === 'silence') return void response.socket?.resetAndDestroy();
    if (fault === 'error_after') return send(response, 503, errorXml('ServiceUnavailable', 'try again'));
    if (fault === 'cut_answer') return cut(response, answer.body);
    send(response, answer.status, answer.body);
  }

  #carryOut(operation: string, params: URLSearchParams, response: ServerResponse): { status: number; body: string } {
    const change = this.#account.change(operation, params);
    const outcome = change ?? this.#account.read(operation, params);
    if (outcome.kind === 'refused') return { status: outcome.status, body: errorXml(outcome.code, outcome.message) };
    if (change !== null) this.#carriedOut(operation, params.get('UserName') ?? '', { made: outcome.made, response });
    return { status: 200, body: resultXml(operation, outcome.result) };
  }

  #carriedOut(
    operation: string,
    marker: string,
    { made, response }: { made: string | null; response: ServerResponse },
  ): void {
    this.#effects += 1;
    const n = this.#effects;
    this.#log({ kind: 'effect', n, at: new Date().toISOString(), operation, marker, made });
    response.once('close', () => this.#log({ kind: 'answer', n, whole: response.writableFinished }));
  }

  #log(line: LogLine): void {
    appendFileSync(this.#options.logFile, `${JSON.stringify(line)}\n`);
  }

  #faultFor(isChange: boolean): RequestFault | null {
    const index = this.#faults.findIndex(({ changes }) => isChange || !changes);
    if (index < 0) return null;
    const [armed] = this.#faults.splice(index, 1);
    if (armed === undefined) return null;
    this.#options.onFault(armed.fault);
    return armed.fault;
  }
}

function call(hook: (() => void) | null, clear: () => void): void {
  if (hook === null) return;
  clear();
  hook();
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) }).end(body);
}

function cut(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) });
  response.write(body.slice(0, body.length / 2), () => response.destroy());
}
