// Compact JWS (RFC 7515) with Ed25519 (RFC 8037, RFC 9864) and nothing else. Every use has its own `typ`, so no signed object can pass for another.
// The order of checks is part of the protocol: size, header, typ, kid, signature. Nothing of the payload is read before the signature holds.
import { base64url, CompactSign, compactVerify, importJWK } from 'jose';
import { z } from 'zod';
import { type Refusal, refuse } from './error-codes.ts';
import { jsonFault } from './json.ts';
import { limits } from './limits.ts';
import { keyIdSchema } from './ids.ts';
import { safeParse } from './safe-parse.ts';
import type { Sign, Verify } from './signatures.ts';

export const tokenTypes = {
  job: 'iam-agent-job+jws',
  keySet: 'iam-agent-key-set+jws',
  session: 'iam-agent-session+jwt',
  pairing: 'iam-agent-pairing+jws',
  finished: 'iam-agent-finished+jws',
} as const;
export type TokenType = (typeof tokenTypes)[keyof typeof tokenTypes];

/** An Ed25519 public key as JWK (RFC 8037). */
export const publicKeySchema = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});
export type PublicKey = z.infer<typeof publicKeySchema>;

/** An Ed25519 private key as JWK. It must never be logged, sent or stored in clear. */
export const privateKeySchema = publicKeySchema.extend({ d: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });
export type PrivateKey = z.infer<typeof privateKeySchema>;

const headerSchema = z.strictObject({
  alg: z.enum(['Ed25519', 'EdDSA']),
  typ: z.string(),
  kid: keyIdSchema,
});

/** Signs `claims` (serialised once, here). */
export async function signJws(type: TokenType, claims: object, key: PrivateKey, kid: string): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(claims));
  return new CompactSign(payload)
    .setProtectedHeader({ alg: 'Ed25519', typ: type, kid })
    .sign(await importJWK(key, 'Ed25519'));
}

/** The same bytes as `signJws` gives, at once. */
export function signJwsWith(sign: Sign, type: TokenType, claims: object, kid: string): string {
  const encoded = (part: object): string => base64url.encode(JSON.stringify(part));
  const signed = `${encoded({ alg: 'Ed25519', typ: type, kid })}.${encoded(claims)}`;
  return `${signed}.${base64url.encode(sign(new TextEncoder().encode(signed)))}`;
}

export interface VerifyOptions {
  readonly type: TokenType;
  /** Trusted keys by key id. */
  readonly keys: ReadonlyMap<string, PublicKey>;
  readonly maxBytes: number;
  /** Without it WebCrypto verifies. */
  readonly verify?: Verify | undefined;
}

/** The payload of a token that passed every check, as parsed JSON without duplicate keys, or the first check that failed. */
export async function verifyJws(
  token: string,
  options: VerifyOptions,
): Promise<{ kid: string; payload: unknown } | Refusal> {
  if (token.length > options.maxBytes) {
    return refuse('token_too_large', `expected at most ${options.maxBytes} bytes, found ${token.length}`);
  }
  const header = readHeader(token);
  if (header === null)
    return refuse('token_malformed', 'expected a compact JWS with exactly alg Ed25519, typ and kid in its header');
  if (header.typ !== options.type) return refuse('token_wrong_type', `expected typ ${options.type}`);
  const key = options.keys.get(header.kid);
  if (key === undefined) return refuse('token_unknown_key', `no trusted key has the id ${header.kid}`);
  const { verify } = options;
  const payload = verify === undefined ? await verifiedPayload(token, key, header.alg) : checked(token, key, verify);
  if (payload === null) return refuse('token_bad_signature', `the signature does not verify with key ${header.kid}`);
  const claims = strictJson(payload);
  if (claims === undefined)
    return refuse('token_bad_claims', 'expected UTF-8 JSON without duplicate keys and not nested too deep');
  return { kid: header.kid, payload: claims };
}

function readHeader(token: string): z.infer<typeof headerSchema> | null {
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) return null;
  // Two spellings of one signature would give one token two digests.
  const signature = token.slice(token.lastIndexOf('.') + 1);
  try {
    if (base64url.encode(base64url.decode(signature)) !== signature) return null;
    const json = strictJson(base64url.decode(token.slice(0, token.indexOf('.'))));
    return safeParse(headerSchema, json).data ?? null;
  } catch {
    return null;
  }
}

async function verifiedPayload(token: string, key: PublicKey, algorithm: string): Promise<Uint8Array | null> {
  try {
    const result = await compactVerify(token, await importJWK(key, algorithm), { algorithms: [algorithm] });
    return result.payload;
  } catch {
    return null;
  }
}

function checked(token: string, key: PublicKey, verify: Verify): Uint8Array | null {
  const end = token.lastIndexOf('.');
  const signed = new TextEncoder().encode(token.slice(0, end));
  if (!verify(key, signed, base64url.decode(token.slice(end + 1)))) return null;
  return base64url.decode(token.slice(token.indexOf('.') + 1, end));
}

function strictJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (jsonFault(text, limits.jsonDepth) !== null) return undefined;
    // Schemas drop a member of this name in silence; nothing that was signed may be dropped.
    let hidden = false;
    const value: unknown = JSON.parse(text, (key, member: unknown) => {
      hidden ||= key === '__proto__';
      return member;
    });
    return hidden ? undefined : value;
  } catch {
    return undefined;
  }
}
