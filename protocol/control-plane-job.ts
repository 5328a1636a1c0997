// The control plane's side of one job, as a pure state machine; the state is durable, and `next` is committed before anything is sent.
//
//   queued ──signed, stored, sent──▶ sent ──job.accepted──▶ accepted ──job.finished, same head──▶ finished
//     │                                │ └─job.rejected──▶ rejected
//     │ ◀── token expired, and a live session whose hello lacks it ──┘
//     └─ cancel ▶ finished            sent, accepted ── job.quarantined ──▶ quarantined
import type { ErrorCode } from './error-codes.ts';
import type { Digest } from './ids.ts';

export const controlPlaneJobPhases = ['queued', 'sent', 'accepted', 'finished', 'rejected', 'quarantined'] as const;
export type ControlPlaneJobPhase = (typeof controlPlaneJobPhases)[number];

export interface ControlPlaneJob {
  readonly phase: ControlPlaneJobPhase;
  /** Digest of the token that stands for this job now; null while queued. */
  readonly tokenDigest: Digest | null;
  /** Entries 1 … stored are durable here, with this chain head. */
  readonly stored: number;
  readonly head: Digest;
  readonly cancelRequested: boolean;
  readonly refusal: ErrorCode | null;
}

export function isOpen(job: ControlPlaneJob): boolean {
  return job.phase === 'queued' || job.phase === 'sent' || job.phase === 'accepted';
}

export function queuedJob(chainStart: Digest): ControlPlaneJob {
  return { phase: 'queued', tokenDigest: null, stored: 0, head: chainStart, cancelRequested: false, refusal: null };
}

/** The token was signed and is stored with this state; the same bytes go on every re-send. */
export function onDispatch(job: ControlPlaneJob, tokenDigest: Digest): ControlPlaneJob | null {
  return job.phase === 'queued' && !job.cancelRequested ? { ...job, phase: 'sent', tokenDigest } : null;
}

export type HelloDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'send_token' }
  | { readonly kind: 'send_cancel' }
  | { readonly kind: 'send_rows'; readonly from: number; readonly next: ControlPlaneJob }
  /** The token can never be accepted any more: the work gets a new id and a new token. */
  | { readonly kind: 'requeue' };

/** What a live session owes this job, given what the agent's hello says that it holds. */
export function onHello(
  job: ControlPlaneJob,
  held: { tokenDigest: Digest | null; nextChunk: number | null } | undefined,
  token: { expired: boolean },
): HelloDecision {
  if (job.phase !== 'sent' && job.phase !== 'accepted') return { kind: 'nothing' };
  if (job.cancelRequested) return { kind: 'send_cancel' };
  if (held !== undefined && held.tokenDigest === job.tokenDigest) {
    return { kind: 'send_rows', from: held.nextChunk ?? Number.POSITIVE_INFINITY, next: { ...job, phase: 'accepted' } };
  }
  if (job.phase === 'accepted' || held !== undefined) return { kind: 'nothing' };
  return token.expired ? { kind: 'requeue' } : { kind: 'send_token' };
}

export function onAccepted(job: ControlPlaneJob, tokenDigest: Digest): ControlPlaneJob | null {
  return job.phase === 'sent' && job.tokenDigest === tokenDigest ? { ...job, phase: 'accepted' } : null;
}

export function onRejected(job: ControlPlaneJob, tokenDigest: Digest, refusal: ErrorCode): ControlPlaneJob | null {
  return job.phase === 'sent' && job.tokenDigest === tokenDigest ? { ...job, phase: 'rejected', refusal } : null;
}

export function onQuarantined(job: ControlPlaneJob, refusal: ErrorCode): ControlPlaneJob | null {
  return job.phase === 'sent' || job.phase === 'accepted' ? { ...job, phase: 'quarantined', refusal } : null;
}

export type ResultsDecision =
  /** Nothing new: answer with what is stored. */
  | { readonly kind: 'known' }
  /** Entries are missing between what is stored and what came, or the chain does not fit: the link is closed, and the reconnect heals it. */
  | { readonly kind: 'broken'; readonly code: ErrorCode }
  | { readonly kind: 'store'; readonly skip: number; readonly lost: number; readonly next: ControlPlaneJob };

/** `chain(head, skip)` is the head after the frame's entries without the first `skip`, starting from `head`. */
export function onResults(
  job: ControlPlaneJob,
  frame: { firstSequence: number; count: number; head: Digest; afterLoss: Digest | undefined },
  chain: (head: Digest, skip: number) => Digest,
): ResultsDecision {
  if (job.phase !== 'sent' && job.phase !== 'accepted') return { kind: 'known' };
  const last = frame.firstSequence + frame.count - 1;
  if (last <= job.stored) return { kind: 'known' };
  const lost = frame.firstSequence - job.stored - 1;
  if (lost > 0 && frame.afterLoss === undefined) return { kind: 'broken', code: 'frame_unexpected' };
  const skip = Math.max(0, -lost);
  const from = lost > 0 && frame.afterLoss !== undefined ? frame.afterLoss : job.head;
  if (chain(from, skip) !== frame.head) return { kind: 'broken', code: 'frame_malformed' };
  return {
    kind: 'store',
    skip,
    lost: Math.max(0, lost),
    next: { ...job, phase: 'accepted', stored: last, head: frame.head },
  };
}

/**
 * Finished only when every entry that the signed statement counts is stored here under the same head; a repeated statement gives the same
 * again, because its ack was lost. Null: not yet, or not this job. Any other value is answered with `job.finished.ack`.
 */
export function onFinished(
  job: ControlPlaneJob,
  statement: { tokenDigest: Digest | null; lastSequence: number; head: Digest },
): ControlPlaneJob | null {
  if (job.phase !== 'sent' && job.phase !== 'accepted' && job.phase !== 'finished') return null;
  const tombstone = statement.tokenDigest === null && job.cancelRequested;
  if (statement.tokenDigest !== job.tokenDigest && !tombstone) return null;
  if (statement.lastSequence !== job.stored || statement.head !== job.head) return null;
  return { ...job, phase: 'finished' };
}

/** A job that was never signed ends here; any other is asked of the agent. */
export function onCancelRequest(job: ControlPlaneJob): { next: ControlPlaneJob; send: boolean } {
  if (!isOpen(job)) return { next: job, send: false };
  if (job.phase === 'queued')
    return { next: { ...job, cancelRequested: true, phase: 'finished', refusal: 'cancelled' }, send: false };
  return { next: { ...job, cancelRequested: true }, send: true };
}
