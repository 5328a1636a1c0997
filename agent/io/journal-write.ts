// One transaction of the journal: the changes, a counter raised by one, and a chain value over everything that was ever written. Nothing is
// overwritten with zeros when it is deleted: what stays on free pages is sealed.
import { createHash, type Hash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { integerOf } from './journal-columns.ts';
import { JournalError } from './journal-error.ts';
import type { RunChange } from '../local/run-log.ts';
import type { Write } from './journal-records.ts';
import { type RunTransaction, RunWriter } from './journal-runs.ts';
import type { Meta } from './journal-schema.ts';
import type { Place, Sealer } from './journal-seal.ts';

export interface Transaction {
  apply(write: Write): void;
  applyRun(change: RunChange): void;
  purge(nowMs: number): { readonly jobs: number; readonly entries: number };
  purgeRuns(nowMs: number): number;
  trimKept(maxBytes: number): number;
}

const jobKey = '(SELECT key FROM jobs WHERE id = ?)';

// An unknown job gives a NULL key, which the tables refuse: a row or an entry without its job would never be read or removed.
const statements = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  meta: 'UPDATE meta SET counter = ?, chain = ? WHERE id = 1',
  job: 'INSERT INTO jobs (id, phase, received_at, forget_at, counter, value) VALUES (?, ?, ?, ?, ?, ?)',
  replaceJob: 'UPDATE jobs SET phase = ?, received_at = ?, forget_at = ?, counter = ?, value = ? WHERE id = ?',
  jobState: 'UPDATE jobs SET phase = ?, forget_at = ?, counter = ?, value = ? WHERE id = ?',
  origin: `INSERT INTO origins (job, counter, value) VALUES (${jobKey}, ?, ?)
    ON CONFLICT (job) DO UPDATE SET counter = excluded.counter, value = excluded.value`,
  row: `INSERT INTO rows (job, row, counter, value) VALUES (${jobKey}, ?, ?, ?)`,
  progress: `INSERT INTO progress (job, row, counter, value)
    SELECT job, row, ?, ? FROM rows WHERE job = ${jobKey} AND row = ?
    ON CONFLICT (job, row) DO UPDATE SET counter = excluded.counter, value = excluded.value`,
  endProgress: `DELETE FROM progress WHERE job = ${jobKey} AND row = ?`,
  endRow: `DELETE FROM rows WHERE job = ${jobKey} AND row = ?`,
  dropProgress: `DELETE FROM progress WHERE job = ${jobKey}`,
  dropRows: `DELETE FROM rows WHERE job = ${jobKey}`,
  entry: `INSERT INTO entries (job, sequence, bytes, counter, value) VALUES (${jobKey}, ?, ?, ?, ?)`,
  ackedBytes: `SELECT coalesce(sum(bytes), 0) AS bytes FROM entries
    WHERE job = ${jobKey} AND sequence <= ? AND kept_until IS NULL`,
  deleteAcked: `DELETE FROM entries WHERE job = ${jobKey} AND sequence <= ? AND kept_until IS NULL`,
  keepAcked: `UPDATE entries SET kept_until = ? WHERE job = ${jobKey} AND sequence <= ? AND kept_until IS NULL`,
  fact: `INSERT INTO facts (name, counter, value) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET counter = excluded.counter, value = excluded.value`,
  purgeKept: 'DELETE FROM entries WHERE kept_until <= ?',
  // A job stays known as long as the host keeps an envelope of it: an operator finds envelopes by their job.
  forgettable: `SELECT key, id FROM jobs WHERE phase IN ('closed', 'rejected', 'quarantined') AND forget_at <= ?
    AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.job = jobs.key AND kept_until IS NOT NULL)`,
  keptBytes: 'SELECT coalesce(sum(bytes), 0) AS bytes FROM entries WHERE kept_until IS NOT NULL',
  oldestKept: `SELECT id, kept_until, bytes FROM entries WHERE kept_until IS NOT NULL ORDER BY kept_until, id`,
  dropKept: 'DELETE FROM entries WHERE kept_until IS NOT NULL AND (kept_until, id) <= (?, ?)',
  unackedBytes: 'SELECT coalesce(sum(bytes), 0) AS bytes FROM entries WHERE kept_until IS NULL',
  forgetEntries: 'DELETE FROM entries WHERE job = ?',
  forgetProgress: 'DELETE FROM progress WHERE job = ?',
  forgetRows: 'DELETE FROM rows WHERE job = ?',
  forgetOrigin: 'DELETE FROM origins WHERE job = ?',
  forgetJob: 'DELETE FROM jobs WHERE key = ?',
} as const;
type Prepared = Readonly<Record<keyof typeof statements, StatementSync>>;

export class JournalWriter {
  readonly #database: DatabaseSync;
  readonly #sealer: Sealer;
  readonly #sql: Prepared;
  readonly #runs: RunWriter;
  #counter: number;
  #chain: Uint8Array;
  #spoolBytes: number;
  #keptBytes: number;

  constructor(database: DatabaseSync, meta: Meta) {
    this.#database = database;
    this.#sealer = meta.sealer;
    this.#counter = meta.counter;
    this.#chain = meta.chain;
    this.#sql = prepareAll(database);
    this.#runs = new RunWriter(database);
    this.#spoolBytes = integerOf(this.#sql.unackedBytes.get(), 'bytes');
    this.#keptBytes = integerOf(this.#sql.keptBytes.get(), 'bytes');
  }

  get spoolBytes(): number {
    return this.#spoolBytes;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Runs `work` and makes it durable before it returns. @throws whatever failed, with nothing of it stored. */
  transaction(work: (transaction: Transaction) => void): void {
    const open = new OpenTransaction(
      { sql: this.#sql, runs: this.#runs },
      this.#sealer,
      this.#counter + 1,
      this.#chain,
    );
    this.#sql.begin.run();
    try {
      work(open);
      const chain = open.chain();
      this.#sql.meta.run(open.counter, chain);
      this.#sql.commit.run();
      this.#counter = open.counter;
      this.#chain = chain;
      // Summed only when a purge took entries that nobody had acknowledged, which a finished job does not have.
      this.#spoolBytes = open.recount
        ? integerOf(this.#sql.unackedBytes.get(), 'bytes')
        : this.#spoolBytes + open.spoolChange;
      this.#keptBytes = open.recountKept
        ? integerOf(this.#sql.keptBytes.get(), 'bytes')
        : this.#keptBytes + open.keptChange;
    } catch (error) {
      // SQLite may have rolled back already (disk full, I/O error).
      if (this.#database.isTransaction) this.#sql.rollback.run();
      throw error;
    }
  }
}

function prepareAll(database: DatabaseSync): Prepared {
  const pairs = Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(pairs) as Prepared;
}

class OpenTransaction implements Transaction {
  readonly counter: number;
  spoolChange = 0;
  keptChange = 0;
  recount = false;
  recountKept = false;
  readonly #sql: Prepared;
  readonly #runs: RunWriter;
  readonly #sealer: Sealer;
  readonly #hash: Hash;

  constructor({ sql, runs }: { sql: Prepared; runs: RunWriter }, sealer: Sealer, counter: number, chain: Uint8Array) {
    this.#sql = sql;
    this.#runs = runs;
    this.#sealer = sealer;
    this.counter = counter;
    this.#hash = createHash('sha256').update(chain).update(String(counter));
  }

  chain(): Uint8Array {
    return this.#hash.digest();
  }

  apply(write: Write): void {
    const sql = this.#sql;
    switch (write.kind) {
      case 'job':
      case 'job_replaced':
      case 'job_state':
        this.#job(write);
        break;
      case 'origin':
        sql.origin.run(write.job, this.counter, this.#seal('origin', write.job, 0, write.text));
        break;
      case 'row':
        sql.row.run(write.job, write.row, this.counter, this.#seal('row', write.job, write.row, write.text));
        break;
      case 'progress': {
        const value = this.#seal('progress', write.job, write.row, write.text);
        // Silence would lose the record that a mutating call needs before it leaves.
        oneChange(sql.progress.run(this.counter, value, write.job, write.row), `row ${write.row} of job ${write.job}`);
        break;
      }
      case 'row_ended':
        this.#note(write.kind, write.job, write.row);
        sql.endProgress.run(write.job, write.row);
        sql.endRow.run(write.job, write.row);
        break;
      case 'rows_dropped':
        this.#note(write.kind, write.job, 0);
        sql.dropProgress.run(write.job);
        sql.dropRows.run(write.job);
        break;
      case 'entry': {
        const value = this.#seal('entry', write.job, write.sequence, write.text);
        sql.entry.run(write.job, write.sequence, write.bytes, this.counter, value);
        this.spoolChange += write.bytes;
        break;
      }
      case 'entries_acked':
        this.#acked(write.job, write.through, write.keepUntil);
        break;
      case 'fact':
        sql.fact.run(write.name, this.counter, this.#seal('fact', write.name, 0, write.text));
        break;
      default:
        write satisfies never;
    }
  }

  purge(nowMs: number): { jobs: number; entries: number } {
    this.#note('purge', '', nowMs);
    const sql = this.#sql;
    let entries = Number(sql.purgeKept.run(nowMs).changes);
    this.recountKept = entries > 0;
    const forgotten = sql.forgettable.all(nowMs);
    for (const job of forgotten) {
      const key = integerOf(job, 'key');
      const left = Number(sql.forgetEntries.run(key).changes);
      if (left > 0) this.recount = true;
      entries += left;
      sql.forgetProgress.run(key);
      sql.forgetRows.run(key);
      sql.forgetOrigin.run(key);
      sql.forgetJob.run(key);
    }
    return { jobs: forgotten.length, entries };
  }

  applyRun(change: RunChange): void {
    this.#runs.apply(change, this.#forRuns());
  }

  purgeRuns(nowMs: number): number {
    return this.#runs.purge(nowMs, this.#forRuns());
  }

  #forRuns(): RunTransaction {
    return {
      counter: this.counter,
      seal: (table, owner, number, text) => this.#seal(table, owner, number, text),
      note: (what, owner, number) => this.#note(what, owner, number),
    };
  }

  trimKept(maxBytes: number): number {
    this.#note('trim_kept', '', maxBytes);
    this.recountKept = true;
    let left = integerOf(this.#sql.keptBytes.get(), 'bytes') - maxBytes;
    let last: { readonly until: number; readonly id: number } | null = null;
    if (left > 0) {
      for (const row of this.#sql.oldestKept.iterate()) {
        last = { until: integerOf(row, 'kept_until'), id: integerOf(row, 'id') };
        left -= integerOf(row, 'bytes');
        if (left <= 0) break;
      }
    }
    return last === null ? 0 : Number(this.#sql.dropKept.run(last.until, last.id).changes);
  }

  #job(write: Extract<Write, { readonly phase: string }>): void {
    const { job, phase, forgetAt } = write;
    const value = this.#seal('job', job, 0, write.text);
    if (write.kind === 'job') this.#sql.job.run(job, phase, write.receivedAt, forgetAt, this.counter, value);
    else if (write.kind === 'job_state')
      oneChange(this.#sql.jobState.run(phase, forgetAt, this.counter, value, job), `job ${job}`);
    else this.#sql.replaceJob.run(phase, write.receivedAt, forgetAt, this.counter, value, job);
  }

  /** Entries that an earlier ack keeps are left to their own time. */
  #acked(job: string, through: number, keepUntil: number | null): void {
    this.#note('entries_acked', job, through);
    const bytes = integerOf(this.#sql.ackedBytes.get(job, through), 'bytes');
    this.spoolChange -= bytes;
    if (keepUntil !== null) this.keptChange += bytes;
    if (keepUntil === null) this.#sql.deleteAcked.run(job, through);
    else this.#sql.keepAcked.run(keepUntil, job, through);
  }

  #seal(table: Place['table'], owner: string, number: number, text: string): Uint8Array {
    const sealed = this.#sealer.seal({ table, owner, number, counter: this.counter }, text);
    this.#note(table, owner, number);
    this.#hash.update(sealed);
    return sealed;
  }

  #note(what: string, owner: string, number: number): void {
    this.#hash.update(`\n${what} ${owner} ${number}\n`);
  }
}

function oneChange({ changes }: { readonly changes: number | bigint }, what: string): void {
  if (changes !== 1) throw new JournalError('failed', `${what} is not in the journal`);
}
