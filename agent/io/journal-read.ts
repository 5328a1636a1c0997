// What the journal answers: reads of what is committed. A value that does not open is an exception here; recovery has looked at everything
// that a job needs before the first of these runs.
import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { jobIdSchema, type Digest, type JobId } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { JournalFacts, PendingRow, RowProgress, StoredEntry, StoredJob } from '../job/journal.ts';
import { blockEntries } from './journal-blocks.ts';
import { blobOf, integerOf, optionalIntegerOf, textOf, type ResultRow } from './journal-columns.ts';
import { JournalError } from './journal-error.ts';
import { jobOf, progressOf, type FactName } from './journal-records.ts';
import { rowsOfBlock } from './journal-row-blocks.ts';
import type { Place, Sealer } from './journal-seal.ts';

const jobColumns = `id, phase, received_at, forget_at, jobs.counter AS counter, jobs.value AS value,
  origins.counter AS origin_counter, origins.value AS origin_value
  FROM jobs LEFT JOIN origins ON origins.job = jobs.key`;

const statements = {
  fact: 'SELECT counter, value FROM facts WHERE name = ?',
  job: `SELECT ${jobColumns} WHERE id = ?`,
  openJobs: `SELECT ${jobColumns} WHERE phase NOT IN ('closed', 'rejected') ORDER BY received_at, key`,
  recentJobs: `SELECT ${jobColumns} ORDER BY received_at DESC, key DESC LIMIT ?`,
  rowBlocks: `SELECT row, count, counter, value FROM rows
    WHERE job = ?1 AND row >= coalesce((SELECT max(row) FROM rows WHERE job = ?1 AND row <= ?2), ?2)
    ORDER BY row LIMIT ?3`,
  progress: 'SELECT row, counter, value FROM progress WHERE job = ? AND row BETWEEN ? AND ?',
  entries: `SELECT sequence, count, bytes, counter, value FROM entries
    WHERE job = ?1 AND sequence >= coalesce((SELECT max(sequence) FROM entries WHERE job = ?1 AND sequence <= ?2), ?2)
    ORDER BY sequence LIMIT ?3`,
  blockBefore: 'SELECT sequence, count FROM entries WHERE job = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1',
  blockAfter: 'SELECT min(sequence) AS sequence FROM entries WHERE job = ? AND sequence > ?',
  key: 'SELECT key FROM jobs WHERE id = ?',
} as const;

export class JournalReader {
  readonly #sealer: Sealer;
  readonly #sql: Readonly<Record<keyof typeof statements, StatementSync>>;

  constructor(database: DatabaseSync, sealer: Sealer) {
    this.#sealer = sealer;
    const pairs = Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#sql = Object.fromEntries(pairs) as Readonly<Record<keyof typeof statements, StatementSync>>;
  }

  facts(): JournalFacts {
    const keySet = this.#fact('key_set');
    return {
      sessionCounter: Number(this.#fact('session_counter') ?? 0),
      highWaterMs: Number(this.#fact('high_water') ?? 0),
      keySet: keySet === null ? null : parseJson(keySet),
    };
  }

  job(id: JobId): StoredJob | null {
    const row = this.#sql.job.get(id);
    return row === undefined ? null : this.#job(row);
  }

  openJobs(): readonly StoredJob[] {
    return this.#sql.openJobs.all().map((row) => this.#job(row));
  }

  recentJobs(count: number): readonly StoredJob[] {
    return this.#sql.recentJobs.all(count).map((row) => this.#job(row));
  }

  pendingRows(job: JobId, afterRow: number, count: number): readonly PendingRow[] {
    const found: { row: number; line: string }[] = [];
    const key = this.#keyOf(job);
    // The first block may end before the row that is asked for.
    for (const block of this.#sql.rowBlocks.iterate(key, afterRow + 1, count + 1)) {
      const first = integerOf(block, 'row');
      const rows = rowsOfBlock(this.#open(block, 'row', job, first), { first, count: integerOf(block, 'count') });
      for (const [row, line] of rows) if (row > afterRow && found.length < count) found.push({ row, line });
      if (found.length === count) break;
    }
    const progress = new Map<number, RowProgress>();
    for (const one of this.#sql.progress.iterate(key, afterRow + 1, found.at(-1)?.row ?? afterRow)) {
      const row = integerOf(one, 'row');
      progress.set(row, progressOf(this.#open(one, 'progress', job, row)));
    }
    return found.map(({ row, line }) => ({ row, line, progress: progress.get(row) ?? null }));
  }

  entries(
    job: JobId,
    fromSequence: number,
    bounds: { readonly maxCount: number; readonly maxBytes: number },
  ): readonly StoredEntry[] {
    const found: StoredEntry[] = [];
    let bytes = 0;
    // The first block may end before the sequence that is asked for.
    for (const row of this.#sql.entries.iterate(this.#keyOf(job), fromSequence, bounds.maxCount + 1)) {
      for (const entry of this.#block(row, job)) {
        if (entry.sequence < fromSequence) continue;
        if (found.length === bounds.maxCount) return found;
        bytes += Buffer.byteLength(entry.line);
        if (found.length > 0 && bytes > bounds.maxBytes) return found;
        found.push(entry);
      }
    }
    return found;
  }

  firstHeld(job: JobId, fromSequence: number): number | null {
    const key = this.#keyOf(job);
    const before = this.#sql.blockBefore.get(key, fromSequence);
    if (before !== undefined && integerOf(before, 'sequence') + integerOf(before, 'count') > fromSequence)
      return fromSequence;
    return optionalIntegerOf(this.#sql.blockAfter.get(key, fromSequence), 'sequence');
  }

  headAt(job: JobId, sequence: number): Digest | null {
    const [entry] = this.entries(job, sequence, { maxCount: 1, maxBytes: 0 });
    return entry?.sequence === sequence ? entry.head : null;
  }

  #block(row: ResultRow, job: JobId): readonly StoredEntry[] {
    const first = integerOf(row, 'sequence');
    const text = this.#open(row, 'entry', job, first);
    return blockEntries(text, { first, count: integerOf(row, 'count'), bytes: integerOf(row, 'bytes') });
  }

  /** No job has the number 0. */
  #keyOf(job: JobId): number {
    const row = this.#sql.key.get(job);
    return row === undefined ? 0 : integerOf(row, 'key');
  }

  #fact(name: FactName): string | null {
    const row = this.#sql.fact.get(name);
    return row === undefined ? null : this.#open(row, 'fact', name, 0);
  }

  /** @throws JournalError `damaged` too when a column in clear is not what the sealed record says: it decides which jobs are open. */
  #job(row: ResultRow): StoredJob {
    const id = safeParse(jobIdSchema, row?.['id']);
    if (!id.success) throw new JournalError('damaged', 'a job has an id that was never written there');
    const standing = this.#open(row, 'job', id.data, 0);
    const job = jobOf(id.data, standing, this.#open(row, 'origin', id.data, 0, 'origin_'));
    const same =
      textOf(row, 'phase') === job.state.phase &&
      integerOf(row, 'received_at') === job.receivedAt &&
      integerOf(row, 'forget_at') === job.forgetAt;
    if (!same) throw new JournalError('damaged', `the index columns of job ${job.id} were changed`);
    return job;
  }

  #open(row: ResultRow, table: Place['table'], owner: string, number: number, prefix = ''): string {
    const counter = integerOf(row, `${prefix}counter`);
    return this.#sealer.open({ table, owner, number, counter }, blobOf(row, `${prefix}value`));
  }
}
