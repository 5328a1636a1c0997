// Pairing: a one-time code and the fingerprint of the control plane's root key go to the host by hand; the code itself never goes over the wire.
import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';
import { type Refusal, isRefusal, refuse } from './error-codes.ts';
import type { Hashing } from './hashing.ts';
import {
  type AgentId,
  type Digest,
  type KeyId,
  agentIdSchema,
  controlPlaneId,
  controlPlaneIdSchema,
  digestSchema,
  keyIdSchema,
} from './ids.ts';
import { type PrivateKey, type PublicKey, publicKeySchema, signJws, tokenTypes, verifyJws } from './jws.ts';
import { type KeySet, keySetSchema } from './key-set.ts';
import { limits } from './limits.ts';
import { safeParse } from './safe-parse.ts';

/** `POST /agent/v1/pair`. */
export const pairRequestSchema = z.strictObject({
  key: publicKeySchema,
  /** Which code: a digest of a digest of it, so the control plane finds its record without the code crossing the wire. */
  code_id: digestSchema,
  proof: digestSchema,
});
export type PairRequest = z.infer<typeof pairRequestSchema>;

export const pairAnswerSchema = z.strictObject({
  root: publicKeySchema,
  answer: z.string().max(limits.smallTokenBytes),
});
export type PairAnswer = z.infer<typeof pairAnswerSchema>;

const pairingClaimsSchema = z.strictObject({
  iss: controlPlaneIdSchema,
  agent: agentIdSchema,
  agent_key: keyIdSchema,
  key_set: keySetSchema,
});
export type PairingClaims = z.infer<typeof pairingClaimsSchema>;

/** JWK thumbprint (RFC 7638): the key id, and for the root key the fingerprint that an operator compares. */
export async function keyId(key: PublicKey): Promise<KeyId> {
  return keyIdSchema.parse(await calculateJwkThumbprint({ kty: key.kty, crv: key.crv, x: key.x }, 'sha256'));
}

/** A code as people type it: case, dashes and blanks do not count. */
export function normaliseCode(code: string): string {
  return code.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
}

/** What the control plane keeps instead of the code. */
export function codeKey(hashing: Hashing, code: string): Digest {
  return hashing.sha256(`iam-agent.v1 pairing ${normaliseCode(code)}`);
}

export function codeId(hashing: Hashing, key: string): Digest {
  return hashing.sha256(`iam-agent.v1 pairing id ${key}`);
}

/** HMAC(code, key thumbprint || fingerprint): shows knowledge of the code, binds it to this key and to the control plane that was meant. */
export function pairingProof(hashing: Hashing, key: string, agentKey: KeyId, fingerprint: KeyId): Digest {
  return hashing.hmacSha256(key, `${agentKey}.${fingerprint}`);
}

export function signPairing(claims: PairingClaims, key: PrivateKey, kid: string): Promise<string> {
  return signJws(tokenTypes.pairing, pairingClaimsSchema.parse(claims), key, kid);
}

/** What the agent may trust after pairing, or why nothing of the answer is trusted. */
export async function verifyPairing(
  answer: PairAnswer,
  expected: { fingerprint: string; agentKey: KeyId },
): Promise<{ agent: AgentId; keySet: KeySet } | Refusal> {
  const root = await keyId(answer.root);
  if (root !== expected.fingerprint) {
    return refuse(
      'fingerprint_mismatch',
      `expected the root key ${expected.fingerprint}, the control plane showed ${root}: do not trust this address`,
    );
  }
  const keys = new Map([[root, answer.root]]);
  const verified = await verifyJws(answer.answer, { type: tokenTypes.pairing, keys, maxBytes: limits.smallTokenBytes });
  if (isRefusal(verified)) return verified;
  const claims = safeParse(pairingClaimsSchema, verified.payload).data;
  if (!claims || claims.iss !== controlPlaneId(root) || claims.key_set.iss !== claims.iss) {
    return refuse('token_bad_claims', 'the pairing answer does not match the schema');
  }
  if (claims.agent_key !== expected.agentKey)
    return refuse('token_wrong_audience', 'the pairing answer is for another key');
  return { agent: claims.agent, keySet: claims.key_set };
}
