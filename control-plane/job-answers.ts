// What an agent says about one job: accepted, rejected, quarantined, finished, progress, and the wish for rows again. Each is written in one
// transaction with the check that this session still speaks for the agent.
import {
  type ControlPlaneJob,
  isOpen,
  onAccepted,
  onFinished,
  onQuarantined,
  onRejected,
} from '../protocol/control-plane-job.ts';
import { isRefusal } from '../protocol/error-codes.ts';
import { type FinishedClaims, verifyFinished } from '../protocol/finished-statement.ts';
import type { FrameToControlPlane } from '../protocol/frames-to-control-plane.ts';
import type { JobId } from '../protocol/ids.ts';
import type { Dispatch } from './dispatch.ts';
import { type FrameOutcome, type SessionContext, done, stale, unknownJob } from './session-context.ts';
import { nodeVerify } from '../node/signatures.ts';
import { speaking } from './store/agents.ts';
import { type JobRow, jobByTokenDigest, jobByWireId, saveState, stateOf } from './store/jobs.ts';
import type { Queries } from './store/store.ts';
import type { JobsTable } from './store/tables.ts';

type Frame<T extends FrameToControlPlane['type']> = Extract<FrameToControlPlane, { type: T }>;

interface Changed {
  readonly job: JobRow;
  /** Null: the frame changes nothing in the state that the job is in. */
  readonly next: ControlPlaneJob | null;
}

/** Finds the job, decides and writes, behind the fence. */
async function change(
  context: SessionContext,
  find: (tx: Queries) => Promise<JobRow | null>,
  decide: (job: JobRow) => { next: ControlPlaneJob | null; extra?: Partial<JobsTable> },
): Promise<Changed | 'stale' | 'unknown'> {
  const { store, now, watch, identity } = context;
  const changed = await store.transaction(async (tx) => {
    if ((await speaking(tx, identity.agent, identity.counter)) === null) return 'stale';
    const job = await find(tx);
    if (job === null) return 'unknown';
    const { next, extra } = decide(job);
    if (next !== null) await saveState(tx, job, next, { ...extra, nowMs: now() });
    return { job, next };
  });
  // Who waits for something to change waits for results or the end.
  if (typeof changed === 'object' && changed.next !== null && !isOpen(changed.next)) watch.notify(changed.job.id);
  return changed;
}

const byWireId = (context: SessionContext, wireId: JobId) => (tx: Queries) =>
  jobByWireId(tx, context.identity.agent, wireId);

export async function accepted(
  context: SessionContext,
  dispatch: Dispatch,
  frame: Frame<'job.accepted'>,
): Promise<FrameOutcome> {
  const changed = await change(context, byWireId(context, frame.job), (job) => ({
    next: onAccepted(stateOf(job), frame.token_digest),
  }));
  if (typeof changed === 'string') return outcomeOf(changed);
  if (changed.next !== null) dispatch.accepted(changed.job);
  return done;
}

export async function rejected(
  context: SessionContext,
  dispatch: Dispatch,
  frame: Frame<'job.rejected'>,
): Promise<FrameOutcome> {
  const { agent } = context.identity;
  // A token that could not be read as far as its id is known by its digest alone.
  const find = (tx: Queries) =>
    frame.job === null ? jobByTokenDigest(tx, agent, frame.token_digest) : jobByWireId(tx, agent, frame.job);
  const changed = await change(context, find, (job) => ({
    next: onRejected(stateOf(job), frame.token_digest, frame.code),
    extra: { refusal_detail: context.store.sealer.seal(job.id, 'refusal_detail', frame.detail) },
  }));
  if (typeof changed === 'string') return outcomeOf(changed);
  ended(context, dispatch, changed);
  return done;
}

export async function quarantined(
  context: SessionContext,
  dispatch: Dispatch,
  frame: Frame<'job.quarantined'>,
): Promise<FrameOutcome> {
  const changed = await change(context, byWireId(context, frame.job), (job) => ({
    next: onQuarantined(stateOf(job), frame.code),
  }));
  if (typeof changed === 'string') return outcomeOf(changed);
  ended(context, dispatch, changed);
  return done;
}

export async function finished(
  context: SessionContext,
  dispatch: Dispatch,
  frame: Frame<'job.finished'>,
): Promise<FrameOutcome> {
  const { identity, keys, link } = context;
  const claims = await verifyFinished(frame.statement, {
    agent: identity.agent,
    controlPlane: keys.controlPlane,
    keys: new Map([[identity.keyId, identity.key]]),
    verify: nodeVerify,
  });
  if (isRefusal(claims)) return { kind: 'bad', code: claims.code };
  if (claims.jti !== frame.job) return { kind: 'bad', code: 'frame_unexpected' };
  const changed = await change(context, byWireId(context, frame.job), (job) => ({
    next: onFinished(stateOf(job), {
      tokenDigest: claims.token_digest,
      lastSequence: claims.last_sequence,
      head: claims.head,
    }),
    extra: { finished_status: claims.status, outcomes: JSON.stringify(claims.rows), statement: frame.statement },
  }));
  if (typeof changed === 'string') return outcomeOf(changed);
  const { job, next } = changed;
  if (next === null && !toldBefore(job, claims)) return { kind: 'bad', code: 'frame_unexpected' };
  if (next !== null) ended(context, dispatch, changed);
  link.send({ type: 'job.finished.ack', job: frame.job, head: claims.head });
  return done;
}

/** The ack of an earlier, equal statement was lost. */
function toldBefore(job: JobRow, claims: FinishedClaims): boolean {
  return job.phase === 'finished' && job.head === claims.head && job.stored === claims.last_sequence;
}

export async function progress(context: SessionContext, frame: Frame<'job.progress'>): Promise<FrameOutcome> {
  const { store, watch, identity } = context;
  const job = await jobByWireId(store.db, identity.agent, frame.job);
  if (job === null) return unknownJob;
  if (job.phase !== 'accepted') return done;
  watch.tell(job.id, {
    done: frame.rows_done,
    failed: frame.rows_failed,
    waiting: frame.rows_waiting,
    reason: frame.reason,
    ...(frame.calls_per_second === undefined ? {} : { callsPerSecond: frame.calls_per_second }),
    ...(frame.left_ms === undefined ? {} : { leftMs: frame.left_ms }),
  });
  return done;
}

export async function rowsAgain(
  context: SessionContext,
  dispatch: Dispatch,
  frame: Frame<'rows.request'>,
): Promise<FrameOutcome> {
  const job = await jobByWireId(context.store.db, context.identity.agent, frame.job);
  if (job === null) return unknownJob;
  if (job.phase === 'accepted') dispatch.pushRows(job, frame.chunk);
  return done;
}

function ended({ emit, watch, identity }: SessionContext, dispatch: Dispatch, { job, next }: Changed): void {
  if (next === null) return;
  dispatch.ended(job.id);
  watch.forget(job.id);
  emit('job.ended', { job: job.id, agent: identity.agent, code: next.refusal ?? undefined, count: next.stored });
}

function outcomeOf(failure: 'stale' | 'unknown'): FrameOutcome {
  return failure === 'stale' ? stale : unknownJob;
}
