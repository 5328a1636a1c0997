// One open job in memory, always at or ahead of its record on disk: the state changes at once, so that entries made side by side get their
// places in the chain, and each promise resolves when the change is durable. Nothing is sent, and no call leaves, before that.
import { type AgentJob, onEntries } from '../../protocol/agent-job.ts';
import { chainNext } from '../../protocol/digest-chain.ts';
import type { Refusal } from '../../protocol/error-codes.ts';
import type { FinishedClaims, FinishedStatus } from '../../protocol/finished-statement.ts';
import type { Hashing } from '../../protocol/hashing.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { type RowOutcome, rowEndLine } from '../../protocol/result-envelope.ts';
import { Bell } from './bell.ts';
import { RecentEntries } from './recent-entries.ts';
import type { Change, Journal, RowCounts, RowProgress, StoredEntry, StoredJob } from './journal.ts';
import type { Plan } from './plan.ts';

export interface RecordPorts {
  readonly journal: Journal;
  readonly hashing: Hashing;
  /** Told whenever entries or a finished statement became durable. */
  readonly onDurable: (job: JobRecord) => void;
  readonly onFault: (error: unknown) => void;
  readonly sign: (facts: FinishedFacts) => string;
}

/** A row that ended: what goes into the sequence for it. */
export interface EndedRow {
  readonly row: number;
  readonly lines: readonly string[];
  readonly items: number;
  readonly outcome: RowOutcome;
}

export interface EntryBounds {
  readonly maxCount: number;
  readonly maxBytes: number;
}

export class JobRecord {
  readonly id: JobId;
  readonly claims: JobClaims | null;
  readonly kid: string | null;
  /** What rows are run with; a refusal when the host no longer allows the job. */
  readonly plan: Plan | Refusal | null;
  /** Rung when rows came or the job's state changed: the job's runner looks again. */
  readonly changed = new Bell();
  /** What was written lately, durable or about to be: it is nearly always what is sent and acknowledged next. */
  readonly #recent = new RecentEntries();
  /** How often the next chunk came and was not the signed one. */
  badChunks = 0;
  /** What its runner waits for, when that is not a row's end: rows to come, or room for results. */
  waitsFor: 'rows' | 'spool' | null = null;
  #rowsRefusal: Refusal | null = null;
  #consumed = 0;
  #consumedRows = 0;
  #first = { chunk: 0, row: 0 };
  #stored: StoredJob;
  #durableThrough: number;
  #telling = false;
  readonly #ports: RecordPorts;

  constructor(stored: StoredJob, plan: Plan | Refusal | null, ports: RecordPorts) {
    this.id = stored.id;
    this.claims = stored.claims;
    this.kid = stored.kid;
    this.plan = plan;
    this.#stored = stored;
    this.#durableThrough = stored.state.produced;
    this.#ports = ports;
  }

  get state(): AgentJob {
    return this.#stored.state;
  }

  get outcomes(): RowCounts {
    return this.#stored.outcomes;
  }

  get statement(): string | null {
    return this.#stored.statement;
  }

  get receivedAt(): number {
    return this.#stored.receivedAt;
  }

  /** Entries up to here survive a loss of power, so they may be sent. */
  get durableThrough(): number {
    return this.#durableThrough;
  }

  /** Row chunks taken whose rows have not all ended, counted as if rows ended in order. */
  get bufferedChunks(): number {
    const chunks = this.claims?.rows.chunks ?? [];
    for (
      let size = chunks[this.#consumed]?.rows;
      size !== undefined && this.#consumedRows + size <= this.state.endedRows;
    ) {
      this.#consumedRows += size;
      this.#consumed += 1;
      size = chunks[this.#consumed]?.rows;
    }
    return Math.max(0, this.state.nextChunk - this.#consumed);
  }

  /** Set when the rows that come are not the signed ones, however often they are asked for: no row starts any more. */
  get rowsRefusal(): Refusal | null {
    return this.#rowsRefusal;
  }

  refuseRows(refusal: Refusal): void {
    this.#rowsRefusal = refusal;
    this.changed.ring();
  }

  /** Index of the first row of a chunk. Chunks come in order, so each is counted once. */
  firstRowOf(chunk: number): number {
    if (chunk < this.#first.chunk) this.#first = { chunk: 0, row: 0 };
    while (this.#first.chunk < chunk) {
      this.#first.row += this.claims?.rows.chunks[this.#first.chunk]?.rows ?? 0;
      this.#first.chunk += 1;
    }
    return this.#first.row;
  }

  /** Takes `next` and makes it durable together with `changes`. */
  async become(next: AgentJob, changes: readonly Change[] = [], more: Partial<StoredJob> = {}): Promise<void> {
    this.#stored = { ...this.#stored, ...more, state: next };
    this.#recent.forget(next.acked);
    this.changed.ring();
    await this.#ports.journal.commit([...changes, this.#stateChange()]);
  }

  /** Takes `next`, in which entries are acknowledged, at once. Nobody waits for the disk: a lost acknowledgement only sends entries again. */
  async acknowledge(next: AgentJob, acked: Change): Promise<void> {
    this.#stored = { ...this.#stored, state: next };
    this.#recent.forget(next.acked);
    await this.#ports.journal.commit([acked, this.#stateChange()], { mayWait: true });
  }

  /** Rows of the next chunk, with the state that counts them. */
  async storeRows(next: AgentJob, firstRow: number, lines: readonly string[]): Promise<void> {
    this.badChunks = 0;
    await this.become(next, [{ kind: 'rows', job: this.id, firstRow, lines }]);
    this.changed.ring();
  }

  async progress(row: number, lines: readonly string[], progress: RowProgress): Promise<void> {
    const note: Change = { kind: 'row_progress', job: this.id, row, progress };
    if (lines.length === 0) await this.#ports.journal.commit([note]);
    else await this.#append(lines, [], [note]);
  }

  /** Ends rows: their last lines, their row_ends and their counts in one commit. `next` adds what else changes in the state. */
  async end(rows: readonly EndedRow[], next: (state: AgentJob) => AgentJob = (state) => state): Promise<void> {
    const lines = rows.flatMap((ended) => [...ended.lines, rowEndLine(ended.row, ended.items, ended.outcome)]);
    const changes = rows.map(({ row }): Change => ({ kind: 'row_ended', job: this.id, row }));
    await this.#append(lines, rows, changes, next);
  }

  async #append(
    lines: readonly string[],
    ended: readonly EndedRow[],
    changes: readonly Change[],
    next: (state: AgentJob) => AgentJob = (state) => state,
  ): Promise<void> {
    const { hashing, journal } = this.#ports;
    const entries: StoredEntry[] = [];
    let { head, produced: sequence } = this.state;
    for (const line of lines) {
      head = chainNext(hashing, head, line);
      sequence += 1;
      entries.push({ sequence, line, head });
    }
    const outcomes: Partial<Record<RowOutcome, number>> = { ...this.outcomes };
    for (const { outcome } of ended) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    const state = next(onEntries(this.state, { count: lines.length, head, endedRows: ended.length }));
    this.#stored = { ...this.#stored, state, outcomes };
    // With the last row's end, so that both are one commit and leave together.
    if (state.phase === 'finished') this.#stored = { ...this.#stored, statement: this.#lastWord() };
    this.#recent.add(entries);
    await journal.commit([{ kind: 'entries', job: this.id, entries }, ...changes, this.#stateChange()]);
    this.#durableThrough = Math.max(this.#durableThrough, sequence);
    this.#tellDurable();
  }

  /** Once for all rows whose ends came on disk together, so that they leave in one frame. */
  #tellDurable(): void {
    if (this.#telling) return;
    this.#telling = true;
    const tell = (): void => {
      this.#telling = false;
      this.#ports.onDurable(this);
    };
    Promise.resolve().then(tell).catch(this.#ports.onFault);
  }

  /** Signs the last word of a job without rows, whose last row brought none; the signed bytes are durable before anyone sees them. */
  async finish(): Promise<void> {
    if (this.state.phase !== 'finished' || this.statement !== null) return;
    await this.become(this.state, [], { statement: this.#lastWord() });
    this.#ports.onDurable(this);
  }

  #lastWord(): string {
    const { id, state, outcomes } = this;
    const { tokenDigest: token_digest, produced: last_sequence, head } = state;
    const status = statusOf(state, outcomes);
    return this.#ports.sign({ jti: id, token_digest, status, rows: outcomes, last_sequence, head });
  }

  /** Durable entries from `sequence` on, within the bounds; from the journal when they are not in memory any more. */
  async entriesFrom(sequence: number, bounds: EntryBounds): Promise<readonly StoredEntry[]> {
    const maxCount = Math.min(bounds.maxCount, this.#durableThrough - sequence + 1);
    return (
      this.#recent.from(sequence, { ...bounds, maxCount }) ?? this.#ports.journal.entries(this.id, sequence, bounds)
    );
  }

  /** The chain head after `sequence`, for the pure state machine, which asks for one at most. */
  async headAt(sequence: number): Promise<(asked: number) => Digest | undefined> {
    const recent = sequence === this.state.produced ? this.state.head : this.#recent.headAt(sequence);
    const head = recent ?? (await this.#ports.journal.headAt(this.id, sequence));
    return (asked) => (asked === sequence ? (head ?? undefined) : undefined);
  }

  #stateChange(): Change {
    const { state, outcomes, statement, forgetAt } = this.#stored;
    return { kind: 'job_state', job: this.id, state, outcomes, statement, forgetAt };
  }
}

export type FinishedFacts = Omit<FinishedClaims, 'iss' | 'aud' | 'iat'>;

/** Rows that count as failed where one failure matters: for `on_error: stop`, and for whoever watches. */
export function failedRows({ failed = 0, refused = 0, unknown = 0 }: RowCounts): number {
  return failed + refused + unknown;
}

function statusOf(state: AgentJob, outcomes: RowCounts): FinishedStatus {
  if (state.cancelled) return 'cancelled';
  if ((outcomes.expired ?? 0) > 0) return 'expired';
  return (outcomes.stopped ?? 0) > 0 ? 'stopped' : 'completed';
}

/** What is said of a job that has ended. */
export function finishedFields({ id, claims, state, outcomes, receivedAt }: JobRecord, nowMs: number) {
  const { action, connection } = claims ?? {};
  const { rows, produced: entries } = state;
  const outcome = statusOf(state, outcomes);
  const failed = failedRows(outcomes);
  return { job: id, action, connection, outcome, rows, failed, entries, durationMs: nowMs - receivedAt };
}
