// The agent's signed last word on a job: how it ended, how many entries there are and the chain head over them.
import { z } from 'zod';
import { type Refusal, isRefusal, refuse } from './error-codes.ts';
import { agentIdSchema, controlPlaneIdSchema, digestSchema, jobIdSchema } from './ids.ts';
import { type PrivateKey, type PublicKey, signJws, signJwsWith, tokenTypes, verifyJws } from './jws.ts';
import { limits } from './limits.ts';
import type { Sign, Verify } from './signatures.ts';
import { rowOutcomes } from './result-envelope.ts';
import { safeParse } from './safe-parse.ts';

export const finishedStatuses = ['completed', 'cancelled', 'expired', 'stopped'] as const;
export type FinishedStatus = (typeof finishedStatuses)[number];

export const finishedClaimsSchema = z.strictObject({
  iss: agentIdSchema,
  aud: controlPlaneIdSchema,
  jti: jobIdSchema,
  /** Null when the job was cancelled before its token came. */
  token_digest: digestSchema.nullable(),
  status: z.enum(finishedStatuses),
  /** Rows by outcome; outcomes that did not occur are left out. */
  rows: z.partialRecord(z.enum(rowOutcomes), z.int().nonnegative()),
  last_sequence: z.int().nonnegative(),
  head: digestSchema,
  iat: z.int(),
});
export type FinishedClaims = z.infer<typeof finishedClaimsSchema>;

export function signFinished(claims: FinishedClaims, key: PrivateKey, kid: string): Promise<string> {
  return signJws(tokenTypes.finished, finishedClaimsSchema.parse(claims), key, kid);
}

/** The same statement at once. */
export function signFinishedWith(sign: Sign, claims: FinishedClaims, kid: string): string {
  return signJwsWith(sign, tokenTypes.finished, finishedClaimsSchema.parse(claims), kid);
}

export async function verifyFinished(
  statement: string,
  expected: { agent: string; controlPlane: string; keys: ReadonlyMap<string, PublicKey>; verify?: Verify },
): Promise<FinishedClaims | Refusal> {
  const verified = await verifyJws(statement, {
    type: tokenTypes.finished,
    keys: expected.keys,
    maxBytes: limits.smallTokenBytes,
    verify: expected.verify,
  });
  if (isRefusal(verified)) return verified;
  const claims = safeParse(finishedClaimsSchema, verified.payload).data;
  if (!claims) return refuse('token_bad_claims', 'the finished statement does not match the schema');
  if (claims.aud !== expected.controlPlane || claims.iss !== expected.agent) {
    return refuse('token_wrong_audience', 'the finished statement is not by this agent for this control plane');
  }
  return claims;
}
