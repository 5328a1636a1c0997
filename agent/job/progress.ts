// What people are told of a job under way: how far it is, what its rows wait for at this moment, and how long it may still take. Looked up when
// it is told, once a second: nothing is kept for it while rows run.
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import type { JobId } from '../../protocol/ids.ts';
import type { CallWaits } from '../iam/limiter-snapshot.ts';
import { failedRows, type JobRecord } from './job-record.ts';

type ProgressFrame = Extract<FrameToControlPlane, { type: 'job.progress' }>;
type Told = Pick<JobRecord, 'id' | 'state' | 'outcomes' | 'waitsFor'>;

/** How far back the pace of a job is measured. */
const paceMs = 30_000;

interface Point {
  readonly atMs: number;
  readonly ended: number;
}

export class ProgressReports {
  #points = new Map<JobId, Point[]>();

  /** One frame for each job whose rows run. `nowMs` never goes back. */
  frames(jobs: readonly Told[], waits: ReadonlyMap<string, CallWaits>, nowMs: number): ProgressFrame[] {
    const running = jobs.filter(({ state }) => state.phase === 'accepted');
    this.#points = new Map(running.map((job) => [job.id, this.#pointsOf(job, nowMs)]));
    return running.map((job) => this.#frame(job, waits.get(job.id)));
  }

  #frame(job: Told, waits: CallWaits | undefined): ProgressFrame {
    const { id, state, outcomes } = job;
    const left = state.rows - state.endedRows;
    const reason = job.waitsFor ?? mainWait(waits);
    const callsPerSecond = reason === 'rate_limit' ? (waits?.callsPerSecond ?? null) : null;
    const perSecond = this.#rowsPerSecond(id) ?? callsPerSecond;
    return {
      type: 'job.progress',
      job: id,
      rows_done: state.endedRows,
      rows_failed: failedRows(outcomes),
      rows_waiting: left,
      reason,
      ...(callsPerSecond === null ? {} : { calls_per_second: Math.round(callsPerSecond * 10) / 10 }),
      ...(perSecond === null ? {} : { left_ms: Math.round((left / perSecond) * 1000) }),
    };
  }

  #pointsOf({ id, state }: Told, nowMs: number): Point[] {
    const recent = (this.#points.get(id) ?? []).filter(({ atMs }) => nowMs - atMs <= paceMs);
    return [...recent, { atMs: nowMs, ended: state.endedRows }];
  }

  /** Null while no row has ended lately. */
  #rowsPerSecond(id: JobId): number | null {
    const points = this.#points.get(id) ?? [];
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined || last.ended === first.ended) return null;
    return ((last.ended - first.ended) * 1000) / Math.max(1, last.atMs - first.atMs);
  }
}

/** What most of the calls wait for; `running` when as many are on their way to AWS. */
export function mainWait(waits: CallWaits | undefined): 'running' | 'rate_limit' | 'queue' | 'retry' {
  if (waits === undefined) return 'running';
  const { calling, rateLimit, queue, retry } = waits;
  const most = Math.max(rateLimit, queue, retry);
  if (most <= calling) return 'running';
  if (rateLimit === most) return 'rate_limit';
  return queue === most ? 'queue' : 'retry';
}
