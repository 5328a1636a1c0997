// The control plane's signing keys as a chain of signed steps: versions grow by exactly one, each step signed by a key of the version before.
import { z } from 'zod';
import { type Refusal, isRefusal, refuse } from './error-codes.ts';
import { type ControlPlaneId, controlPlaneIdSchema, keyIdSchema } from './ids.ts';
import { type PrivateKey, type PublicKey, publicKeySchema, signJws, tokenTypes, verifyJws } from './jws.ts';
import { limits } from './limits.ts';
import { safeParse } from './safe-parse.ts';

export const keySetSchema = z.strictObject({
  iss: controlPlaneIdSchema,
  version: z.int().positive(),
  keys: z
    .array(
      z.strictObject({
        kid: keyIdSchema,
        key: publicKeySchema,
        /** retired: signs nothing new, its unfinished work goes on; revoked: that work ends too. */
        status: z.enum(['active', 'retired', 'revoked']),
      }),
    )
    .min(1)
    .max(16)
    .refine((keys) => new Set(keys.map(({ kid }) => kid)).size === keys.length, 'a key id stands twice'),
});
export type KeySet = z.infer<typeof keySetSchema>;

/** The keys that may sign now. */
export function activeKeys(set: KeySet): ReadonlyMap<string, PublicKey> {
  return new Map(set.keys.filter((entry) => entry.status === 'active').map((entry) => [entry.kid, entry.key]));
}

export function signKeySetStep(next: KeySet, key: PrivateKey, kid: string): Promise<string> {
  return signJws(tokenTypes.keySet, keySetSchema.parse(next), key, kid);
}

/** The set after `step`, or why it is not applied. */
export async function applyKeySetStep(
  current: KeySet,
  step: string,
  controlPlane: ControlPlaneId,
): Promise<KeySet | Refusal> {
  const verified = await verifyJws(step, {
    type: tokenTypes.keySet,
    keys: activeKeys(current),
    maxBytes: limits.smallTokenBytes,
  });
  if (isRefusal(verified)) return verified;
  const next = safeParse(keySetSchema, verified.payload).data;
  if (!next || next.iss !== controlPlane)
    return refuse('token_bad_claims', 'the key set does not match the schema or names another issuer');
  if (next.version !== current.version + 1) {
    return refuse('token_bad_claims', `expected key-set version ${current.version + 1}, found ${next.version}`);
  }
  return next;
}
