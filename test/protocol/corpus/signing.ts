// Keys and a forge for the protocol's tests: tokens with any header and any payload bytes, signed for real.
import { createHash, createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { z } from 'zod';
import type { Hashing } from '../../../protocol/hashing.ts';
import {
  type ControlPlaneId,
  type KeyId,
  agentIdSchema,
  controlPlaneId,
  digestSchema,
  jobIdSchema,
} from '../../../protocol/ids.ts';
import type { JobClaims } from '../../../protocol/job-claims.ts';
import { type PrivateKey, type PublicKey, privateKeySchema } from '../../../protocol/jws.ts';
import { keyId } from '../../../protocol/pairing.ts';

export const hashing: Hashing = {
  sha256: (text) => digestSchema.parse(createHash('sha256').update(text).digest('hex')),
  hmacSha256: (key, text) => digestSchema.parse(createHmac('sha256', key).update(text).digest('hex')),
};

export interface Pair {
  readonly kid: KeyId;
  readonly publicKey: PublicKey;
  readonly privateKey: PrivateKey;
}

export async function makePair(): Promise<Pair> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { kty, crv, x, d } = z.looseObject({}).parse(privateKey.export({ format: 'jwk' }));
  const key = privateKeySchema.parse({ kty, crv, x, d });
  const publicKey: PublicKey = { kty: key.kty, crv: key.crv, x: key.x };
  return { kid: await keyId(publicKey), publicKey, privateKey: key };
}

export const agent = agentIdSchema.parse('host-1');
export const otherAgent = agentIdSchema.parse('host-2');
export const job = jobIdSchema.parse('0197fb4c-6f6e-7000-8000-000000000001');
export const nowMs = 1_790_000_000_000;
export const nowSeconds = nowMs / 1000;
export const someDigest = hashing.sha256('some');

export function jobClaims(issuer: ControlPlaneId): JobClaims {
  return {
    iss: issuer,
    aud: agent,
    jti: job,
    iat: nowSeconds,
    exp: nowSeconds + 600,
    not_after: nowSeconds + 86_400,
    sub: 'user:alice',
    action: 'list_users',
    connection: 'production',
    inputs: { PathPrefix: '/{{ path }}/' },
    rows: { count: 2, chunks: [{ rows: 2, digest: someDigest }] },
    options: { concurrency: 4, on_error: 'continue' },
  };
}

export function issuer(root: Pair): ControlPlaneId {
  return controlPlaneId(root.kid);
}

export type Part = string | Uint8Array | object;

export function part(value: Part): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64url');
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** A compact JWS over exactly these bytes. */
export function forge(header: Part, payload: Part, key: PrivateKey): string {
  const input = `${part(header)}.${part(payload)}`;
  const signature = sign(null, Buffer.from(input), createPrivateKey({ key: { ...key }, format: 'jwk' }));
  return `${input}.${signature.toString('base64url')}`;
}

/** The same signature with the group order added to S: verifiers that do not check its range take it (RFC 8032 section 5.1.7). */
export function addGroupOrder(token: string): string {
  const at = token.lastIndexOf('.') + 1;
  const bytes = Buffer.from(token.slice(at), 'base64url');
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${Buffer.from(Uint8Array.from(bytes.subarray(32)).toReversed()).toString('hex')}`) + order;
  bytes.set(Buffer.from(s.toString(16).padStart(64, '0'), 'hex').toReversed(), 32);
  return token.slice(0, at) + bytes.toString('base64url');
}
