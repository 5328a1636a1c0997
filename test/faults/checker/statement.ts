// The agent's signed last word, read with node:crypto alone, from the text of docs/protocol.md (sections 3 and 9).
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { Parties } from './evidence.ts';

export interface Statement {
  readonly iss: string;
  readonly aud: string;
  readonly jti: string;
  readonly token_digest: string | null;
  readonly status: string;
  readonly rows: Readonly<Record<string, number>>;
  readonly last_sequence: number;
  readonly head: string;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** RFC 7638: the members in alphabetical order, without blanks. */
export function thumbprint({ crv, kty, x }: Parties['agentKey']): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}

/** The claims, or what is wrong. */
export function readStatement(jws: string, parties: Parties): Statement | string {
  const parts = jws.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3) return 'it is no compact JWS';
  const key = createPublicKey({ key: { ...parties.agentKey }, format: 'jwk' });
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify(null, signed, key, Buffer.from(signature, 'base64url'))) return 'its signature is not the agent’s';
  const { alg, typ, kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
  if (alg !== 'Ed25519' && alg !== 'EdDSA') return `its algorithm is ${String(alg)}`;
  if (typ !== 'iam-agent-finished+jws') return `its type is ${String(typ)}`;
  if (kid !== thumbprint(parties.agentKey)) return `its key is ${String(kid)}`;
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Statement;
  if (claims.iss !== parties.agent || claims.aud !== parties.controlPlane)
    return `it is by ${claims.iss} for ${claims.aud}`;
  return claims;
}
