// A job as the API describes it. Members this version does not know are ignored; what it needs is checked.
import { z } from 'zod';
import { duration } from '../../terminal/summary.ts';
import { rowOutcomes } from '../../protocol/result-envelope.ts';

const statuses = [
  'queued',
  'sent',
  'running',
  'completed',
  'cancelled',
  'expired',
  'stopped',
  'rejected',
  'quarantined',
] as const;
export type JobStatus = (typeof statuses)[number];

const moment = z.union([z.string(), z.number()]);

export const jobViewSchema = z.object({
  job: z.string(),
  agent: z.string(),
  connection: z.string(),
  action: z.string(),
  sub: z.string(),
  status: z.enum(statuses),
  created_at: moment,
  finished_at: moment.nullable(),
  rows: z.object({
    total: z.int(),
    ended: z.int(),
    failed: z.int(),
    waiting_reason: z.string().nullish(),
    calls_per_second: z.number().nullish(),
    left_ms: z.number().nonnegative().nullish(),
  }),
  outcomes: z.partialRecord(z.enum(rowOutcomes), z.int()).nullish(),
  last_sequence: z.int(),
  results_lost: z.union([z.boolean(), z.int()]).nullish(),
  refusal: z.object({ code: z.string(), detail: z.string() }).nullable(),
  cancel_requested: z.boolean().optional(),
});
export type JobView = z.infer<typeof jobViewSchema>;

export function isOver(status: JobStatus): boolean {
  return status !== 'queued' && status !== 'sent' && status !== 'running';
}

/** Whether every row of a job that is over succeeded. */
export function allSucceeded(view: JobView): boolean {
  const outcomes = Object.entries(view.outcomes ?? {});
  const others = outcomes.some(([outcome, rows]) => outcome !== 'succeeded' && rows > 0);
  return view.status === 'completed' && view.rows.failed === 0 && !others && !resultsLost(view);
}

export function resultsLost(view: JobView): boolean {
  return view.results_lost === true || (typeof view.results_lost === 'number' && view.results_lost > 0);
}

const waits: Readonly<Record<string, string>> = {
  rate_limit: 'the rate limit',
  queue: 'other calls of the connection',
  retry: 'calls that are made again',
  rows: 'its rows',
  spool: 'room for results',
};

/** What a job's rows wait for, for people; null: for nothing, or nobody knows. For example `the rate limit (5.2 calls/s)`. */
export function waitText({ rows }: JobView): string | null {
  const { waiting_reason: reason, calls_per_second: rate } = rows;
  if (reason === null || reason === undefined) return null;
  const text = waits[reason] ?? reason;
  return rate === null || rate === undefined ? text : `${text} (${rate} calls/s)`;
}

/** How much is left, for people; empty when there is nothing to tell. For example `312 rows left, about 1 min 0 s`. */
export function leftText({ status, rows }: JobView): string {
  const left = rows.total - rows.ended;
  if (status !== 'running' || left <= 0) return '';
  const { left_ms: leftMs } = rows;
  return `${left} rows left${leftMs === null || leftMs === undefined ? '' : `, about ${duration(leftMs)}`}`;
}

/** A time of the API for people: seconds, UTC. */
export function timeText(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return '';
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString().replace(/\.\d+Z$/, 'Z');
}
