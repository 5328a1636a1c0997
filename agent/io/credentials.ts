// The connection's own AWS keys: from files, a profile, a program or the SDK's default chain. They are looked up again when they can have
// changed and live in memory only; no error of this file holds a key, a program's output or a file's content.
import { execFile } from 'node:child_process';
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
  /** The connection's sockets, so that its proxy and CA hold for what the SDK's providers ask as well. */
  readonly wire: () => Promise<Wire>;
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

async function runProgram(command: readonly string[]): Promise<string> {
  const [program, ...args] = command;
  if (program === undefined) throw new CredentialsError('the credential program is not named');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = {
    timeout: programTimeoutMs,
    maxBuffer: programOutputBytes,
    encoding: 'utf8',
    windowsHide: true,
  } as const;
  execFile(program, args, options, (error, stdout) => {
    // execFile's own message quotes the program's output.
    if (error === null) resolve(stdout);
    else
      reject(
        new CredentialsError(`the credential program failed (${String(error.code ?? error.signal ?? 'unknown')})`),
      );
  });
  return await promise;
}

// The credential_process format of the AWS command line.
async function fromProgram(command: readonly string[]): Promise<AwsKeys> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await runProgram(command));
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

async function fromSdk(profile: string | null, { region, wire }: CredentialOptions): Promise<AwsKeys> {
  // Loaded when first needed: it costs more than the rest of the client.
  const { fromIni, fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  const clientConfig = { region, requestHandler: providerHandler(wire) };
  const provider =
    profile === null
      ? fromNodeProviderChain({ clientConfig, ignoreCache: true })
      : fromIni({ profile, clientConfig, ignoreCache: true });
  let found;
  try {
    found = await provider();
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
      return await fromProgram(source.command);
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
}

/** A source of keys that keeps what it may and shares a look-up among concurrent callers. Rejects with an Error that holds no secret. */
export function createCredentials(source: CredentialSource, options: CredentialOptions): () => Promise<AwsKeys> {
  const { clock } = options;
  let held: Held | null = null;
  let pending: Promise<AwsKeys> | null = null;
  const renew = async (): Promise<AwsKeys> => {
    try {
      const keys = await lookUp(source, options);
      const untilMs = keys.expiresAtMs === undefined ? clock.now() + lookAgainMs : keys.expiresAtMs - renewBeforeMs;
      held = { keys, untilMs };
      return keys;
    } finally {
      pending = null;
    }
  };
  return async () => {
    // Two small files are read for each call, so a change is seen at once.
    if (source.kind !== 'files' && held !== null && clock.now() < held.untilMs) return held.keys;
    pending ??= renew();
    return await pending;
  };
}
