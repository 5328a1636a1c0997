// A job as the API shows it: the stored state in the words that people and scripts use.
import { errorCodes } from '../protocol/error-codes.ts';
import type { JobView } from './api/schemas.ts';
import type { JobWatch, Progress } from './job-watch.ts';
import type { JobRow } from './store/jobs.ts';
import type { Store } from './store/store.ts';

export function jobView(store: Store, watch: JobWatch, job: JobRow): JobView {
  return {
    job: job.id,
    agent: job.agent,
    connection: job.connection,
    action: job.action,
    sub: job.sub,
    status: statusOf(job),
    created_at: new Date(job.created_at).toISOString(),
    finished_at: job.finished_at === null ? null : new Date(job.finished_at).toISOString(),
    rows: {
      total: job.rows_total,
      ended: job.rows_ended,
      failed: job.rows_failed,
      ...waitOf(job.phase === 'accepted' ? watch.progress(job.id) : null),
    },
    outcomes: outcomesOf(job),
    last_sequence: job.stored,
    results_lost: job.results_lost,
    refusal: refusalOf(store, job),
    cancel_requested: job.cancel_requested === 1,
  };
}

function waitOf(progress: Progress | null): Pick<JobView['rows'], 'waiting_reason' | 'calls_per_second' | 'left_ms'> {
  const { reason, callsPerSecond, leftMs } = progress ?? {};
  return {
    waiting_reason: reason === undefined || reason === 'running' ? null : reason,
    ...(callsPerSecond === undefined ? {} : { calls_per_second: callsPerSecond }),
    ...(leftMs === undefined ? {} : { left_ms: leftMs }),
  };
}

function statusOf(job: JobRow): JobView['status'] {
  switch (job.phase) {
    case 'accepted':
      return 'running';
    case 'finished':
      // Without the agent's statement the job ended here, before it was ever signed.
      return job.finished_status ?? (job.refusal === 'expired' ? 'expired' : 'cancelled');
    case 'queued':
    case 'sent':
    case 'rejected':
    case 'quarantined':
      return job.phase;
    default:
      return job.phase satisfies never;
  }
}

function outcomesOf(job: JobRow): JobView['outcomes'] {
  if (job.phase !== 'finished') return null;
  return job.outcomes === null ? {} : (JSON.parse(job.outcomes) as Record<string, number>);
}

function refusalOf(store: Store, job: JobRow): JobView['refusal'] {
  if (job.refusal === null || (job.phase !== 'rejected' && job.phase !== 'quarantined')) return null;
  const detail =
    job.refusal_detail === null
      ? errorCodes[job.refusal].meaning
      : store.sealer.open(job.id, 'refusal_detail', job.refusal_detail);
  return { code: job.refusal, detail };
}
