// The connection's own AWS keys: from files, a profile, a program or the SDK's default chain. They are looked up again when they can have
// changed and live in memory only; no error of this file holds a key, a program's output or a file's content.
import { type ChildProcess, spawn } from 'node:child_process';
import type { CredentialSource } from '../connection.ts';
import type { Clock } from '../job/clock.ts';
import type { Wire, WireRequest } from './raw-response.ts';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** End of validity (wall clock); none: they do not end. */
  readonly expiresAtMs?: number;
}

export interface CredentialOptions {
  readonly clock: Clock;
  readonly region: string;
  /** Reads a secret file after checking that only the owner can. */
  readonly readSecretFile: (path: string) => Promise<string>;
  /** What tells at little cost that a secret file is still what it was; null: only reading tells. Without it they are read each time. */
  readonly secretFileStamp?: ((path: string) => string | null) | undefined;
  /** The connection's sockets, so that its proxy and CA hold for what the SDK's providers ask as well. */
  readonly wire: () => Promise<Wire>;
  /** How long a credential program may take; then it is killed. */
  readonly programTimeoutMs?: number;
}

/** Why there are no keys. `message` is safe to log on the host. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/** Keys that end are renewed this long before. */
export const renewBeforeMs = 5 * 60_000;
/** Keys without an end may still be replaced behind the chain's back. */
const lookAgainMs = 60_000;
const programTimeoutMs = 60_000;
const programOutputBytes = 64 * 1024;

async function fromFiles(
  source: Extract<CredentialSource, { kind: 'files' }>,
  read: CredentialOptions['readSecretFile'],
): Promise<AwsKeys> {
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
    read(source.accessKeyFile),
    read(source.secretKeyFile),
    source.sessionTokenFile === undefined ? undefined : read(source.sessionTokenFile),
  ]);
  const keys = { accessKeyId: accessKeyId.trim(), secretAccessKey: secretAccessKey.trim() };
  if (keys.accessKeyId === '' || keys.secretAccessKey === '') throw new CredentialsError('a credential file is empty');
  return sessionToken === undefined ? keys : { ...keys, sessionToken: sessionToken.trim() };
}

// What a credential program needs to find its own configuration and the network. The daemon's other variables may hold secrets.
const programVariables: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'LANG',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_PROFILE',
  'AWS_REGION',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
]);

function programEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => programVariables.has(name)));
}

// The program leads a process group, so that what it started ends with it; nothing can ignore SIGKILL. Once it has ended by itself its
// number may belong to another process, so then only its output is let go.
function endProgram(program: ChildProcess): void {
  program.stdout?.destroy();
  if (program.pid === undefined || program.exitCode !== null || program.signalCode !== null) return;
  try {
    process.kill(-program.pid, 'SIGKILL');
  } catch {
    program.kill('SIGKILL');
  }
}

async function runProgram(command: readonly string[], timeoutMs: number): Promise<string> {
  const [file, ...args] = command;
  if (file === undefined) throw new CredentialsError('the credential program is not named');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const program = spawn(file, args, {
    env: programEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
    windowsHide: true,
  });
  // No message of this function holds what the program printed.
  const fail = (reason: string): void => {
    reject(new CredentialsError(`the credential program failed (${reason})`));
    endProgram(program);
  };
  const timer = setTimeout(() => fail(`no end within ${timeoutMs} ms`), timeoutMs);
  const printed: Buffer[] = [];
  let bytes = 0;
  program.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > programOutputBytes) fail(`more than ${programOutputBytes} bytes of output`);
    else printed.push(chunk);
  });
  program.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'unknown'));
  program.on('close', (code, signal) => {
    if (code === 0) resolve(Buffer.concat(printed).toString('utf8'));
    else fail(signal ?? String(code));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

// The credential_process format of the AWS command line.
async function fromProgram(command: readonly string[], timeoutMs = programTimeoutMs): Promise<AwsKeys> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await runProgram(command, timeoutMs));
  } catch (error) {
    if (error instanceof CredentialsError) throw error;
    throw new CredentialsError('the credential program printed no JSON');
  }
  const field = (name: string): unknown =>
    typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, name) : undefined;
  const [accessKeyId, secretAccessKey, sessionToken, expiration] = [
    field('AccessKeyId'),
    field('SecretAccessKey'),
    field('SessionToken'),
    field('Expiration'),
  ];
  if (field('Version') !== 1 || typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') {
    throw new CredentialsError('the credential program printed no credentials of version 1');
  }
  const expiresAtMs = typeof expiration === 'string' ? Date.parse(expiration) : Number.NaN;
  return {
    accessKeyId,
    secretAccessKey,
    ...(typeof sessionToken === 'string' ? { sessionToken } : {}),
    ...(Number.isNaN(expiresAtMs) ? {} : { expiresAtMs }),
  };
}

interface ProviderResponse {
  readonly response: {
    readonly statusCode: number;
    readonly headers: Record<string, string>;
    readonly body: Uint8Array;
  };
}

type ProviderRequest = Omit<WireRequest, 'body'> & {
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: unknown;
};

function pathWithQuery({ path, query = {} }: ProviderRequest): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of value === null ? [''] : typeof value === 'string' ? [value] : value) params.append(name, one);
  }
  return params.size === 0 ? path : `${path}?${params.toString()}`;
}

/** The SDK's handler interface over our exchange, for the clients that providers make (STS, SSO). */
function providerHandler(wire: () => Promise<Wire>): {
  handle: (request: ProviderRequest) => Promise<ProviderResponse>;
} {
  const handle = async (request: ProviderRequest): Promise<ProviderResponse> => {
    const { body } = request;
    const sent = typeof body === 'string' || body instanceof Uint8Array ? body : undefined;
    const exchange = { ...request, path: pathWithQuery(request), body: sent };
    const end = await (await wire()).exchange(exchange, { fresh: false, signal: new AbortController().signal });
    if (end.kind !== 'response') throw new Error(end.kind === 'failed' ? `no answer (${end.code})` : 'stopped');
    const headers = Object.fromEntries(end.headers.map(([name, value]) => [name.toLowerCase(), value]));
    return { response: { statusCode: end.status, headers, body: end.body } };
  };
  return { handle };
}

// A profile can name a program too, which the SDK would wait for without end, and every row with it.
async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const late = new Error(`no keys within ${timeoutMs} ms`);
    late.name = 'TimeoutError';
    reject(late);
  }, timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function fromSdk(profile: string | null, options: CredentialOptions): Promise<AwsKeys> {
  const { region, wire } = options;
  // Loaded when first needed: it costs more than the rest of the client.
  const { fromIni, fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  const clientConfig = { region, requestHandler: providerHandler(wire) };
  const provider =
    profile === null
      ? fromNodeProviderChain({ clientConfig, ignoreCache: true })
      : fromIni({ profile, clientConfig, ignoreCache: true });
  let found;
  try {
    found = await within(provider(), options.programTimeoutMs ?? programTimeoutMs);
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown';
    throw new CredentialsError(
      `${profile === null ? 'the default chain' : `the profile ${profile}`} gave no credentials (${name})`,
    );
  }
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(expiration === undefined ? {} : { expiresAtMs: expiration.getTime() }),
  };
}

async function lookUp(source: CredentialSource, options: CredentialOptions): Promise<AwsKeys> {
  switch (source.kind) {
    case 'files':
      return await fromFiles(source, options.readSecretFile);
    case 'process':
      return await fromProgram(source.command, options.programTimeoutMs);
    case 'profile':
      return await fromSdk(source.profile, options);
    case 'default':
      return await fromSdk(null, options);
    default:
      return source satisfies never;
  }
}

interface Held {
  readonly keys: AwsKeys;
  readonly untilMs: number;
  readonly stamp: string | null;
}

function isSame(one: AwsKeys, other: AwsKeys): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.secretAccessKey === other.secretAccessKey &&
    one.sessionToken === other.sessionToken &&
    one.expiresAtMs === other.expiresAtMs
  );
}

function stampOf(source: CredentialSource, stamp: CredentialOptions['secretFileStamp']): string | null {
  if (source.kind !== 'files' || stamp === undefined) return null;
  const { accessKeyFile, secretKeyFile, sessionTokenFile } = source;
  const paths = [accessKeyFile, secretKeyFile, ...(sessionTokenFile === undefined ? [] : [sessionTokenFile])];
  const stamps = paths.map((path) => stamp(path));
  return stamps.includes(null) ? null : stamps.join(' ');
}

/** A source of keys that keeps what it may and shares a look-up among concurrent callers. Rejects with an Error that holds no secret. */
export function createCredentials(source: CredentialSource, options: CredentialOptions): () => Promise<AwsKeys> {
  const { clock, secretFileStamp } = options;
  let held: Held | null = null;
  let pending: Promise<AwsKeys> | null = null;
  const renew = async (stamp: string | null): Promise<AwsKeys> => {
    try {
      const found = await lookUp(source, options);
      // The same keys stay the same object: what is derived from them is kept beside it.
      const keys = held !== null && isSame(held.keys, found) ? held.keys : found;
      const untilMs = keys.expiresAtMs === undefined ? clock.now() + lookAgainMs : keys.expiresAtMs - renewBeforeMs;
      held = { keys, untilMs, stamp };
      return keys;
    } finally {
      pending = null;
    }
  };
  return async () => {
    // A change of the files is seen at once.
    const stamp = stampOf(source, secretFileStamp);
    const still =
      source.kind === 'files' ? stamp !== null && held?.stamp === stamp : clock.now() < (held?.untilMs ?? 0);
    if (still && held !== null) return held.keys;
    pending ??= renew(stamp);
    return await pending;
  };
}
