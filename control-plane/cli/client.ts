// The control plane's REST API as the commands use it: fetch, a bearer token, coded errors. Answers are checked before anything believes them.
import type { z } from 'zod';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { ExitCode } from '../../terminal/exit-codes.ts';
import { type Failure, failure, isFailure } from '../../terminal/fail.ts';
import type { Server } from './find-server.ts';

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
}

export interface Upload {
  readonly body: AsyncIterable<Uint8Array>;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer as it came, and as it was checked. */
export interface Answer<T> {
  readonly text: string;
  readonly value: T;
}

/** Longest wait for the answer of a call that is no stream. */
const answerMs = 60_000;

export class ApiClient {
  readonly server: Server;
  readonly #signal: AbortSignal;

  constructor(server: Server, signal: AbortSignal) {
    this.server = server;
    this.#signal = signal;
  }

  async json<T>(path: string, schema: z.ZodType<T>, call: Call = {}): Promise<Answer<T> | Failure> {
    const response = await this.#fetch(path, {
      method: call.method ?? 'GET',
      headers: call.body === undefined ? {} : { 'content-type': 'application/json' },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(answerMs)]),
    });
    return isFailure(response) ? response : this.#checked(response, schema);
  }

  /** A call whose answer says nothing more than that it worked. */
  async done(path: string, call: Call): Promise<null | Failure> {
    const response = await this.#fetch(path, {
      method: call.method ?? 'POST',
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(answerMs)]),
    });
    if (isFailure(response)) return response;
    await response.body?.cancel();
    return null;
  }

  /** Sends a body that is made while it is sent. The answer may come before its end. */
  async upload<T>(path: string, schema: z.ZodType<T>, { body, headers }: Upload): Promise<Answer<T> | Failure> {
    const response = await this.#fetch(path, {
      method: 'POST',
      headers,
      body: ReadableStream.from(body),
      duplex: 'half',
      signal: this.#signal,
    });
    return isFailure(response) ? response : this.#checked(response, schema);
  }

  /** The body of a long answer, as bytes. The caller reads it to its end or aborts. */
  async stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | Failure> {
    const response = await this.#fetch(path, { signal: AbortSignal.any([this.#signal, signal]) });
    if (isFailure(response)) return response;
    return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /** Throws only what aborts it: the command's own signal. */
  async #fetch(
    path: string,
    init: Omit<RequestInit, 'headers'> & { readonly headers?: Upload['headers'] },
  ): Promise<Response | Failure> {
    const headers = { accept: 'application/json', ...init.headers, authorization: `Bearer ${this.server.token}` };
    try {
      // A redirect is not followed: it would hand the token and the rows to another address.
      const response = await fetch(`${this.server.url}/api/v1${path}`, { ...init, headers, redirect: 'manual' });
      return response.ok ? response : await failureOf(response, this.server.url);
    } catch (error) {
      if (this.#signal.aborted) throw error;
      return unreachable(this.server.url, error);
    }
  }

  async #checked<T>(response: Response, schema: z.ZodType<T>): Promise<Answer<T> | Failure> {
    try {
      const text = await response.text();
      const checked = safeParse(schema, JSON.parse(text));
      if (checked.success) return { text, value: checked.data };
      const issue = checked.error.issues[0];
      return strange(this.server.url, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as described'}`);
    } catch (error) {
      if (this.#signal.aborted) throw error;
      return error instanceof SyntaxError ? strange(this.server.url, 'no JSON') : unreachable(this.server.url, error);
    }
  }
}

function strange(url: string, what: string): Failure {
  const help = 'is it an iam-control-plane, and of a version that fits this command?';
  return failure('internal', 'internal', `${url} gave an answer that is not understood (${what})`, help);
}

export function unreachable(url: string, error: unknown): Failure {
  const help = "check the address, the network, and that 'iam-control-plane serve' is running";
  const root = rootOf(error);
  const exit = neverSent.test(codeOf(root)) ? 'unavailable' : 'temporary';
  const reason = root instanceof Error ? root.message : String(root);
  return failure(exit, 'unreachable', `${url} cannot be reached: ${reason}`, help);
}

/** Errors of looking up, dialling and TLS: not a byte of a request has left. */
const neverSent =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT|ERR_TLS|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What fetch hides in its causes. */
function rootOf(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;
}

const exits: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  unauthorized: 'permission',
  forbidden: 'permission',
  agent_revoked: 'permission',
};
const helps: Readonly<Partial<Record<ErrorCode, string>>> = {
  unauthorized: "make a token with 'iam-control-plane tokens create' on the control plane's host",
  forbidden: 'use a token with a higher role (viewer, operator, admin)',
  idempotency_conflict: 'use another --idempotency-key for another job',
};

async function failureOf(response: Response, url: string): Promise<Failure> {
  const text = (await response.text()).slice(0, 16_384);
  const { code, detail } = codedError(text) ?? { code: `http_${response.status}`, detail: detailOf(response, url) };
  const help = Object.entries(helps).find(([known]) => known === code)?.[1];
  const exit = Object.entries(exits).find(([known]) => known === code)?.[1] ?? exitOfStatus(response.status);
  return { kind: 'failure', exit, code, detail, ...(help === undefined ? {} : { help }) };
}

function detailOf(response: Response, url: string): string {
  const location = response.headers.get('location');
  const where = location === null ? '' : ` and points to ${location}`;
  return `${url} answered with HTTP status ${response.status}${where}`;
}

function codedError(text: string): { readonly code: string; readonly detail: string } | null {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('error' in body)) return null;
    const { error } = body;
    if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string')
      return null;
    return { code: error.code, detail: 'detail' in error && typeof error.detail === 'string' ? error.detail : '' };
  } catch {
    return null;
  }
}

function exitOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return 'permission';
  if (status === 408 || status === 429 || status >= 502) return 'temporary';
  return status >= 500 ? 'unavailable' : 'bad_data';
}

/** Whether the same call may work later. */
export function mayPass(failed: Failure): boolean {
  return failed.exit === 'unavailable' || failed.exit === 'temporary';
}
