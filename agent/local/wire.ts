// What goes over the local socket: HTTP with JSON bodies. `exec` sends a head and then rows, one JSON line each, and gets lines back: one
// `started`, the entries as they are stored everywhere else, one `ended`. Both ends use these schemas. A change of any of them that an older end
// cannot read is a new `localWire`.
import { z } from 'zod';
import { digestSchema } from '../../protocol/ids.ts';
import { jobInputsSchema, jobOptionsSchema } from '../../protocol/job-claims.ts';
import { rowOutcomes } from '../../protocol/result-envelope.ts';
import { runEnds, runIdSchema } from './run-log.ts';

export const localWire = 1;

/** The version of the wire and of the program, on every answer. */
export const wireHeader = 'iam-agent-local';
export const versionHeader = 'iam-agent-version';

export const localPaths = {
  status: `/${localWire}/status`,
  runs: `/${localWire}/runs`,
} as const;

export const runHeadSchema = z.strictObject({
  action: z.string().min(1).max(128),
  connection: z.string().min(1).max(128),
  inputs: jobInputsSchema,
  options: jobOptionsSchema,
  /** Digest of the connection as the caller's configuration has it; null when the caller could not read it. */
  config: digestSchema.nullable(),
  /** The interrupted run that this one repeats on purpose. */
  again: runIdSchema.nullable(),
});
export type RunHead = z.infer<typeof runHeadSchema>;

export const startedSchema = z.object({ started: z.object({ run: runIdSchema, config_differs: z.boolean() }) });

const outcomesSchema = z.partialRecord(z.enum(rowOutcomes), z.int().nonnegative());
export const endedSchema = z.object({ ended: z.object({ end: z.enum(runEnds), outcomes: outcomesSchema }) });
export type RunEnded = z.infer<typeof endedSchema>['ended'];

/** Any answer that is a "no". */
export const errorBodySchema = z.object({ error: z.object({ code: z.string(), detail: z.string() }) });

export const runViewSchema = z.object({
  run: runIdSchema,
  action: z.string(),
  connection: z.string(),
  /** It may have changed something; only then its results are kept. */
  changes: z.boolean(),
  started_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
  /** Null: under way, or being read back. */
  end: z.enum(runEnds).nullable(),
  rows: outcomesSchema,
  /** Results that are kept on this host. */
  entries: z.int().nonnegative(),
});
export type RunView = z.infer<typeof runViewSchema>;
export const runListSchema = z.object({ runs: z.array(runViewSchema) });
