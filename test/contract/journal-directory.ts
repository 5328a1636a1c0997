// A state directory for one test: opens journals in it, copies and changes it, and removes everything at the end.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeHashing } from '../../node/hashing.ts';
import { openJournal, type OpenedJournal } from '../../agent/io/journal-sqlite.ts';
import type { Journal } from '../../agent/job/journal.ts';
import { isRefusal, type Refusal } from '../../protocol/error-codes.ts';

export const journalKey = new Uint8Array(32).fill(7);

export class JournalDirectory {
  readonly #root: string;
  readonly path: string;
  #copies = 0;
  readonly #opened: Journal[] = [];

  /** `in_memory`, where the system has such a place, for suites with thousands of commits that test no durability. */
  constructor(where: 'on_disk' | 'in_memory' = 'on_disk') {
    const parent = where === 'in_memory' && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    this.#root = mkdtempSync(join(parent, 'iam-agent-journal-'));
    this.path = join(this.#root, 'state');
  }

  async tryOpen(path = this.path, key = journalKey): Promise<OpenedJournal | Refusal> {
    const opened = await openJournal({ directory: path, key, hashing: nodeHashing, now: () => 5_000 });
    if (!isRefusal(opened)) this.#opened.push(opened.journal);
    return opened;
  }

  async open(path = this.path): Promise<OpenedJournal> {
    const opened = await this.tryOpen(path);
    if (isRefusal(opened)) throw new Error(`${opened.code}: ${opened.detail}`);
    return opened;
  }

  /** A copy as a crash would leave it. Made by another process: reading the open file in this one would drop its lock. */
  copy(from = this.path): string {
    this.#copies += 1;
    const to = join(this.#root, `copy-${this.#copies}`);
    execFileSync('cp', ['-r', from, to]);
    return to;
  }

  /** Changes a closed journal behind its back. */
  tamper(path: string, change: (database: DatabaseSync) => void): void {
    const database = new DatabaseSync(join(path, 'journal.db'), { enableForeignKeyConstraints: false });
    try {
      change(database);
    } finally {
      database.close();
    }
  }

  async dispose(): Promise<void> {
    for (const journal of this.#opened) await journal.close();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** The tables as they were in version 1, of a journal whose blocks hold one row or entry each. */
export function asVersionOne(database: DatabaseSync): void {
  database.exec(`
    ALTER TABLE entries RENAME TO later_entries;
    CREATE TABLE entries (
      id INTEGER PRIMARY KEY, job INTEGER NOT NULL, sequence INTEGER NOT NULL,
      bytes INTEGER NOT NULL, kept_until INTEGER,
      counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (job, sequence)
    );
    INSERT INTO entries SELECT id, job, sequence, bytes, kept_until, counter, value FROM later_entries;
    DROP TABLE later_entries;
    CREATE INDEX entries_kept ON entries (kept_until) WHERE kept_until IS NOT NULL;
    ALTER TABLE rows RENAME TO later_rows;
    CREATE TABLE rows (
      id INTEGER PRIMARY KEY, job INTEGER NOT NULL, row INTEGER NOT NULL,
      counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (job, row)
    );
    INSERT INTO rows SELECT id, job, row, counter, value FROM later_rows;
    DROP TABLE later_rows;
    DROP TABLE runs; DROP TABLE run_intents; DROP TABLE run_entries;
    PRAGMA user_version = 1;
  `);
}
