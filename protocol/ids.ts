// Branded identifiers. This is the only file that makes them from plain text.
import { z } from 'zod';

/** UUID version 7 (RFC 9562): ordered by time, so stores keep their locality. */
export const jobIdSchema = z.uuidv7().brand<'JobId'>();
export type JobId = z.infer<typeof jobIdSchema>;

export const agentIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected 1 to 63 characters of a-z, 0-9, dot, dash or underscore')
  .brand<'AgentId'>();
export type AgentId = z.infer<typeof agentIdSchema>;

/** SHA-256 as lower-case hexadecimal. */
export const digestSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'Digest'>();
export type Digest = z.infer<typeof digestSchema>;

/** Of what SHA-256 gave as lower-case hexadecimal, which is not looked at: a chain has one for each entry. */
export function digestOf(hexadecimal: string): Digest {
  return hexadecimal as Digest;
}

/** Key id: the JWK thumbprint (RFC 7638, SHA-256, base64url) of the key. */
export const keyIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/)
  .brand<'KeyId'>();
export type KeyId = z.infer<typeof keyIdSchema>;

export const controlPlaneIdSchema = z
  .string()
  .regex(/^urn:iam-agent:control-plane:[A-Za-z0-9_-]{43}$/)
  .brand<'ControlPlaneId'>();
export type ControlPlaneId = z.infer<typeof controlPlaneIdSchema>;

/** A control plane is named by the key that all trust in it starts from. */
export function controlPlaneId(rootKey: KeyId): ControlPlaneId {
  return controlPlaneIdSchema.parse(`urn:iam-agent:control-plane:${rootKey}`);
}
