// The signed job: made by the control plane at dispatch, checked by the agent in a fixed order of which the first failure counts.
import { type Refusal, isRefusal, refuse } from './error-codes.ts';
import type { Hashing } from './hashing.ts';
import type { AgentId, ControlPlaneId, Digest } from './ids.ts';
import { type JobClaims, jobClaimsSchema } from './job-claims.ts';
import { type PrivateKey, type PublicKey, signJws, signJwsWith, tokenTypes, verifyJws } from './jws.ts';
import { limits } from './limits.ts';
import { safeParse } from './safe-parse.ts';
import type { Sign, Verify } from './signatures.ts';

export function signJob(claims: JobClaims, key: PrivateKey, kid: string): Promise<string> {
  return signJws(tokenTypes.job, jobClaimsSchema.parse(claims), key, kid);
}

/** The same token at once. */
export function signJobWith(sign: Sign, claims: JobClaims, kid: string): string {
  return signJwsWith(sign, tokenTypes.job, jobClaimsSchema.parse(claims), kid);
}

/** What tells two tokens with one job id apart. */
export function tokenDigest(hashing: Hashing, token: string): Digest {
  return hashing.sha256(token);
}

export interface VerifiedJob {
  readonly kind: 'verified';
  readonly claims: JobClaims;
  readonly kid: string;
}

/** Size, header, typ, kid, signature, strict claims, audience. Time comes later: a known job is answered from its state whatever the time is. */
export async function verifyJob(
  token: string,
  expected: {
    agent: AgentId;
    controlPlane: ControlPlaneId;
    keys: ReadonlyMap<string, PublicKey>;
    verify?: Verify | undefined;
  },
): Promise<VerifiedJob | Refusal> {
  const { keys, verify } = expected;
  const verified = await verifyJws(token, { type: tokenTypes.job, keys, maxBytes: limits.tokenBytes, verify });
  if (isRefusal(verified)) return verified;
  const parsed = safeParse(jobClaimsSchema, verified.payload);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse('token_bad_claims', `claim ${issue?.path.join('.') ?? ''}: ${issue?.code ?? 'invalid'}`);
  }
  const claims = parsed.data;
  const counted = claims.rows.chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
  if (counted !== claims.rows.count)
    return refuse('token_bad_claims', `rows.count is ${claims.rows.count}, its chunks hold ${counted}`);
  if (claims.iss !== expected.controlPlane)
    return refuse('token_bad_claims', 'iss is not the control plane that this agent is paired with');
  if (claims.aud !== expected.agent)
    return refuse('token_wrong_audience', `expected ${expected.agent}, found ${claims.aud}`);
  return { kind: 'verified', claims, kid: verified.kid };
}

/**
 * The time window. `nowMs` must never be less than any time seen before (a persisted high-water mark), so that a clock set back gains nothing.
 */
export function checkJobTime(claims: JobClaims, nowMs: number): Refusal | null {
  const { iat, exp } = claims;
  if (exp * 1000 - iat * 1000 > limits.tokenLifetimeMs || exp < iat) {
    return refuse('token_bad_claims', `exp must be within ${limits.tokenLifetimeMs / 1000} s after iat`);
  }
  if (iat * 1000 > nowMs + limits.clockSkewMs) {
    return refuse('token_not_yet_valid', `issued ${Math.round(iat - nowMs / 1000)} s in the future; check both clocks`);
  }
  if (exp * 1000 < nowMs - limits.clockSkewMs) {
    return refuse('token_expired', `expired ${Math.round(nowMs / 1000 - exp)} s ago; check both clocks`);
  }
  return null;
}
