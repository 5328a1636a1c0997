// Every frame that the control plane sends. Unknown fields are stripped and counted, so that a newer peer may add some.
import { z } from 'zod';
import { digestSchema, jobIdSchema } from './ids.ts';
import { limits } from './limits.ts';

const sequence = z.int().nonnegative();

/** What the control plane durably holds of one job. */
export const storedViewSchema = z.object({
  job: jobIdSchema,
  last_sequence: sequence,
  head: digestSchema,
  cancel: z.boolean(),
});
export type StoredView = z.infer<typeof storedViewSchema>;

export const framesToAgent = {
  welcome: z.object({
    type: z.literal('welcome'),
    protocol: z.int(),
    /** RFC 3339, shown and compared, never used to set a clock. */
    server_time: z.iso.datetime(),
    heartbeat_ms: z.int().min(100).max(600_000),
    /** Key-set steps after the version that `hello` named, oldest first. */
    key_set_steps: z.array(z.string().max(limits.smallTokenBytes)).max(64),
    /** Every job that this control plane counts as accepted by this agent and not finished, and those that `hello` named. */
    jobs: z.array(storedViewSchema).max(2 * limits.jobsPerAgent),
  }),
  job: z.object({ type: z.literal('job'), token: z.string().max(limits.tokenBytes) }),
  rows: z.object({ type: z.literal('rows'), job: jobIdSchema, chunk: z.int().nonnegative() }),
  'results.ack': z.object({ type: z.literal('results.ack'), job: jobIdSchema, sequence, head: digestSchema }),
  'job.finished.ack': z.object({ type: z.literal('job.finished.ack'), job: jobIdSchema, head: digestSchema }),
  cancel: z.object({ type: z.literal('cancel'), job: jobIdSchema }),
  keys: z.object({ type: z.literal('keys'), step: z.string().max(limits.smallTokenBytes) }),
  reconnect: z.object({ type: z.literal('reconnect'), within_ms: z.int().nonnegative().max(3_600_000) }),
} as const;

export type FrameToAgent = {
  [K in keyof typeof framesToAgent]: z.infer<(typeof framesToAgent)[K]>;
}[keyof typeof framesToAgent];
