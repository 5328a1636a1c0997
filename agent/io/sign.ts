// Signature Version 4 of one request in its Authorization header. The key derived from a secret for a day, a region and a service is kept
// beside the very object that holds the secret, in memory only, and is gone with it.
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { percentEncode } from '../iam/encode.ts';
import type { AwsKeys } from './credentials.ts';

export interface SigningScope {
  readonly region: string;
  readonly service: string;
}

export interface SignableRequest {
  readonly method: string;
  /** As it stands in the request line, without a query. */
  readonly path: string;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const algorithm = 'AWS4-HMAC-SHA256';

/** What a proxy or the connection may change on the way; the SDK's list, as far as calls have them. */
const unsigned: ReadonlySet<string> = new Set(['authorization', 'connection', 'user-agent']);

interface Derived {
  readonly day: string;
  readonly key: KeyObject;
}

const hmac = (key: KeyObject | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function derive(secret: string, day: string, { region, service }: SigningScope): KeyObject {
  const steps = [day, region, service, 'aws4_request'];
  return steps.reduce<KeyObject>(
    (key, step) => createSecretKey(hmac(key, step)),
    createSecretKey(Buffer.from(`AWS4${secret}`)),
  );
}

/** Each segment is encoded once more than it stands in the request line. */
function canonicalPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  if (kept.length === 0) return '/';
  return `/${kept.map(percentEncode).join('/')}${path.endsWith('/') ? '/' : ''}`;
}

/** The headers that are signed, in their order. Those of one service are the same for nearly all of its requests. */
interface SignedNames {
  readonly of: readonly string[];
  readonly sorted: readonly string[];
  readonly list: string;
}

function signedNames(of: readonly string[]): SignedNames {
  const sorted = of.filter((name) => !unsigned.has(name)).toSorted();
  return { of, sorted, list: sorted.join(';') };
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name, at) => name === other[at]);

/** As in `20260102T030405Z`. */
const basicTime = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');

const trimmed = (value: string): string => (value.includes(' ') ? value.trim().replaceAll(/ +/g, ' ') : value);

export class Signer {
  readonly #scope: SigningScope;
  readonly #derived = new WeakMap<AwsKeys, Derived>();
  #names = signedNames([]);
  #time = { second: Number.NaN, text: '' };

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /** The headers with those of the signature, at `nowMs` of the wall clock. */
  sign({ method, path, headers, body }: SignableRequest, keys: AwsKeys, nowMs: number): Record<string, string> {
    const { region, service } = this.#scope;
    const second = Math.floor(nowMs / 1000);
    if (this.#time.second !== second) this.#time = { second, text: basicTime(nowMs) };
    const time = this.#time.text;
    const day = time.slice(0, 8);
    const bodyHash = hash('sha256', body);
    const signed: Record<string, string> = { ...headers, 'x-amz-date': time };
    if (keys.sessionToken !== undefined) signed['x-amz-security-token'] = keys.sessionToken;
    signed['x-amz-content-sha256'] = bodyHash;
    const names = Object.keys(signed);
    if (!isSame(names, this.#names.of)) this.#names = signedNames(names);
    const { sorted, list } = this.#names;
    let canonical = `${method}\n${canonicalPath(path)}\n\n`;
    for (const name of sorted) canonical += `${name}:${trimmed(signed[name] ?? '')}\n`;
    canonical += `\n${list}\n${bodyHash}`;
    const scope = `${day}/${region}/${service}/aws4_request`;
    const signature = createHmac('sha256', this.#keyFor(keys, day))
      .update(`${algorithm}\n${time}\n${scope}\n${hash('sha256', canonical)}`)
      .digest('hex');
    const credential = `${keys.accessKeyId}/${scope}`;
    signed['authorization'] = `${algorithm} Credential=${credential}, SignedHeaders=${list}, Signature=${signature}`;
    return signed;
  }

  #keyFor(keys: AwsKeys, day: string): KeyObject {
    const known = this.#derived.get(keys);
    if (known?.day === day) return known.key;
    const key = derive(keys.secretAccessKey, day, this.#scope);
    this.#derived.set(keys, { day, key });
    return key;
  }
}
