// Exactly what a job's signature covers. Strict: an unknown field is a refusal, because a field that is signed and not understood may be a limit.
import { z } from 'zod';
import { agentIdSchema, controlPlaneIdSchema, digestSchema, jobIdSchema } from './ids.ts';
import { jsonInputSchema } from './json-input.ts';
import { limits } from './limits.ts';

const seconds = z.int().nonnegative().max(99_999_999_999);

export const jobOptionsSchema = z.strictObject({
  /** Rows under way at once; the host's own limit is never passed. */
  concurrency: z.int().min(1).max(64).exactOptional(),
  /** What a failed row means for the rows that have not started. */
  on_error: z.enum(['continue', 'stop']).exactOptional(),
  /** Render and check everything, call nothing. */
  dry_run: z.boolean().exactOptional(),
  /** Longest time from a row's start: after it no further attempt, page or wait of the row begins. */
  row_deadline_seconds: z.int().min(1).max(limits.rowDeadlineSeconds).exactOptional(),
});
export type JobOptions = z.infer<typeof jobOptionsSchema>;

/** By name. A text is a template; any other value is taken as it is, and no text within it is a template. */
export const jobInputsSchema = z.record(z.string().min(1).max(128), jsonInputSchema);
export type JobInputs = z.infer<typeof jobInputsSchema>;

export const jobClaimsSchema = z.strictObject({
  iss: controlPlaneIdSchema,
  aud: agentIdSchema,
  jti: jobIdSchema,
  iat: seconds,
  /** Latest acceptance. */
  exp: seconds,
  /** Latest start of a call to AWS. */
  not_after: seconds,
  /** Who asked; set by the control plane from the API token. */
  sub: z.string().min(1).max(256),
  action: z.string().min(1).max(128),
  connection: z.string().min(1).max(128),
  inputs: jobInputsSchema,
  rows: z.strictObject({
    count: z.int().nonnegative().max(limits.jobRows),
    chunks: z.array(z.strictObject({ rows: z.int().positive().max(limits.chunkRows), digest: digestSchema })),
  }),
  options: jobOptionsSchema,
});
export type JobClaims = z.infer<typeof jobClaimsSchema>;
