// What `iam-agent status --json` prints: one schema for the daemon that answers and the command that asks. Members are added, never renamed
// or removed. Only ids, names of the configuration, enums, counts and times: no input, no result, no secret.
import { z } from 'zod';
import type { CallWaits, LimiterSnapshot } from '../iam/limiter-snapshot.ts';
import { failedRows, type JobRecord } from '../job/job-record.ts';
import { mainWait } from '../job/progress.ts';
import type { LocalRun } from './local-run.ts';
import type { StoredRun } from './run-log.ts';
import { type RunView, runViewSchema } from './wire.ts';

const time = z.iso.datetime();
const count = z.int().nonnegative();

const linkSchema = z.object({
  /** `waiting`: between two dials. */
  state: z.enum(['connected', 'connecting', 'waiting']),
  /** Connected since, or not connected since. */
  since: time,
  session: count.nullable(),
  next_dial_at: time.nullable(),
  last_error: z.object({ at: time, event: z.string(), reason: z.string() }).nullable(),
});
export type LinkSeen = z.infer<typeof linkSchema>;

/** `results`: all rows ended, entries or the last word wait for their acknowledgement. */
const waitReasons = ['control_plane', 'rows', 'spool', 'rate_limit', 'queue', 'retry', 'draining', 'results'] as const;

const jobSchema = z.object({
  job: z.string(),
  action: z.string().nullable(),
  connection: z.string().nullable(),
  rows: count,
  rows_done: count,
  rows_failed: count,
  rows_waiting: count,
  /** Entries that the control plane has not acknowledged. */
  entries_waiting: count,
  /** Null: it runs. */
  waits_for: z.enum(waitReasons).nullable(),
});
export type JobSeen = z.infer<typeof jobSchema>;

const openRunSchema = z.object({
  run: z.string(),
  action: z.string(),
  connection: z.string(),
  started_at: time,
  rows_done: count,
  rows_failed: count,
  under_way: count,
  state: z.enum(['running', 'reading_back']),
});

/** A bucket's principal is named by labels of the configuration and a role's ARN, never by a key. */
const callsSchema = z.object({
  buckets: z.array(
    z.object({
      service: z.enum(['iam', 'sts']),
      connections: z.array(z.string()),
      role_arn: z.string().nullable(),
      calls_per_second: z.number().nonnegative(),
      throttles: count,
      waiting: count,
    }),
  ),
  queues: z.array(z.object({ connection: z.string(), under_way: count, in_flight: count, waiting: count })),
});

const errorSchema = z.object({
  /** The last time. */
  at: time,
  times: z.int().positive(),
  event: z.string(),
  level: z.enum(['warn', 'error']),
  code: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  job: z.string().exactOptional(),
  run: z.string().exactOptional(),
  connection: z.string().exactOptional(),
});
export type ErrorSeen = z.infer<typeof errorSchema>;

export const statusSchema = z.object({
  agent: z.object({
    name: z.string(),
    version: z.string(),
    node: z.string(),
    pid: z.int().positive(),
    started_at: time,
    uptime_seconds: count,
    draining: z.boolean(),
  }),
  control_plane: z.object({ url: z.string() }),
  link: linkSchema,
  /** The control plane's clock less this host's, as the last welcome showed it; null before one. */
  clock_skew_ms: z.number().nullable(),
  connections: z.array(z.object({ label: z.string(), verify_ssl: z.boolean() })),
  jobs: z.array(jobSchema),
  runs: z.object({ open: z.array(openRunSchema), recent: z.array(runViewSchema) }),
  /** `kept_bytes`: of results that were delivered and stay readable on the host. */
  spool: z.object({ bytes: count, quota_bytes: count, kept_bytes: count, full_since: time.nullable() }),
  journal: z.object({ open_jobs: count, entries_waiting: count }),
  calls: callsSchema,
  errors: z.array(errorSchema),
});
export type Status = z.infer<typeof statusSchema>;

export interface JobConditions {
  readonly welcomed: boolean;
  readonly draining: boolean;
  /** What its calls wait for; none is under way when undefined. */
  readonly calls: CallWaits | undefined;
}

export function jobSeen(record: JobRecord, conditions: JobConditions): JobSeen {
  const { state, outcomes, claims } = record;
  return {
    job: record.id,
    action: claims?.action ?? null,
    connection: claims?.connection ?? null,
    rows: state.rows,
    rows_done: state.endedRows,
    rows_failed: failedRows(outcomes),
    rows_waiting: state.rows - state.endedRows,
    entries_waiting: state.produced - state.acked,
    waits_for: waitOf(record, conditions),
  };
}

function waitOf({ state, waitsFor }: JobRecord, { welcomed, draining, calls }: JobConditions): JobSeen['waits_for'] {
  if (state.phase !== 'accepted') return 'results';
  if (draining) return 'draining';
  if (!welcomed) return 'control_plane';
  const wait = waitsFor ?? mainWait(calls);
  return wait === 'running' ? null : wait;
}

export function callsSeen({ buckets, queues }: LimiterSnapshot): Status['calls'] {
  return {
    buckets: buckets.map(({ service, connections, roleArn, callsPerSecond, throttles, waiting }) => ({
      service,
      connections: [...connections],
      role_arn: roleArn,
      calls_per_second: callsPerSecond,
      throttles,
      waiting,
    })),
    queues: queues.map(({ connection, underWay, inFlight, waiting }) => ({
      connection,
      under_way: underWay,
      in_flight: inFlight,
      waiting,
    })),
  };
}

export function openRunSeen(run: StoredRun, live: LocalRun | null): Status['runs']['open'][number] {
  const { outcomes } = run;
  return {
    run: run.id,
    action: run.action,
    connection: run.connection,
    started_at: new Date(run.startedAt).toISOString(),
    rows_done: Object.values(outcomes).reduce((sum, rows) => sum + rows, 0),
    rows_failed: failedRows(outcomes),
    under_way: live?.underWay ?? 0,
    state: live === null ? 'reading_back' : 'running',
  };
}

export function runView(run: StoredRun): RunView {
  const { id, action, connection, changes, startedAt, endedAt, end, outcomes, entries } = run;
  return {
    run: id,
    action,
    connection,
    changes,
    started_at: new Date(startedAt).toISOString(),
    ended_at: endedAt === null ? null : new Date(endedAt).toISOString(),
    end,
    rows: outcomes,
    entries,
  };
}
