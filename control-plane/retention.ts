// Housekeeping: results are forgotten after their retention, queued jobs end at their latest start, used-up codes and keys go. It works in small
// steps, so that the gateway is never kept waiting.
import { type EventSink, faultOf } from './events.ts';
import type { JobWatch } from './job-watch.ts';
import { expireQueued } from './dispatch.ts';
import type { JobId } from '../protocol/ids.ts';
import type { Store } from './store/store.ts';

export interface RetentionDeps {
  readonly store: Store;
  readonly watch: JobWatch;
  readonly emit: EventSink;
  readonly now: () => number;
  readonly resultRetentionDays: number;
}

const dayMs = 86_400_000;
const runEveryMs = 60_000;
const jobsPerStep = 50;
const resultsPerStep = 2_000;

/** Runs now and then every minute until it is stopped. */
export function startRetention(deps: RetentionDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  const run = (): void => {
    running ??= runRetention(deps, stopping.signal)
      .catch((error: unknown) => deps.emit('server.fault', { name: 'retention', fault: faultOf(error) }))
      .finally(() => {
        running = null;
      });
  };
  run();
  const timer = setInterval(run, runEveryMs);
  return {
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
}

export async function runRetention(deps: RetentionDeps, signal: AbortSignal): Promise<void> {
  const { store, now, emit } = deps;
  const startedAt = now();
  const cutoff = startedAt - deps.resultRetentionDays * dayMs;
  await expireJobs(deps, signal);
  await store.db.deleteFrom('pairing_codes').where('expires_at', '<', startedAt).execute();
  await store.db.deleteFrom('idempotency').where('created_at', '<', cutoff).execute();
  let count = 0;
  for (let jobs = await agedJobs(store, cutoff); jobs.length > 0; jobs = await agedJobs(store, cutoff)) {
    for (const job of jobs) count += await forgetResults(store, job, signal);
    if (signal.aborted) break;
  }
  if (count > 0) emit('retention.ran', { count, durationMs: now() - startedAt });
}

async function expireJobs({ store, watch, emit, now }: RetentionDeps, signal: AbortSignal): Promise<void> {
  const due = await store.db
    .selectFrom('jobs')
    .select(['id', 'agent'])
    .where('phase', '=', 'queued')
    .where('not_after', '<=', now())
    .limit(10_000)
    .execute();
  for (const { id, agent } of due) {
    if (signal.aborted) return;
    if (!(await expireQueued(store, id, now()))) continue;
    watch.notify(id);
    emit('job.ended', { job: id, agent, code: 'expired' });
  }
}

async function agedJobs(store: Store, cutoff: number): Promise<JobId[]> {
  const found = await store.db
    .selectFrom('jobs')
    .select('id')
    .where('finished_at', '<', cutoff)
    .where((where) =>
      where.exists(where.selectFrom('results').select('results.job').whereRef('results.job', '=', 'jobs.id')),
    )
    .limit(jobsPerStep)
    .execute();
  return found.map(({ id }) => id);
}

async function forgetResults({ db }: Store, job: JobId, signal: AbortSignal): Promise<number> {
  let removed = 0;
  while (!signal.aborted) {
    const first = await db
      .selectFrom('results')
      .select('sequence')
      .where('job', '=', job)
      .orderBy('sequence')
      .limit(1)
      .executeTakeFirst();
    if (first === undefined) break;
    const gone = await db
      .deleteFrom('results')
      .where('job', '=', job)
      .where('sequence', '<', first.sequence + resultsPerStep)
      .returning('count')
      .execute();
    removed += gone.reduce((sum, { count }) => sum + count, 0);
  }
  return removed;
}
