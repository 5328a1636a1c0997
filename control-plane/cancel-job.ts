// Cancelling: a job that was never signed ends here; any other is asked of its agent, now if it is online, else at its next hello.
import { onCancelRequest } from '../protocol/control-plane-job.ts';
import type { EventSink } from './events.ts';
import type { Gateway } from './gateway.ts';
import type { JobWatch } from './job-watch.ts';
import { type JobRow, jobById, saveState, stateOf } from './store/jobs.ts';
import type { Store } from './store/store.ts';

export interface CancelDeps {
  readonly store: Store;
  readonly gateway: Gateway;
  readonly watch: JobWatch;
  readonly emit: EventSink;
  readonly now: () => number;
}

/** The job after the request; null when there is none. */
export async function cancelJob(deps: CancelDeps, id: string): Promise<JobRow | null> {
  const asked = await deps.store.transaction(async (tx) => {
    const job = await jobById(tx, id);
    if (job === null) return null;
    const { next, send } = onCancelRequest(stateOf(job));
    await saveState(tx, job, next, { nowMs: deps.now() });
    return { job: await jobById(tx, id), send };
  });
  if (asked?.job == null) return null;
  const { job, send } = asked;
  if (send) deps.gateway.cancel(job.agent, job.wire_id);
  deps.emit('job.cancel_requested', { job: job.id, agent: job.agent });
  deps.watch.notify(job.id);
  return job;
}
