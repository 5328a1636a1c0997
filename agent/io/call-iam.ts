// IamCaller over HTTP: the AWS SDK says once where a service is and what its operations take; each request is written, signed and exchanged by
// our own, so that it costs little, the raw answer is kept, time-outs and aborts are real and nothing is sent twice. One attempt a call. No
// secret is in any error or event.
import { randomUUID } from 'node:crypto';
import type { Connection } from '../connection.ts';
import { encodeRequest } from '../iam/encode.ts';
import { transportText } from '../iam/errors.ts';
import type { CallAnswer, CallRequest, IamCaller } from '../iam/iam-caller.ts';
import type { Service } from '../iam/schema.ts';
import type { Clock } from '../job/clock.ts';
import { offAbort, onAbort } from './abort-watch.ts';
import { type AwsKeys, createCredentials, CredentialsError } from './credentials.ts';
import { openRoute, type Route } from './outbound.ts';
import { createWire, type ExchangeEnd, type Timeouts, type Wire, type WireRequest } from './raw-response.ts';
import { type KeysOrFailure, RoleSessions } from './role-sessions.ts';
import { addressOf, defaultRegion, type ServiceAddress } from './sdk-client.ts';
import { Signer } from './sign.ts';

export interface IamCallerOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** Reads a secret file after checking that only its owner can. */
  readonly readSecretFile: (path: string) => Promise<string>;
  /** See CredentialOptions. */
  readonly secretFileStamp?: (path: string) => string | null;
  readonly timeouts?: Timeouts;
  readonly onEvent?: (name: string, fields: Readonly<Record<string, string | number | boolean>>) => void;
}

const defaultTimeouts: Timeouts = { connectMs: 10_000, answerMs: 60_000 };
const maxAnswerBytes = 8 * 1024 * 1024;

/** Where the calls of a service go, and what signs them. */
interface Station {
  readonly address: ServiceAddress;
  readonly signer: Signer;
}

/** The connection's sockets, keys and sessions. */
interface Line {
  readonly connection: Connection;
  readonly keys: () => Promise<AwsKeys>;
  readonly sessions: RoleSessions;
  readonly wire: () => Promise<Wire>;
  readonly closeWire: () => void;
  readonly stations: Map<Service, Promise<Station>>;
}

type Sent = Pick<CallRequest, 'service' | 'operation' | 'input' | 'repeat'>;

const endpointUrl = ({ protocol, hostname, port, path }: WireRequest): string =>
  `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;

class HttpIamCaller implements IamCaller {
  readonly #options: IamCallerOptions;
  readonly #lines = new Map<string, Line>();
  #closed = false;

  constructor(connections: readonly Connection[], options: IamCallerOptions) {
    this.#options = options;
    for (const connection of connections) this.#lines.set(connection.label, this.#line(connection));
  }

  async call(request: CallRequest): Promise<CallAnswer> {
    const line = this.#lineFor(request.connection);
    if (request.signal.aborted || this.#closed) return { kind: 'aborted' };
    const keys = await untilAborted(this.#keysFor(line, request), request.signal);
    if (keys === 'aborted') return { kind: 'aborted' };
    if (keys.kind !== 'keys') return keys;
    const answer = await this.#send(line, request, keys.keys, request.signal);
    if (answer.kind !== 'answer') return answer;
    if (request.roleArn !== null && saysExpired(answer)) line.sessions.forget();
    return { ...answer, principal: request.roleArn ?? request.connection.roleArn ?? keys.keys.accessKeyId };
  }

  close(): void {
    this.#closed = true;
    for (const line of this.#lines.values()) line.closeWire();
  }

  #lineFor(connection: Connection): Line {
    const known = this.#lines.get(connection.label);
    if (known !== undefined) return known;
    const made = this.#line(connection);
    this.#lines.set(connection.label, made);
    return made;
  }

  #line(connection: Connection): Line {
    const { clock, readSecretFile, secretFileStamp } = this.#options;
    const region = connection.region === '' ? defaultRegion : connection.region;
    const built: { wire: Wire | null } = { wire: null };
    const wire = async (): Promise<Wire> => {
      // A CA file that could not be read is tried again by the next call.
      if (built.wire !== null) return built.wire;
      const route = await openRoute(connection);
      built.wire ??= this.#wire(route);
      // Made after the end: nothing leaves on it.
      if (this.#closed) built.wire.close();
      return built.wire;
    };
    const line: Line = {
      connection,
      keys: createCredentials(connection.credentials, { clock, region, readSecretFile, secretFileStamp, wire }),
      sessions: new RoleSessions(clock, async (keys, input) => await this.#assumeRole(line, keys, input)),
      wire,
      closeWire: () => built.wire?.close(),
      stations: new Map(),
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

  async #send(line: Line, call: Sent, keys: AwsKeys, signal: AbortSignal): Promise<CallAnswer> {
    let wire: Wire;
    try {
      wire = await line.wire();
    } catch {
      return failed('tls', '', 'The CA file of the connection could not be read.', false);
    }
    let request: WireRequest;
    try {
      request = this.#write(await this.#station(line, call.service), call, keys);
    } catch (error) {
      // An input that cannot be written, or an endpoint that cannot be made.
      return failed('request', '', error instanceof Error ? error.name : 'unknown', false);
    }
    const fresh = call.repeat !== 'safe';
    const end = await wire.exchange(request, { fresh, signal });
    return toAnswer(end, request);
  }

  #write({ address, signer }: Station, call: Sent, keys: AwsKeys): WireRequest {
    const body = encodeRequest(call.service, call.operation, address.version, call.input);
    const headers = {
      ...address.headers,
      'content-length': String(Buffer.byteLength(body)),
      'amz-sdk-invocation-id': randomUUID(),
    };
    const { method, path } = address.target;
    const signed = signer.sign({ method, path, headers, body }, keys, this.#options.clock.now());
    return { ...address.target, headers: signed, body };
  }

  #station(line: Line, service: Service): Promise<Station> {
    let station = line.stations.get(service);
    if (station === undefined) {
      station = this.#ask(line, service);
      line.stations.set(service, station);
    }
    return station;
  }

  async #ask(line: Line, service: Service): Promise<Station> {
    try {
      const address = await addressOf(service, line.connection, this.#options.userAgent);
      return { address, signer: new Signer(address.scope) };
    } catch (error) {
      // The next call asks again.
      line.stations.delete(service);
      throw error;
    }
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

function toAnswer(end: ExchangeEnd, request: WireRequest): CallAnswer {
  switch (end.kind) {
    case 'response':
      return { kind: 'answer', status: end.status, headers: end.headers, body: end.body, attempts: 1 };
    case 'failed':
      return failed(end.code, endpointUrl(request), end.detail, end.sent);
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
  const stop = (): void => resolve('aborted');
  onAbort(signal, stop);
  try {
    return await Promise.race([work, promise]);
  } finally {
    offAbort(signal, stop);
  }
}

/** One attempt a call: compose it with `limitedCaller`, which paces and retries. */
export function createIamCaller(
  connections: readonly Connection[],
  options: IamCallerOptions,
): IamCaller & { close(): void } {
  return new HttpIamCaller(connections, options);
}
