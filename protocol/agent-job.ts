// The agent's side of one job, as a pure state machine. The state is durable: whoever runs this commits `next` (with the rows or entries
// that belong to it) BEFORE it sends a reply or starts a call. test/protocol/model explores it together with control-plane-job.ts.
//
//            token verified                     last row_end                 finished.ack
//   (none) ─────────────────▶ accepted ───────────────────────▶ finished ─────────────────▶ closed
//     │ └── refused ───────▶ rejected                               ▲
//     └──── cancel ─────────────────────── tombstone: no rows ──────┘
//   accepted, finished ── the control plane holds entries that the host does not ──▶ quarantined (nothing runs)
import type { ErrorCode } from './error-codes.ts';
import type { Digest } from './ids.ts';

export const agentJobPhases = ['accepted', 'finished', 'closed', 'rejected', 'quarantined'] as const;
export type AgentJobPhase = (typeof agentJobPhases)[number];

export interface AgentJob {
  readonly phase: AgentJobPhase;
  /** Null for a tombstone: cancelled before the token came. */
  readonly tokenDigest: Digest | null;
  readonly rows: number;
  readonly chunks: number;
  /** Row chunks 0 … nextChunk-1 are on disk. */
  readonly nextChunk: number;
  /** Rows that have their row_end. */
  readonly endedRows: number;
  /** Highest sequence made, and the chain head over all entries up to it. */
  readonly produced: number;
  readonly head: Digest;
  /** Entries up to here are stored at the control plane and may be gone from the host; the chain head there. */
  readonly acked: number;
  readonly ackedHead: Digest;
  readonly cancelled: boolean;
  readonly refusal: ErrorCode | null;
}

export type AgentReply = 'accepted' | 'rejected' | 'finished' | 'quarantined';

export interface TokenFacts {
  readonly digest: Digest;
  readonly rows: number;
  readonly chunks: number;
  readonly chainStart: Digest;
}

/** What to answer for a job as it stands: duplicates and lost answers heal through this. */
export function presentState(job: AgentJob): readonly AgentReply[] {
  switch (job.phase) {
    case 'accepted':
      return ['accepted'];
    case 'finished':
    case 'closed':
      return job.tokenDigest === null ? ['finished'] : ['accepted', 'finished'];
    case 'rejected':
      return ['rejected'];
    case 'quarantined':
      return ['quarantined'];
    default:
      return job.phase satisfies never;
  }
}

/** A known id. `replayed`: same id, another token. Null: the id is new, so time and policy decide. */
export function onKnownToken(
  job: AgentJob | undefined,
  digest: Digest,
): { replies: readonly AgentReply[] } | 'replayed' | null {
  if (job === undefined) return null;
  if (job.tokenDigest !== null && job.tokenDigest !== digest) return 'replayed';
  return { replies: presentState(job) };
}

export function acceptJob(token: TokenFacts): AgentJob {
  return {
    phase: token.rows === 0 ? 'finished' : 'accepted',
    tokenDigest: token.digest,
    rows: token.rows,
    chunks: token.chunks,
    nextChunk: 0,
    endedRows: 0,
    produced: 0,
    head: token.chainStart,
    acked: 0,
    ackedHead: token.chainStart,
    cancelled: false,
    refusal: null,
  };
}

/** Refusals of verified tokens are durable too: a duplicate that comes after a policy change must not run a job that was reported refused. */
export function rejectJob(token: TokenFacts, refusal: ErrorCode): AgentJob {
  return { ...acceptJob(token), phase: 'rejected', refusal };
}

export type RowsDecision =
  | { readonly kind: 'ignore' }
  | { readonly kind: 'request'; readonly chunk: number }
  | { readonly kind: 'store'; readonly next: AgentJob };

/** A row chunk whose digest was (`digestMatches`) or was not the signed one. Only the next chunk in order is stored. */
export function onRows(job: AgentJob | undefined, chunk: number, digestMatches: boolean): RowsDecision {
  if (job === undefined || job.phase !== 'accepted' || job.nextChunk >= job.chunks || chunk < job.nextChunk)
    return { kind: 'ignore' };
  if (chunk > job.nextChunk || !digestMatches) return { kind: 'request', chunk: job.nextChunk };
  return { kind: 'store', next: { ...job, nextChunk: job.nextChunk + 1 } };
}

/** `count` entries ending at `head` were made, and with them `endedRows` rows ended. The last one finishes the job. */
export function onEntries(job: AgentJob, made: { count: number; head: Digest; endedRows: number }): AgentJob {
  const endedRows = job.endedRows + made.endedRows;
  return {
    ...job,
    produced: job.produced + made.count,
    head: made.head,
    endedRows,
    phase: job.phase === 'accepted' && endedRows === job.rows ? 'finished' : job.phase,
  };
}

export type AckDecision =
  | { readonly kind: 'ignore' }
  | { readonly kind: 'head_mismatch' }
  | { readonly kind: 'quarantine'; readonly next: AgentJob }
  | { readonly kind: 'delete'; readonly through: number; readonly next: AgentJob };

/** A cancelled, expired or stopped job does not wait for the rows that did not come: the next chunk's rows end unread. */
export function skipChunk(job: AgentJob): AgentJob {
  return job.nextChunk < job.chunks ? { ...job, nextChunk: job.nextChunk + 1 } : job;
}

/** An entry is deleted only after an ack whose head is ours at that sequence. */
export function onAck(
  job: AgentJob | undefined,
  ack: { sequence: number; head: Digest },
  headAt: (sequence: number) => Digest | undefined,
): AckDecision {
  if (job === undefined || !holdsResults(job) || ack.sequence <= job.acked) return { kind: 'ignore' };
  if (ack.sequence > job.produced) return { kind: 'quarantine', next: quarantine(job) };
  if (headAt(ack.sequence) !== ack.head) return { kind: 'head_mismatch' };
  return { kind: 'delete', through: ack.sequence, next: { ...job, acked: ack.sequence, ackedHead: ack.head } };
}

export type WelcomeDecision =
  /** The host lost its record; `next` is kept in its place, so that neither a late token nor a cancel makes the job run or finish. */
  | { readonly kind: 'unknown'; readonly next: AgentJob }
  | { readonly kind: 'quarantine'; readonly next: AgentJob }
  | { readonly kind: 'nothing' }
  /** `lost`: the control plane asks for entries that it had acknowledged; what is still here goes again. */
  | {
      readonly kind: 'resume';
      readonly next: AgentJob;
      readonly from: number;
      readonly lost: boolean;
      readonly replies: readonly AgentReply[];
    };

/**
 * What the control plane said at `welcome` that it holds. No job runs before this was answered: a control plane that holds more than the host,
 * or something else, shows that the journal went back in time.
 */
export function onWelcome(
  job: AgentJob | undefined,
  stored: { sequence: number; head: Digest } | undefined,
  headAt: (sequence: number) => Digest | undefined,
): WelcomeDecision {
  if (job === undefined)
    return stored === undefined ? { kind: 'nothing' } : { kind: 'unknown', next: lostRecord(stored.head) };
  if (job.phase === 'quarantined' && stored !== undefined) return { kind: 'quarantine', next: job };
  // A closed job that is still open over there: a control plane that lost its newest results asks again.
  if (!holdsResults(job) && !(job.phase === 'closed' && stored !== undefined)) return { kind: 'nothing' };
  const sequence = stored?.sequence ?? 0;
  if (sequence > job.produced) return { kind: 'quarantine', next: quarantine(job) };
  const replies = presentState(job);
  if (sequence < job.acked) return { kind: 'resume', next: job, from: job.acked + 1, lost: true, replies };
  const head = sequence === job.acked ? job.ackedHead : headAt(sequence);
  if (stored !== undefined && head !== stored.head) return { kind: 'quarantine', next: quarantine(job) };
  const next = stored === undefined ? job : { ...job, acked: sequence, ackedHead: stored.head };
  return { kind: 'resume', next, from: next.acked + 1, lost: false, replies };
}

/** Cancel has its own lane: it may come before the token, and then leaves a tombstone so that the late token does not run. */
export function onCancel(
  job: AgentJob | undefined,
  chainStart: Digest,
): { next: AgentJob; replies: readonly AgentReply[] } {
  if (job === undefined) {
    const tombstone: AgentJob = { ...withoutToken(chainStart), cancelled: true };
    return { next: tombstone, replies: presentState(tombstone) };
  }
  if (job.phase === 'accepted') return { next: { ...job, cancelled: true }, replies: [] };
  return { next: job, replies: presentState(job) };
}

/** The control plane stored the whole job under the same head: nothing of it has to be sent again. */
export function onFinishedAck(job: AgentJob | undefined, head: Digest): AgentJob | null {
  if (job === undefined || job.phase !== 'finished' || head !== job.head) return null;
  return { ...job, phase: 'closed', acked: job.produced, ackedHead: job.head };
}

/** May a row of this job be started? */
export function mayRun(job: AgentJob): boolean {
  return job.phase === 'accepted' && !job.cancelled;
}

function holdsResults(job: AgentJob): boolean {
  return job.phase === 'accepted' || job.phase === 'finished';
}

/** A job whose token is not on the host has no rows, so it counts as finished. */
function withoutToken(head: Digest): AgentJob {
  return { ...acceptJob({ digest: head, rows: 0, chunks: 0, chainStart: head }), tokenDigest: null };
}

function lostRecord(head: Digest): AgentJob {
  return quarantine(withoutToken(head));
}

function quarantine(job: AgentJob): AgentJob {
  return { ...job, phase: 'quarantined', refusal: 'journal_rolled_back' };
}
