// What the REST API takes and gives, as the schemas that the routes validate with and the OpenAPI document is made from.
import { z } from 'zod';
import { type ErrorCode, errorCodes } from '../../protocol/error-codes.ts';
import { connectionViewSchema } from '../../protocol/frames-to-control-plane.ts';
import { finishedStatuses } from '../../protocol/finished-statement.ts';
import { agentIdSchema, jobIdSchema, keyIdSchema } from '../../protocol/ids.ts';
import { jobInputsSchema, jobOptionsSchema } from '../../protocol/job-claims.ts';
import { rowOutcomes } from '../../protocol/result-envelope.ts';
import { roles } from '../roles.ts';

const time = z.iso.datetime();
const count = z.int().nonnegative();
const errorCodeSchema = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);
const codedSchema = z.strictObject({ code: errorCodeSchema, detail: z.string() });

export const errorBodySchema = z.strictObject({ error: codedSchema });

const agentStatuses = ['unpaired', 'offline', 'online', 'conflict', 'revoked'] as const;

export const agentViewSchema = z.strictObject({
  agent: agentIdSchema,
  status: z.enum(agentStatuses),
  paired_at: time.nullable(),
  last_seen_at: time.nullable(),
  version: z.string().nullable(),
  connections: z.array(connectionViewSchema),
});
export type AgentView = z.infer<typeof agentViewSchema>;

export const agentListSchema = z.strictObject({ agents: z.array(agentViewSchema) });
export const newAgentSchema = z.strictObject({ name: agentIdSchema });
export const agentParamsSchema = z.strictObject({ name: z.string().max(128) });

/** What the operator takes to the host. */
export const invitationSchema = z.strictObject({
  agent: agentIdSchema,
  code: z.string(),
  fingerprint: keyIdSchema,
  url: z.url(),
  expires_at: time,
});

export const jobRequestSchema = z.strictObject({
  agent: z.string().min(1).max(128),
  connection: z.string().min(1).max(128),
  action: z.string().min(1).max(128),
  inputs: jobInputsSchema,
  options: jobOptionsSchema.exactOptional(),
  /** How long calls may be started, from now. */
  ttl_seconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .exactOptional(),
});
export type JobRequest = z.infer<typeof jobRequestSchema>;

const jobStatuses = ['queued', 'sent', 'running', ...finishedStatuses, 'rejected', 'quarantined'] as const;

export const jobViewSchema = z.strictObject({
  job: jobIdSchema,
  agent: agentIdSchema,
  connection: z.string(),
  action: z.string(),
  /** Who asked: the name of the API token. */
  sub: z.string(),
  status: z.enum(jobStatuses),
  created_at: time,
  finished_at: time.nullable(),
  rows: z.strictObject({
    total: count,
    ended: count,
    failed: count,
    /** What most of the rows under way wait for, as the agent said last: `rate_limit`, `queue`, `retry`, `rows` or `spool`. */
    waiting_reason: z.string().nullable(),
    /** The present rate, when they wait for it. */
    calls_per_second: z.number().exactOptional(),
    /** About how long the rows that have not ended will take, in milliseconds. */
    left_ms: count.exactOptional(),
  }),
  /** Rows by outcome; null until the job has finished. */
  outcomes: z.partialRecord(z.enum(rowOutcomes), count).nullable(),
  last_sequence: count,
  /** Entries that had been acknowledged and could not be brought back. */
  results_lost: count,
  refusal: codedSchema.nullable(),
  cancel_requested: z.boolean(),
});
export type JobView = z.infer<typeof jobViewSchema>;

export const jobListSchema = z.strictObject({ jobs: z.array(jobViewSchema) });
export const jobParamsSchema = z.strictObject({ id: z.string().max(64) });
export const jobQuerySchema = z.strictObject({
  agent: agentIdSchema.exactOptional(),
  status: z.enum(jobStatuses).exactOptional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** The last job id of the page before. */
  before: jobIdSchema.exactOptional(),
});
export type JobQuery = z.infer<typeof jobQuerySchema>;

export const resultQuerySchema = z.strictObject({
  after: z.coerce.number().int().nonnegative().default(0),
  follow: z.enum(['true', 'false']).default('false'),
});

const tokenName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,126}$/, 'expected 1 to 127 plain characters');
export const newTokenSchema = z.strictObject({ name: tokenName, role: z.enum(roles) });
const tokenViewSchema = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  role: z.enum(roles),
  created_at: time,
});
/** The only time that the token itself is shown. */
export const tokenMadeSchema = tokenViewSchema.extend({ token: z.string() });
export const tokenListSchema = z.strictObject({ tokens: z.array(tokenViewSchema) });
export const tokenParamsSchema = z.strictObject({ id: z.string().max(64) });

export const healthSchema = z.strictObject({ status: z.literal('ok') });
export const emptySchema = z.strictObject({});
