// The journal port: what the agent must still know after a crash. Changes are data, so the memory twin and the SQLite adapter keep one
// meaning (test/contract/journal.ts runs on both). A promise of `commit` resolves only when its changes would survive a loss of power.
import type { AgentJob } from '../../protocol/agent-job.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import type { Json } from '../../protocol/json.ts';
import type { RowOutcome } from '../../protocol/result-envelope.ts';

export type RowCounts = Readonly<Partial<Record<RowOutcome, number>>>;

export interface StoredJob {
  readonly id: JobId;
  readonly state: AgentJob;
  /** Null for a tombstone. */
  readonly claims: JobClaims | null;
  /** Id of the key that signed the token; null for a tombstone. */
  readonly kid: string | null;
  readonly outcomes: RowCounts;
  /** The signed finished statement, made once: the same bytes go on every re-send. */
  readonly statement: string | null;
  readonly receivedAt: number;
  /** When the record may be forgotten (milliseconds since the epoch), if its phase is closed, rejected or quarantined. */
  readonly forgetAt: number;
}

/** Durable progress of a row that has started and has not ended. */
export interface RowProgress {
  /** Envelopes of this row that are in the journal already. */
  readonly items: number;
  /** Where a listing goes on; null before its first page. */
  readonly marker: string | null;
  /** Set, durably, before a call that changes something leaves; null otherwise. A row found with it is read back, never run again. */
  readonly intent: { readonly call: Json; readonly record: Json } | null;
}

export interface PendingRow {
  readonly row: number;
  readonly line: string;
  readonly progress: RowProgress | null;
}

export interface StoredEntry {
  readonly sequence: number;
  readonly line: string;
  /** Chain head after this entry. */
  readonly head: Digest;
}

export type Change =
  /** A new job. */
  | { readonly kind: 'job'; readonly job: StoredJob }
  /** What changes in a known job; its claims never do, so a row's end does not write them again. */
  | ({ readonly kind: 'job_state'; readonly job: JobId } & Pick<
      StoredJob,
      'state' | 'outcomes' | 'statement' | 'forgetAt'
    >)
  /** Rows of one chunk, numbered from `firstRow`; each stays until `row_ended`. */
  | { readonly kind: 'rows'; readonly job: JobId; readonly firstRow: number; readonly lines: readonly string[] }
  | { readonly kind: 'row_progress'; readonly job: JobId; readonly row: number; readonly progress: RowProgress }
  | { readonly kind: 'row_ended'; readonly job: JobId; readonly row: number }
  /** Every row of the job that is still there. */
  | { readonly kind: 'rows_dropped'; readonly job: JobId }
  | { readonly kind: 'entries'; readonly job: JobId; readonly entries: readonly StoredEntry[] }
  /** Entries up to `through` are stored at the control plane: removed now, or kept readable on the host until `keepUntil`. */
  | {
      readonly kind: 'entries_acked';
      readonly job: JobId;
      readonly through: number;
      readonly keepUntil: number | null;
    }
  | { readonly kind: 'session_counter'; readonly value: number }
  | { readonly kind: 'high_water'; readonly atMs: number }
  | { readonly kind: 'key_set'; readonly keySet: Json };

export interface JournalFacts {
  readonly sessionCounter: number;
  readonly highWaterMs: number;
  /** The newest key set applied after pairing; null when none was. */
  readonly keySet: Json | null;
}

export interface Journal {
  /**
   * All or nothing, in the order of the calls; calls made in one turn of the event loop share one sync. One that `mayWait` takes its place too,
   * but joins the sync of the next that may not, at most 20 ms later: for what no promise waits for.
   */
  commit(changes: readonly Change[], options?: { readonly mayWait: boolean }): Promise<void>;
  facts(): Promise<JournalFacts>;
  job(id: JobId): Promise<StoredJob | null>;
  /** Jobs that are not closed and not rejected, oldest first. */
  openJobs(): Promise<readonly StoredJob[]>;
  /** Every job that is remembered, newest first. */
  recentJobs(count: number): Promise<readonly StoredJob[]>;
  /** At most `count` rows after `afterRow` that have not ended, in order (-1: from the first). */
  pendingRows(job: JobId, afterRow: number, count: number): Promise<readonly PendingRow[]>;
  /** Entries from `fromSequence` on, acknowledged and kept ones too, in order; at least one if there is one, whatever `maxBytes` is. */
  entries(
    job: JobId,
    fromSequence: number,
    bounds: { readonly maxCount: number; readonly maxBytes: number },
  ): Promise<readonly StoredEntry[]>;
  /** The lowest sequence >= `fromSequence` that is still on the host; null when none is. */
  firstHeld(job: JobId, fromSequence: number): Promise<number | null>;
  /** Chain head after `sequence`, if that entry is still here. */
  headAt(job: JobId, sequence: number): Promise<Digest | null>;
  /** Bytes of entries that were not acknowledged. */
  spoolBytes(): number;
  /** Bytes of entries that were acknowledged and are kept. */
  keptBytes(): number;
  /**
   * Removes kept entries, those first whose time is over first, until at most `maxBytes` of them are left; a few more when they were committed
   * together. Returns how many it removed.
   */
  trimKept(maxBytes: number): Promise<number>;
  /** Forgets closed, rejected and quarantined jobs whose `forgetAt` has come, and kept entries whose time is over. Returns how many of each. */
  purge(nowMs: number): Promise<{ readonly jobs: number; readonly entries: number }>;
  close(): Promise<void>;
}
