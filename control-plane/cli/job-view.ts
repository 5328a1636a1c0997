// A job as the API describes it. Members this version does not know are ignored; what it needs is checked.
import { z } from 'zod';
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

/** A time of the API for people: seconds, UTC. */
export function timeText(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return '';
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString().replace(/\.\d+Z$/, 'Z');
}
