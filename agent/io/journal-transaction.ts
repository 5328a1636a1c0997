// One transaction of the journal: the changes in the order they came, but for what is written once at its end: a job's newest state, and
// blocks of entries and of rows. Nothing is overwritten with zeros when it is deleted: what stays on free pages is sealed.
import { createHash, type Hash } from 'node:crypto';
import { belongsTo, type Block, blockEntries, blockText } from './journal-blocks.ts';
import { blobOf, integerOf, type ResultRow } from './journal-columns.ts';
import { JournalError } from './journal-error.ts';
import type { StoredEntry } from '../job/journal.ts';
import type { RunChange } from '../local/run-log.ts';
import { standingText, type Write } from './journal-records.ts';
import { RowBlocks } from './journal-row-blocks.ts';
import { type RunTransaction, type RunWriter } from './journal-runs.ts';
import type { Place, Sealer } from './journal-seal.ts';
import type { Prepared } from './journal-statements.ts';

export interface Transaction {
  apply(write: Write): void;
  applyRun(change: RunChange): void;
  purge(nowMs: number): { readonly jobs: number; readonly entries: number };
  purgeRuns(nowMs: number): number;
  trimKept(maxBytes: number): number;
}

interface Before {
  readonly counter: number;
  readonly chain: Uint8Array;
  /** Whether any row has progress: nearly none has, and then none is looked for when a row ends. */
  readonly anyProgress: boolean;
}

type JobWrite = Extract<Write, { readonly phase: string }>;

export class OpenTransaction implements Transaction {
  readonly counter: number;
  spoolChange = 0;
  keptChange = 0;
  recount = false;
  recountKept = false;
  readonly #sql: Prepared;
  readonly #runs: RunWriter;
  readonly #sealer: Sealer;
  readonly #hash: Hash;
  readonly #rows: RowBlocks;
  anyProgress: boolean;
  /** The newest state of each job, when it changed. */
  readonly #states = new Map<string, JobWrite>();
  #block: Block | null = null;

  constructor({ sql, runs }: { sql: Prepared; runs: RunWriter }, sealer: Sealer, before: Before) {
    this.#sql = sql;
    this.#runs = runs;
    this.#sealer = sealer;
    this.counter = before.counter + 1;
    this.anyProgress = before.anyProgress;
    this.#hash = createHash('sha256').update(before.chain).update(String(this.counter));
    const seal = (job: string, first: number, text: string): Uint8Array => this.#seal('row', job, first, text);
    this.#rows = new RowBlocks({ sql, sealer, counter: this.counter, seal });
  }

  /** Writes what waited for the end, and gives the chain value. */
  finish(): Uint8Array {
    this.#flush();
    return this.#hash.digest();
  }

  #flush(): void {
    this.#endBlock();
    this.#rows.flush();
    for (const state of this.#states.values()) this.#job(state);
    this.#states.clear();
  }

  apply(write: Write): void {
    const sql = this.#sql;
    switch (write.kind) {
      case 'job':
      case 'job_replaced':
        this.#flush();
        this.#job(write);
        break;
      case 'job_state':
        this.#states.set(write.job, write);
        break;
      case 'origin':
        sql.origin.run(write.job, this.counter, this.#seal('origin', write.job, 0, write.text));
        break;
      case 'rows':
        this.#rows.add(write.job, write.firstRow, write.lines);
        break;
      case 'progress': {
        // Silence would lose the record that a mutating call needs before it leaves.
        if (!this.#rows.has(write.job, write.row))
          throw new JournalError('failed', `row ${write.row} of job ${write.job} is not in the journal`);
        const value = this.#seal('progress', write.job, write.row, write.text);
        sql.progress.run(write.job, write.row, this.counter, value);
        this.anyProgress = true;
        break;
      }
      case 'row_ended':
        this.#note(write.kind, write.job, write.row);
        if (this.anyProgress && sql.endProgress.run(write.job, write.row).changes > 0)
          this.anyProgress = integerOf(sql.anyProgress.get(), 'found') === 1;
        this.#rows.end(write.job, write.row);
        break;
      case 'rows_dropped':
        this.#note(write.kind, write.job, 0);
        this.#rows.forget(write.job);
        sql.dropProgress.run(write.job);
        sql.dropRows.run(write.job);
        break;
      case 'entries':
        for (const entry of write.entries) this.#entry(write.job, entry);
        break;
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
    this.#flush();
    this.#note('purge', '', nowMs);
    const sql = this.#sql;
    let entries = integerOf(sql.keptEntries.get(nowMs), 'count');
    sql.purgeKept.run(nowMs);
    this.recountKept = entries > 0;
    const forgotten = sql.forgettable.all(nowMs);
    for (const job of forgotten) {
      const key = integerOf(job, 'key');
      const left = integerOf(sql.jobEntries.get(key), 'count');
      sql.forgetEntries.run(key);
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
    this.#flush();
    this.#note('trim_kept', '', maxBytes);
    this.recountKept = true;
    let left = integerOf(this.#sql.keptBytes.get(), 'bytes') - maxBytes;
    let last: { readonly until: number; readonly id: number } | null = null;
    let entries = 0;
    if (left > 0) {
      for (const row of this.#sql.oldestKept.iterate()) {
        last = { until: integerOf(row, 'kept_until'), id: integerOf(row, 'id') };
        left -= integerOf(row, 'bytes');
        entries += integerOf(row, 'count');
        if (left <= 0) break;
      }
    }
    if (last !== null) this.#sql.dropKept.run(last.until, last.id);
    return entries;
  }

  #job(write: JobWrite): void {
    const { job, phase, forgetAt } = write;
    const value = this.#seal('job', job, 0, standingText(write.standing));
    if (write.kind === 'job') this.#sql.job.run(job, phase, write.receivedAt, forgetAt, this.counter, value);
    else if (write.kind === 'job_state')
      oneChange(this.#sql.jobState.run(phase, forgetAt, this.counter, value, job), `job ${job}`);
    else this.#sql.replaceJob.run(phase, write.receivedAt, forgetAt, this.counter, value, job);
  }

  #entry(job: string, entry: StoredEntry): void {
    if (this.#block === null || !belongsTo(this.#block, job, entry)) {
      this.#endBlock();
      this.#block = { job, first: entry.sequence, entries: [], characters: 0 };
    }
    this.#block.entries.push(entry);
    this.#block.characters += entry.line.length;
  }

  #endBlock(): void {
    const block = this.#block;
    this.#block = null;
    if (block === null) return;
    const { job, first, entries } = block;
    const before = this.#sql.blockBefore.get(job, first + entries.length - 1);
    if (before !== undefined && integerOf(before, 'sequence') + integerOf(before, 'count') > first)
      throw new JournalError('failed', `entries from ${first} on of job ${job} are in the journal already`);
    this.spoolChange += this.#writeBlock(job, first, entries);
  }

  /** Returns the bytes of the lines. */
  #writeBlock(job: string, first: number, entries: readonly StoredEntry[]): number {
    const { text, bytes } = blockText(entries);
    const value = this.#seal('entry', job, first, text);
    this.#sql.block.run(job, first, entries.length, bytes, this.counter, value);
    return bytes;
  }

  /** Entries that an earlier ack keeps are left to their own time. */
  #acked(job: string, through: number, keepUntil: number | null): void {
    this.#endBlock();
    this.#note('entries_acked', job, through);
    this.#cut(job, through);
    const bytes = integerOf(this.#sql.ackedBytes.get(job, through), 'bytes');
    this.spoolChange -= bytes;
    if (keepUntil !== null) this.keptChange += bytes;
    if (keepUntil === null) this.#sql.deleteAcked.run(job, through);
    else this.#sql.keepAcked.run(keepUntil, job, through);
  }

  /** Makes two blocks of one that holds entries on both sides of `through`. */
  #cut(job: string, through: number): void {
    const found: ResultRow = this.#sql.blockBefore.get(job, through);
    if (found === undefined || found['kept_until'] !== null) return;
    const [first, count] = [integerOf(found, 'sequence'), integerOf(found, 'count')];
    if (first + count - 1 <= through) return;
    const place: Place = { table: 'entry', owner: job, number: first, counter: integerOf(found, 'counter') };
    const text = this.#sealer.open(place, blobOf(found, 'value'));
    const entries = blockEntries(text, { first, count, bytes: integerOf(found, 'bytes') });
    this.#sql.deleteBlock.run(integerOf(found, 'id'));
    const left = through - first + 1;
    this.#writeBlock(job, first, entries.slice(0, left));
    this.#writeBlock(job, through + 1, entries.slice(left));
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
