// What is signed for a job: every claim from what was stored when it was created, none from what anybody said since.
import { type JobClaims, type JobInputs, jobOptionsSchema } from '../protocol/job-claims.ts';
import { limits } from '../protocol/limits.ts';
import type { JobRow } from './store/jobs.ts';

export interface ClaimParts {
  readonly controlPlane: JobClaims['iss'];
  readonly inputs: JobInputs;
  readonly chunks: JobClaims['rows']['chunks'];
  /** Now, in seconds. */
  readonly iat: number;
}

export function claimsOf(job: JobRow, { controlPlane, inputs, chunks, iat }: ClaimParts): JobClaims {
  return {
    iss: controlPlane,
    aud: job.agent,
    jti: job.wire_id,
    iat,
    exp: iat + limits.tokenLifetimeMs / 1_000,
    not_after: Math.floor(job.not_after / 1_000),
    sub: job.sub,
    action: job.action,
    connection: job.connection,
    inputs,
    rows: { count: job.rows_total, chunks },
    options: jobOptionsSchema.parse(JSON.parse(job.options)),
  };
}
