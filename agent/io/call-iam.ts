// IamCaller over the AWS SDK: it builds, signs and addresses the request; the exchange is our own, so that the raw answer is kept, time-outs
// and aborts are real and nothing is sent twice. One attempt a call. No secret is in any error or event.
import { CallSignals } from './call-signals.ts';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Connection } from '../connection.ts';
import { transportText } from '../iam/errors.ts';
import type { CallAnswer, CallRequest, IamCaller } from '../iam/iam-caller.ts';
import type { Service } from '../iam/schema.ts';
import type { Clock } from '../job/clock.ts';
import { type AwsKeys, createCredentials, CredentialsError } from './credentials.ts';
import { openRoute, type Route } from './outbound.ts';
import { createWire, type ExchangeEnd, type Timeouts, type Wire, type WireRequest } from './raw-response.ts';
import { type KeysOrFailure, RoleSessions } from './role-sessions.ts';
import { createSdkClient, defaultRegion, type SdkClient, type Underway } from './sdk-client.ts';

export interface IamCallerOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** Reads a secret file after checking that only its owner can. */
  readonly readSecretFile: (path: string) => Promise<string>;
  readonly timeouts?: Timeouts;
  readonly onEvent?: (name: string, fields: Readonly<Record<string, string | number | boolean>>) => void;
}

const defaultTimeouts: Timeouts = { connectMs: 10_000, answerMs: 60_000 };
const maxAnswerBytes = 8 * 1024 * 1024;

/** The connection's sockets, keys and sessions. */
interface Line {
  readonly connection: Connection;
  readonly keys: () => Promise<AwsKeys>;
  readonly sessions: RoleSessions;
  readonly wire: () => Promise<Wire>;
  readonly closeWire: () => void;
  readonly clients: Map<Service, SdkClient>;
}

const endpointUrl = ({ protocol, hostname, port, path }: WireRequest): string =>
  `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;

class SdkIamCaller implements IamCaller {
  readonly #options: IamCallerOptions;
  readonly #lines = new Map<string, Line>();
  readonly #underway = new AsyncLocalStorage<Underway>();
  readonly #signals = new CallSignals();

  constructor(connections: readonly Connection[], options: IamCallerOptions) {
    this.#options = options;
    for (const connection of connections) this.#lines.set(connection.label, this.#line(connection));
  }

  async call(request: CallRequest): Promise<CallAnswer> {
    const line = this.#lineFor(request.connection);
    if (request.signal.aborted || this.#signals.closed) return { kind: 'aborted' };
    const keys = await untilAborted(this.#keysFor(line, request), request.signal);
    if (keys === 'aborted') return { kind: 'aborted' };
    if (keys.kind !== 'keys') return keys;
    const answer = await this.#send(line, request, keys.keys, request.signal);
    if (answer.kind === 'answer' && request.roleArn !== null && saysExpired(answer)) line.sessions.forget();
    return answer;
  }

  close(): void {
    this.#signals.close(new Error('the agent is stopping'));
    for (const line of this.#lines.values()) {
      for (const client of line.clients.values()) client.destroy();
      line.closeWire();
    }
  }

  #lineFor(connection: Connection): Line {
    const known = this.#lines.get(connection.label);
    if (known !== undefined) return known;
    const made = this.#line(connection);
    this.#lines.set(connection.label, made);
    return made;
  }

  #line(connection: Connection): Line {
    const { clock, readSecretFile } = this.#options;
    const region = connection.region === '' ? defaultRegion : connection.region;
    const built: { wire: Wire | null } = { wire: null };
    const wire = async (): Promise<Wire> => {
      // A CA file that could not be read is tried again by the next call.
      if (built.wire !== null) return built.wire;
      const route = await openRoute(connection);
      return (built.wire ??= this.#wire(route));
    };
    const line: Line = {
      connection,
      keys: createCredentials(connection.credentials, { clock, region, readSecretFile, wire }),
      sessions: new RoleSessions(clock, async (keys, input) => await this.#assumeRole(line, keys, input)),
      wire,
      closeWire: () => built.wire?.close(),
      clients: new Map(),
    };
    return line;
  }

  #wire(route: Route): Wire {
    return createWire({
      route,
      timeouts: this.#options.timeouts ?? defaultTimeouts,
      maxAnswerBytes,
    });
  }

  async #keysFor(line: Line, request: CallRequest): Promise<KeysOrFailure> {
    const { connection } = line;
    let keys: KeysOrFailure;
    try {
      keys = { kind: 'keys', keys: await line.keys() };
    } catch (error) {
      const reason =
        error instanceof CredentialsError || isSecretFileError(error) ? error.message : 'an unexpected failure';
      this.#event('credentials_unavailable', { connection: connection.label, reason });
      const message = transportText('credentials', '');
      return { kind: 'transport', code: 'credentials', message, ambiguous: false, attempts: 1 };
    }
    const sessionName = connection.roleSessionName ?? request.sessionName;
    const roles = [connection.roleArn ?? '', request.roleArn ?? ''].filter(
      (arn, at, all) => arn !== '' && all.indexOf(arn) === at,
    );
    let parents = '';
    for (const roleArn of roles) {
      if (keys.kind !== 'keys') return keys;
      const role = { roleArn, sessionName, externalId: connection.roleExternalId };
      keys = await line.sessions.get(role, parents, keys.keys);
      parents += `${roleArn} `;
    }
    return keys;
  }

  // Shared by all callers of the role, so no caller's signal ends it.
  async #assumeRole(line: Line, keys: AwsKeys, input: Readonly<Record<string, string>>): Promise<CallAnswer> {
    const call = { service: 'sts', operation: 'AssumeRole', input, repeat: 'safe' } as const;
    const answer = await this.#send(line, call, keys, new AbortController().signal);
    const ok = answer.kind === 'answer' && answer.status < 300;
    this.#event(ok ? 'role_assumed' : 'role_refused', {
      connection: line.connection.label,
      role: input['RoleArn'] ?? '',
    });
    return answer;
  }

  async #send(
    line: Line,
    call: Pick<CallRequest, 'service' | 'operation' | 'input' | 'repeat'>,
    keys: AwsKeys,
    signal: AbortSignal,
  ): Promise<CallAnswer> {
    let wire: Wire;
    try {
      wire = await line.wire();
    } catch {
      return failed('tls', '', 'The CA file of the connection could not be read.', false);
    }
    const seen: { end: ExchangeEnd | null; url: string } = { end: null, url: '' };
    const fresh = call.repeat !== 'safe';
    const exchange = async (request: WireRequest): Promise<void> => {
      seen.url = endpointUrl(request);
      seen.end = await this.#signals.run(signal, (own) => wire.exchange(request, { fresh, signal: own }));
    };
    let fault = 'nothing was sent';
    try {
      const client = this.#client(line, call.service);
      await this.#underway.run(
        { keys, input: call.input, exchange },
        async () => await client.send(call.operation, call.input),
      );
    } catch (error) {
      // The exchange never throws; what does comes before it: an input that cannot be written, or an endpoint that cannot be made.
      fault = error instanceof Error ? error.name : 'unknown';
      // A half written request may be left in the client.
      if (seen.end === null) line.clients.delete(call.service);
    }
    return seen.end === null ? failed('request', seen.url, fault, false) : toAnswer(seen.end, seen.url);
  }

  #client(line: Line, service: Service): SdkClient {
    let client = line.clients.get(service);
    if (client === undefined) {
      client = createSdkClient(service, line.connection, this.#options.userAgent, this.#underway);
      line.clients.set(service, client);
    }
    return client;
  }

  #event(name: string, fields: Readonly<Record<string, string | number | boolean>>): void {
    this.#options.onEvent?.(name, fields);
  }
}

// Its message names the path and what is wrong with it, never the content.
function isSecretFileError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'SecretFileError';
}

function failed(
  code: Extract<CallAnswer, { kind: 'transport' }>['code'],
  url: string,
  detail: string,
  ambiguous: boolean,
): CallAnswer {
  return { kind: 'transport', code, message: transportText(code, url, detail), ambiguous, attempts: 1 };
}

function toAnswer(end: ExchangeEnd, url: string): CallAnswer {
  switch (end.kind) {
    case 'response':
      return { kind: 'answer', status: end.status, headers: end.headers, body: end.body, attempts: 1 };
    case 'failed':
      return failed(end.code, url, end.detail, end.sent);
    case 'aborted':
      return { kind: 'aborted', ambiguous: end.sent };
    default:
      return end satisfies never;
  }
}

function saysExpired(answer: Extract<CallAnswer, { kind: 'answer' }>): boolean {
  if (answer.status !== 400 && answer.status !== 403) return false;
  const text = typeof answer.body === 'string' ? answer.body : new TextDecoder().decode(answer.body.subarray(0, 2048));
  return text.includes('<Code>ExpiredToken');
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | 'aborted'> {
  const { promise, resolve } = Promise.withResolvers<'aborted'>();
  const onAbort = (): void => resolve('aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** One attempt a call: compose it with `limitedCaller`, which paces and retries. */
export function createIamCaller(
  connections: readonly Connection[],
  options: IamCallerOptions,
): IamCaller & { close(): void } {
  return new SdkIamCaller(connections, options);
}
