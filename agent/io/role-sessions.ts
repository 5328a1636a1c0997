// Sessions of assumed roles: one AssumeRole for all concurrent callers of a role, kept until shortly before its end. Keys stay in memory.
import { decodeAnswer } from '../iam/decode.ts';
import type { CallAnswer } from '../iam/iam-caller.ts';
import type { Clock } from '../job/clock.ts';
import { type AwsKeys, renewBeforeMs } from './credentials.ts';

export type KeysOrFailure =
  { readonly kind: 'keys'; readonly keys: AwsKeys } | Exclude<CallAnswer, { kind: 'aborted' }>;

/** One AssumeRole call with the given keys. */
export type AssumeRole = (keys: AwsKeys, input: Readonly<Record<string, string>>) => Promise<CallAnswer>;

export interface RoleRequest {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly externalId: string | undefined;
}

const maxSessions = 1000;

/** STS takes 2 to 64 characters of a small set. */
export function sessionNameFor(name: string): string {
  const clean = name.replaceAll(/[^\w+=,.@-]/g, '-').slice(0, 64);
  return clean.length < 2 ? 'iam-agent' : clean;
}

function keysFrom(answer: Extract<CallAnswer, { kind: 'answer' }>): AwsKeys | null {
  const decoded = decodeAnswer('sts', 'AssumeRole', answer);
  const credentials: unknown = decoded.kind === 'result' ? decoded.result['Credentials'] : undefined;
  if (typeof credentials !== 'object' || credentials === null) return null;
  const field = (name: string): unknown => Reflect.get(credentials, name);
  const [id, secret, token, end] = [
    field('AccessKeyId'),
    field('SecretAccessKey'),
    field('SessionToken'),
    field('Expiration'),
  ];
  if (typeof id !== 'string' || typeof secret !== 'string' || typeof token !== 'string') return null;
  const expiresAtMs = typeof end === 'string' ? Date.parse(end) : Number.NaN;
  if (id === '' || secret === '' || token === '' || Number.isNaN(expiresAtMs)) return null;
  return { accessKeyId: id, secretAccessKey: secret, sessionToken: token, expiresAtMs };
}

/** A failure before the call: it names AssumeRole, and nothing of the call can have happened. */
function asFailure(answer: CallAnswer): Exclude<CallAnswer, { kind: 'aborted' }> {
  switch (answer.kind) {
    case 'answer':
      // A success that holds no session is shown as what it is not: an answer to AssumeRole.
      return { ...answer, operation: 'AssumeRole', ...(answer.status < 300 ? { status: 502, body: '' } : {}) };
    case 'transport':
      return { ...answer, ambiguous: false };
    case 'aborted':
      return { kind: 'transport', code: 'closed', message: 'The agent is stopping.', ambiguous: false, attempts: 1 };
    default:
      return answer satisfies never;
  }
}

interface Entry {
  readonly pending: Promise<KeysOrFailure>;
  /** Set when it came out well. */
  untilMs: number | null;
}

export class RoleSessions {
  readonly #clock: Clock;
  readonly #assume: AssumeRole;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, assume: AssumeRole) {
    this.#clock = clock;
    this.#assume = assume;
  }

  async get(role: RoleRequest, parents: string, keys: AwsKeys): Promise<KeysOrFailure> {
    const key = JSON.stringify([parents, role.roleArn, role.sessionName]);
    const known = this.#entries.get(key);
    if (known !== undefined && (known.untilMs === null || this.#clock.now() < known.untilMs))
      return await known.pending;
    const entry: Entry = { pending: this.#renew(key, role, keys), untilMs: null };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#trim();
    const outcome = await entry.pending;
    if (outcome.kind === 'keys') entry.untilMs = (outcome.keys.expiresAtMs ?? 0) - renewBeforeMs;
    return outcome;
  }

  /** AWS no longer takes a session: the next call makes another. */
  forget(): void {
    this.#entries.clear();
  }

  async #renew(key: string, role: RoleRequest, keys: AwsKeys): Promise<KeysOrFailure> {
    const input = { RoleArn: role.roleArn, RoleSessionName: sessionNameFor(role.sessionName) };
    const external = role.externalId === undefined ? {} : { ExternalId: role.externalId };
    try {
      const answer = await this.#assume(keys, { ...input, ...external });
      const session = answer.kind === 'answer' ? keysFrom(answer) : null;
      if (session !== null) return { kind: 'keys', keys: session };
      this.#entries.delete(key);
      return asFailure(answer);
    } catch (error) {
      this.#entries.delete(key);
      throw error;
    }
  }

  #trim(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= maxSessions) return;
      this.#entries.delete(key);
    }
  }
}
