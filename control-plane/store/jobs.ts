// Queries about jobs. What a job may become is decided by protocol/control-plane-job.ts; here `next` is only written down.
import type { Selectable } from 'kysely';
import { type ControlPlaneJob, isOpen } from '../../protocol/control-plane-job.ts';
import type { FinishedStatus } from '../../protocol/finished-statement.ts';
import type { AgentId, Digest, JobId } from '../../protocol/ids.ts';
import { jobIdSchema } from '../../protocol/ids.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { Queries } from './store.ts';
import type { JobsTable } from './tables.ts';

/** Large sealed columns are read only where they are needed: a list of jobs, or a frame of results, must not carry tokens about. */
type HeavyColumn = 'inputs' | 'token' | 'statement';
export type JobRow = Omit<Selectable<JobsTable>, HeavyColumn>;

const columns = [
  'id',
  'agent',
  'connection',
  'action',
  'sub',
  'options',
  'created_at',
  'not_after',
  'finished_at',
  'rows_total',
  'wire_id',
  'token_exp',
  'phase',
  'token_digest',
  'stored',
  'head',
  'cancel_requested',
  'refusal',
  'refusal_detail',
  'rows_ended',
  'rows_failed',
  'results_lost',
  'finished_status',
  'outcomes',
] as const satisfies readonly (keyof JobRow)[];

export function stateOf(job: JobRow): ControlPlaneJob {
  return {
    phase: job.phase,
    tokenDigest: job.token_digest,
    stored: job.stored,
    head: job.head,
    cancelRequested: job.cancel_requested === 1,
    refusal: job.refusal,
  };
}

export async function jobById(db: Queries, id: string): Promise<JobRow | null> {
  const parsed = safeParse(jobIdSchema, id);
  if (!parsed.success) return null;
  return (await db.selectFrom('jobs').select(columns).where('id', '=', parsed.data).executeTakeFirst()) ?? null;
}

/** By the id inside the token, and only for the agent it was made for: no agent reaches another's job. */
export async function jobByWireId(db: Queries, agent: AgentId, wireId: JobId): Promise<JobRow | null> {
  const query = db.selectFrom('jobs').select(columns).where('wire_id', '=', wireId).where('agent', '=', agent);
  return (await query.executeTakeFirst()) ?? null;
}

export async function jobByTokenDigest(db: Queries, agent: AgentId, digest: Digest): Promise<JobRow | null> {
  const query = db
    .selectFrom('jobs')
    .select(columns)
    .where('agent', '=', agent)
    .where('phase', '=', 'sent')
    .where('token_digest', '=', digest);
  return (await query.executeTakeFirst()) ?? null;
}

/** Sent or accepted: what a live session owes something to. Oldest first. */
export function unfinishedJobs(db: Queries, agent: AgentId): Promise<JobRow[]> {
  return db
    .selectFrom('jobs')
    .select(columns)
    .where('agent', '=', agent)
    .where('phase', 'in', ['sent', 'accepted'])
    .orderBy('id')
    .execute();
}

export async function countUnfinished(db: Queries, agent: AgentId): Promise<number> {
  const found = await db
    .selectFrom('jobs')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('agent', '=', agent)
    .where('phase', 'in', ['sent', 'accepted'])
    .executeTakeFirstOrThrow();
  return found.count;
}

/** The oldest, and whether there are more. */
export async function nextQueued(db: Queries, agent: AgentId): Promise<{ job: JobRow; more: boolean } | null> {
  const query = db
    .selectFrom('jobs')
    .select(columns)
    .where('agent', '=', agent)
    .where('phase', '=', 'queued')
    .orderBy('id')
    .limit(2);
  const [job, second] = await query.execute();
  return job === undefined ? null : { job, more: second !== undefined };
}

type Extra = Partial<Omit<JobsTable, 'id' | 'agent'>>;

/** Writes the state after a decision. A job that ended needs its rows and its token no more: they are dropped with the same commit. */
export async function saveState(
  tx: Queries,
  job: JobRow,
  next: ControlPlaneJob,
  extra: Extra & { nowMs: number },
): Promise<void> {
  const { nowMs, ...columns } = extra;
  const ended = !isOpen(next);
  await tx
    .updateTable('jobs')
    .set({
      ...columns,
      phase: next.phase,
      token_digest: next.tokenDigest,
      stored: next.stored,
      head: next.head,
      cancel_requested: next.cancelRequested ? 1 : 0,
      refusal: next.refusal,
      ...(ended ? { finished_at: job.finished_at ?? nowMs, token: null } : {}),
    })
    .where('id', '=', job.id)
    .execute();
  if (ended) await tx.deleteFrom('job_rows').where('job', '=', job.id).execute();
}

export async function jobInputs(db: Queries, job: JobId): Promise<Uint8Array> {
  return (await db.selectFrom('jobs').select('inputs').where('id', '=', job).executeTakeFirstOrThrow()).inputs;
}

export async function jobToken(db: Queries, job: JobId): Promise<Uint8Array | null> {
  return (await db.selectFrom('jobs').select('token').where('id', '=', job).executeTakeFirst())?.token ?? null;
}

export function jobsByWireIds(db: Queries, agent: AgentId, ids: readonly JobId[]): Promise<JobRow[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db.selectFrom('jobs').select(columns).where('agent', '=', agent).where('wire_id', 'in', ids).execute();
}

export function jobChunks(db: Queries, job: JobId): Promise<{ rows: number; digest: Digest }[]> {
  return db.selectFrom('job_rows').select(['rows', 'digest']).where('job', '=', job).orderBy('chunk').execute();
}

export async function chunkBody(db: Queries, job: JobId, chunk: number): Promise<Uint8Array | null> {
  const query = db.selectFrom('job_rows').select('body').where('job', '=', job).where('chunk', '=', chunk);
  return (await query.executeTakeFirst())?.body ?? null;
}

/** What tells jobs of one shown status apart, in the store's words. */
export interface JobFilter {
  readonly agent?: AgentId;
  readonly before?: JobId;
  readonly limit: number;
  readonly phase?: JobsTable['phase'];
  /** For finished jobs: how; jobs that ended here unsigned have no status of their own, only a refusal. */
  readonly finished?: FinishedStatus;
}

/** Newest first. */
export function listJobs(db: Queries, filter: JobFilter): Promise<JobRow[]> {
  const { agent, before, phase, finished } = filter;
  let query = db.selectFrom('jobs').select(columns).orderBy('id', 'desc').limit(filter.limit);
  if (agent !== undefined) query = query.where('agent', '=', agent);
  if (before !== undefined) query = query.where('id', '<', before);
  if (phase !== undefined) query = query.where('phase', '=', phase);
  if (finished === 'completed' || finished === 'stopped') query = query.where('finished_status', '=', finished);
  else if (finished !== undefined)
    query = query.where((where) =>
      where.or([
        where('finished_status', '=', finished),
        where.and([
          where('phase', '=', 'finished'),
          where('finished_status', 'is', null),
          where('refusal', '=', finished),
        ]),
      ]),
    );
  return query.execute();
}
