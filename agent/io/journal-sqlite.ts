// The journal on node:sqlite: WAL, one sync a commit, everything a customer would miss sealed. It opens only after recovery has looked at every
// open job, so whoever holds a Journal may believe it. On the main thread on purpose: a commit blocks for one sync of the disk; the port is
// asynchronous so that a worker can take its place.
import type { DatabaseSync } from 'node:sqlite';
import type { Refusal } from '../../protocol/error-codes.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import type { Hashing } from '../../protocol/hashing.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { Change, Journal, JournalFacts, PendingRow, StoredEntry, StoredJob } from '../job/journal.ts';
import type { EntryBounds, RunChange, RunId, RunIntent, RunLog, StoredRun } from '../local/run-log.ts';
import { integerOf } from './journal-columns.ts';
import { isDamage, JournalError } from './journal-error.ts';
import { closeFile, openFailure, openFile } from './journal-file.ts';
import { GroupCommit } from './journal-group.ts';
import { JournalReader } from './journal-read.ts';
import { jobWrites, writesOf, type Write } from './journal-records.ts';
import { RunReader } from './journal-runs.ts';
import { findDamage, type JournalRecovery } from './journal-recovery.ts';
import { migrate, readMeta } from './journal-schema.ts';
import { JournalWriter } from './journal-write.ts';

export interface JournalOptions {
  /** Made with mode 0700 when it is absent. */
  readonly directory: string;
  /** 32 bytes; the sealing keys are derived from it. */
  readonly key: Uint8Array;
  readonly hashing: Hashing;
  readonly now: () => number;
}

export interface OpenedJournal {
  readonly kind: 'opened';
  readonly journal: Journal & RunLog;
  readonly recovery: JournalRecovery;
}

/** Refusals: state_locked, state_damaged. */
export async function openJournal(options: JournalOptions): Promise<OpenedJournal | Refusal> {
  let database: DatabaseSync | null = null;
  try {
    database = openFile(options.directory);
    const opened = await recover(database, options);
    if (isRefusal(opened)) closeFile(database, options.directory);
    return opened;
  } catch (error) {
    if (database !== null) closeFile(database, options.directory);
    if (isDamage(error) || isOfTheSystem(error)) return openFailure(options.directory, error);
    throw error;
  }
}

/** SQLite's and the file system's errors; anything else is a bug of this program. */
function isOfTheSystem(error: unknown): error is Error {
  return error instanceof Error && ('errcode' in error || 'syscall' in error);
}

async function recover(database: DatabaseSync, options: JournalOptions): Promise<OpenedJournal | Refusal> {
  const refusal = migrate(database, options.key);
  if (refusal !== null) return refusal;
  const meta = readMeta(database, options.key);
  if (isRefusal(meta)) return meta;
  const { hashing, now, directory } = options;
  const reader = new JournalReader(database, meta.sealer);
  const writer = new JournalWriter(database, meta);
  const runs = new RunReader(database, meta.sealer);
  const journal = new SqliteJournal(database, directory, { reader, runs, writer });
  const found = await findDamage({ database, reader, hashing, counter: meta.counter, now });
  if (found.length > 0) await journal.write(found.flatMap(({ record }) => jobWrites('job_replaced', record)));
  const damagedRuns = runs.damaged(meta.counter, now());
  if (damagedRuns.length > 0) await journal.commitRuns(damagedRuns.map((run) => ({ kind: 'run', run })));
  return {
    kind: 'opened',
    journal,
    recovery: {
      jobs: total(database, "count(*) AS count FROM jobs WHERE phase NOT IN ('closed', 'rejected')"),
      rows: total(database, 'coalesce(sum(count), 0) AS count FROM rows'),
      entries: total(database, 'coalesce(sum(count), 0) AS count FROM entries WHERE kept_until IS NULL'),
      damaged: found.map(({ job, detail }) => ({ job, detail })),
      at: { counter: meta.counter, chain: Buffer.from(meta.chain).toString('hex') },
    },
  };
}

function total(database: DatabaseSync, selected: string): number {
  return integerOf(database.prepare(`SELECT ${selected}`).get(), 'count');
}

class SqliteJournal implements Journal, RunLog {
  readonly #database: DatabaseSync;
  readonly #directory: string;
  readonly #reader: JournalReader;
  readonly #runs: RunReader;
  readonly #writer: JournalWriter;
  readonly #group: GroupCommit;

  constructor(
    database: DatabaseSync,
    directory: string,
    { reader, runs, writer }: { reader: JournalReader; runs: RunReader; writer: JournalWriter },
  ) {
    this.#database = database;
    this.#directory = directory;
    this.#reader = reader;
    this.#runs = runs;
    this.#writer = writer;
    this.#group = new GroupCommit((work) => writer.transaction(work));
  }

  async commit(changes: readonly Change[], options = { mayWait: false }): Promise<void> {
    await this.write(changes.flatMap(writesOf), options);
  }

  /** For recovery, which replaces records that the port never replaces. */
  async write(writes: readonly Write[], options = { mayWait: false }): Promise<void> {
    await this.#group.add((transaction) => {
      for (const write of writes) transaction.apply(write);
    }, options);
  }

  async facts(): Promise<JournalFacts> {
    return this.#read().facts();
  }

  async job(id: JobId): Promise<StoredJob | null> {
    return this.#read().job(id);
  }

  async openJobs(): Promise<readonly StoredJob[]> {
    return this.#read().openJobs();
  }

  async recentJobs(count: number): Promise<readonly StoredJob[]> {
    return this.#read().recentJobs(count);
  }

  async pendingRows(job: JobId, afterRow: number, count: number): Promise<readonly PendingRow[]> {
    return this.#read().pendingRows(job, afterRow, count);
  }

  async entries(
    job: JobId,
    fromSequence: number,
    bounds: { readonly maxCount: number; readonly maxBytes: number },
  ): Promise<readonly StoredEntry[]> {
    return this.#read().entries(job, fromSequence, bounds);
  }

  async firstHeld(job: JobId, fromSequence: number): Promise<number | null> {
    return this.#read().firstHeld(job, fromSequence);
  }

  async headAt(job: JobId, sequence: number): Promise<Digest | null> {
    return this.#read().headAt(job, sequence);
  }

  spoolBytes(): number {
    return this.#writer.spoolBytes;
  }

  keptBytes(): number {
    return this.#writer.keptBytes;
  }

  async trimKept(maxBytes: number): Promise<number> {
    return this.#group.add((transaction) => transaction.trimKept(maxBytes));
  }

  async purge(nowMs: number): Promise<{ readonly jobs: number; readonly entries: number }> {
    return this.#group.add((transaction) => transaction.purge(nowMs));
  }

  async commitRuns(changes: readonly RunChange[]): Promise<void> {
    await this.#group.add((transaction) => {
      for (const change of changes) transaction.applyRun(change);
    });
  }

  async run(id: RunId): Promise<StoredRun | null> {
    return this.#runReader().run(id);
  }

  async openRuns(): Promise<readonly StoredRun[]> {
    return this.#runReader().openRuns();
  }

  async recentRuns(count: number): Promise<readonly StoredRun[]> {
    return this.#runReader().recentRuns(count);
  }

  async runIntents(id: RunId): Promise<readonly RunIntent[]> {
    return this.#runReader().runIntents(id);
  }

  async runEntries(id: RunId, from: number, bounds: EntryBounds): Promise<readonly string[]> {
    return this.#runReader().runEntries(id, from, bounds);
  }

  async purgeRuns(nowMs: number): Promise<number> {
    return this.#group.add((transaction) => transaction.purgeRuns(nowMs));
  }

  async close(): Promise<void> {
    this.#group.close();
    closeFile(this.#database, this.#directory);
  }

  #read(): JournalReader {
    this.#checkOpen();
    return this.#reader;
  }

  #runReader(): RunReader {
    this.#checkOpen();
    return this.#runs;
  }

  #checkOpen(): void {
    if (!this.#database.isOpen) throw new JournalError('closed', 'the journal was closed');
  }
}
