// The bearer token of the WebSocket upgrade: short-lived, signed by the agent's own key, and carrying the session counter.
import { z } from 'zod';
import { type Refusal, isRefusal, refuse } from './error-codes.ts';
import { type AgentId, type ControlPlaneId, agentIdSchema, controlPlaneIdSchema } from './ids.ts';
import { type PrivateKey, type PublicKey, signJws, tokenTypes, verifyJws } from './jws.ts';
import { limits } from './limits.ts';
import { safeParse } from './safe-parse.ts';
import type { Verify } from './signatures.ts';

const sessionClaimsSchema = z.strictObject({
  iss: agentIdSchema,
  sub: agentIdSchema,
  aud: controlPlaneIdSchema,
  iat: z.int(),
  exp: z.int(),
  /** Raised durably on the host before every dial; the control plane takes only a larger one than it has stored. */
  session: z.int().positive(),
});
export type SessionClaims = z.infer<typeof sessionClaimsSchema>;

export function signSession(
  session: { agent: AgentId; controlPlane: ControlPlaneId; counter: number; nowMs: number },
  key: PrivateKey,
  kid: string,
): Promise<string> {
  const iat = Math.floor(session.nowMs / 1000);
  const claims = {
    iss: session.agent,
    sub: session.agent,
    aud: session.controlPlane,
    iat,
    exp: iat + 60,
    session: session.counter,
  };
  return signJws(tokenTypes.session, sessionClaimsSchema.parse(claims), key, kid);
}

/** The claims of a session token, signed by one of `keys` (key id to the agent's public key). */
export async function verifySession(
  token: string,
  expected: {
    controlPlane: ControlPlaneId;
    keys: ReadonlyMap<string, PublicKey>;
    nowMs: number;
    verify?: Verify;
  },
): Promise<SessionClaims | Refusal> {
  const verified = await verifyJws(token, {
    type: tokenTypes.session,
    keys: expected.keys,
    maxBytes: limits.smallTokenBytes,
    verify: expected.verify,
  });
  if (isRefusal(verified)) return verified;
  const claims = safeParse(sessionClaimsSchema, verified.payload).data;
  if (!claims || claims.iss !== claims.sub)
    return refuse('token_bad_claims', 'the session claims do not match the schema');
  if (claims.aud !== expected.controlPlane)
    return refuse('token_wrong_audience', 'the session token is for another control plane');
  const { iat, exp } = claims;
  if (exp < iat || (exp - iat) * 1000 > limits.sessionTokenLifetimeMs)
    return refuse('token_bad_claims', `exp must be within ${limits.sessionTokenLifetimeMs / 1000} s after iat`);
  if (iat * 1000 > expected.nowMs + limits.clockSkewMs)
    return refuse('token_not_yet_valid', "the agent's clock is ahead of the control plane's");
  if (exp * 1000 < expected.nowMs - limits.clockSkewMs)
    return refuse('token_expired', "the agent's clock is behind the control plane's");
  return claims;
}

/** The key id that a session token claims, unverified: only to look up whose public key to verify with. */
export function sessionKeyId(token: string): string | null {
  const header = token.split('.', 1)[0];
  if (!header || token.length > limits.smallTokenBytes || !/^[A-Za-z0-9_-]+$/.test(header)) return null;
  try {
    return (
      safeParse(z.object({ kid: z.string() }), JSON.parse(atob(header.replaceAll('-', '+').replaceAll('_', '/')))).data
        ?.kid ?? null
    );
  } catch {
    return null;
  }
}
