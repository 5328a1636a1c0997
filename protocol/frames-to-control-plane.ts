// Every frame that the agent sends. Nothing here can carry a credential.
import { z } from 'zod';
import { type ErrorCode, errorCodes } from './error-codes.ts';
import { digestSchema, jobIdSchema } from './ids.ts';
import { limits } from './limits.ts';

const sequence = z.int().nonnegative();
const count = z.int().nonnegative();
const errorCode = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);
const detail = z.string().max(2_000);

const actionNames = z.array(z.string().max(128)).max(1_000);

/** What a connection offers; labels and names only. */
export const connectionViewSchema = z.object({
  label: z.string().max(128),
  region: z.string().max(64),
  actions: actionNames,
});
export type ConnectionView = z.infer<typeof connectionViewSchema>;

/** What the agent durably holds of one job that is not closed. */
export const heldViewSchema = z.object({
  job: jobIdSchema,
  /** Null: cancelled before the token came. */
  token_digest: digestSchema.nullable(),
  /** The next row chunk wanted; null when the host holds all of them. */
  next_chunk: count.nullable(),
  last_sequence: sequence,
});
export type HeldView = z.infer<typeof heldViewSchema>;

export const framesToControlPlane = {
  hello: z.object({
    type: z.literal('hello'),
    protocol: z.int(),
    agent_version: z.string().max(64),
    session: z.int().positive(),
    key_set_version: z.int().positive(),
    connections: z
      .array(
        connectionViewSchema.extend({
          /** Indexes into this frame's `actions`, in place of names: 200 connections with every name would not fit a frame. */
          allowed: z.array(z.int().nonnegative().max(999)).max(1_000).exactOptional(),
        }),
      )
      .max(200),
    /** The names that `allowed` points at. */
    actions: actionNames.exactOptional(),
    catalogue_digest: digestSchema,
    jobs: z.array(heldViewSchema).max(limits.jobsPerAgent),
  }),
  'job.accepted': z.object({ type: z.literal('job.accepted'), job: jobIdSchema, token_digest: digestSchema }),
  'job.rejected': z.object({
    type: z.literal('job.rejected'),
    /** Null when the token could not be read as far as its id. */
    job: jobIdSchema.nullable(),
    token_digest: digestSchema,
    code: errorCode,
    detail,
  }),
  'job.quarantined': z.object({ type: z.literal('job.quarantined'), job: jobIdSchema, code: errorCode }),
  'rows.request': z.object({ type: z.literal('rows.request'), job: jobIdSchema, chunk: count }),
  results: z.object({
    type: z.literal('results'),
    job: jobIdSchema,
    first_sequence: z.int().positive(),
    /** Chain head after the last entry of this frame. */
    head: digestSchema,
    /** Set only when entries that had been acknowledged are asked for again and no longer on the host: the head before `first_sequence`. */
    after_loss: digestSchema.exactOptional(),
  }),
  'job.progress': z.object({
    type: z.literal('job.progress'),
    job: jobIdSchema,
    rows_done: count,
    rows_failed: count,
    rows_waiting: count,
    /** What most of its rows wait for at this moment; `running`: for AWS alone. */
    reason: z.enum(['running', 'rate_limit', 'rows', 'spool', 'queue', 'retry']),
    /** The present rate, when that is what they wait for. */
    calls_per_second: z.number().nonnegative().max(1_000_000).exactOptional(),
    /** About how long the rows that have not ended will take, in milliseconds; absent when nothing tells. */
    left_ms: count.exactOptional(),
  }),
  'job.finished': z.object({
    type: z.literal('job.finished'),
    job: jobIdSchema,
    statement: z.string().max(limits.smallTokenBytes),
  }),
  credit: z.object({ type: z.literal('credit'), jobs: count, chunks: count }),
  draining: z.object({ type: z.literal('draining') }),
} as const;

export type FrameToControlPlane = {
  [K in keyof typeof framesToControlPlane]: z.infer<(typeof framesToControlPlane)[K]>;
}[keyof typeof framesToControlPlane];

/** What each connection of a hello offers, by name. An index that points at nothing offers nothing. */
export function offeredConnections({
  connections,
  actions = [],
}: Extract<FrameToControlPlane, { type: 'hello' }>): ConnectionView[] {
  return connections.map(({ label, region, actions: names, allowed = [] }) => ({
    label,
    region,
    actions: [...names, ...allowed.flatMap((index) => actions[index] ?? [])],
  }));
}
