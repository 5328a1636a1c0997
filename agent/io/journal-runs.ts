// Local runs in the journal's file: tables of their own, so that nothing the protocol rests on is shared with them. Their writes are part of
// the same transactions (one counter, one chain), and their values are sealed in the same way.
import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseJson } from '../../protocol/json.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import {
  type EntryBounds,
  type RunChange,
  type RunId,
  runIdSchema,
  type RunIntent,
  type StoredRun,
} from '../local/run-log.ts';
import { blobOf, integerOf, textOf, type ResultRow } from './journal-columns.ts';
import { isDamage, JournalError } from './journal-error.ts';
import type { Place, Sealer } from './journal-seal.ts';

export const runTables = `
  CREATE TABLE runs (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, open INTEGER NOT NULL,
    started_at INTEGER NOT NULL, forget_at INTEGER NOT NULL,
    counter INTEGER NOT NULL, value BLOB NOT NULL
  );
  CREATE INDEX runs_open ON runs (started_at, key) WHERE open = 1;
  CREATE INDEX runs_recent ON runs (started_at, key);
  CREATE TABLE run_intents (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL, row INTEGER NOT NULL,
    counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (run, row)
  );
  CREATE TABLE run_entries (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL, number INTEGER NOT NULL,
    bytes INTEGER NOT NULL, counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (run, number)
  );
`;

const runKey = '(SELECT key FROM runs WHERE id = ?)';
const columns = 'id, open, started_at, forget_at, counter, value FROM runs';

const readStatements = {
  run: `SELECT ${columns} WHERE id = ?`,
  open: `SELECT ${columns} WHERE open = 1 ORDER BY started_at, key`,
  recent: `SELECT ${columns} ORDER BY started_at DESC, key DESC LIMIT ?`,
  intents: `SELECT row, counter, value FROM run_intents WHERE run = ${runKey} ORDER BY row`,
  entries: `SELECT number, bytes, counter, value FROM run_entries WHERE run = ${runKey} AND number >= ? ORDER BY number LIMIT ?`,
} as const;

// An unknown run gives a NULL key, which the tables refuse.
const writeStatements = {
  run: `INSERT INTO runs (id, open, started_at, forget_at, counter, value) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET open = excluded.open, started_at = excluded.started_at,
      forget_at = excluded.forget_at, counter = excluded.counter, value = excluded.value`,
  intent: `INSERT INTO run_intents (run, row, counter, value) VALUES (${runKey}, ?, ?, ?)`,
  endRow: `DELETE FROM run_intents WHERE run = ${runKey} AND row = ?`,
  entry: `INSERT INTO run_entries (run, number, bytes, counter, value) VALUES (${runKey}, ?, ?, ?, ?)`,
  forgettable: 'SELECT key FROM runs WHERE open = 0 AND forget_at <= ?',
  forgetIntents: 'DELETE FROM run_intents WHERE run = ?',
  forgetEntries: 'DELETE FROM run_entries WHERE run = ?',
  forgetRun: 'DELETE FROM runs WHERE key = ?',
} as const;

type Prepared<Table> = Readonly<Record<keyof Table, StatementSync>>;

function prepareAll<const Table extends Readonly<Record<string, string>>>(
  database: DatabaseSync,
  table: Table,
): Prepared<Table> {
  const pairs = Object.entries(table).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(pairs) as Prepared<Table>;
}

/** What the open transaction lends: it seals, counts and chains. */
export interface RunTransaction {
  readonly counter: number;
  readonly seal: (table: Place['table'], owner: string, number: number, text: string) => Uint8Array;
  readonly note: (what: string, owner: string, number: number) => void;
}

export class RunWriter {
  readonly #sql: Prepared<typeof writeStatements>;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, writeStatements);
  }

  apply(change: RunChange, { counter, seal, note }: RunTransaction): void {
    const sql = this.#sql;
    switch (change.kind) {
      case 'run': {
        const { id, end, startedAt, forgetAt } = change.run;
        const value = seal('run', id, 0, JSON.stringify(change.run));
        sql.run.run(id, end === null ? 1 : 0, startedAt, forgetAt, counter, value);
        break;
      }
      case 'run_intent': {
        const value = seal('run_intent', change.run, change.row, JSON.stringify(change.intent));
        sql.intent.run(change.run, change.row, counter, value);
        break;
      }
      case 'run_row_ended':
        note(change.kind, change.run, change.row);
        sql.endRow.run(change.run, change.row);
        break;
      case 'run_entries':
        for (const [at, line] of change.lines.entries()) {
          const number = change.from + at;
          const value = seal('run_entry', change.run, number, line);
          sql.entry.run(change.run, number, Buffer.byteLength(line), counter, value);
        }
        break;
      default:
        change satisfies never;
    }
  }

  purge(nowMs: number, { note }: RunTransaction): number {
    note('purge_runs', '', nowMs);
    const forgotten = this.#sql.forgettable.all(nowMs);
    for (const run of forgotten) {
      const key = integerOf(run, 'key');
      this.#sql.forgetIntents.run(key);
      this.#sql.forgetEntries.run(key);
      this.#sql.forgetRun.run(key);
    }
    return forgotten.length;
  }
}

export class RunReader {
  readonly #sealer: Sealer;
  readonly #sql: Prepared<typeof readStatements>;

  constructor(database: DatabaseSync, sealer: Sealer) {
    this.#sealer = sealer;
    this.#sql = prepareAll(database, readStatements);
  }

  run(id: RunId): StoredRun | null {
    const row = this.#sql.run.get(id);
    return row === undefined ? null : this.#run(row);
  }

  openRuns(): readonly StoredRun[] {
    return this.#sql.open.all().map((row) => this.#run(row));
  }

  recentRuns(count: number): readonly StoredRun[] {
    return this.#sql.recent.all(count).map((row) => this.#run(row));
  }

  runIntents(id: RunId): readonly RunIntent[] {
    return this.#sql.intents.all(id).map((found) => {
      const row = integerOf(found, 'row');
      const text = this.#open(found, 'run_intent', id, row);
      return { row, intent: parseJson(text) as unknown as RunIntent['intent'] };
    });
  }

  runEntries(id: RunId, from: number, bounds: EntryBounds): readonly string[] {
    const lines: string[] = [];
    let bytes = 0;
    for (const row of this.#sql.entries.iterate(id, from, bounds.maxCount)) {
      bytes += integerOf(row, 'bytes');
      if (lines.length > 0 && bytes > bounds.maxBytes) break;
      lines.push(this.#open(row, 'run_entry', id, integerOf(row, 'number')));
    }
    return lines;
  }

  /**
   * Runs that do not open, or whose index columns were changed, as records that say so. One damaged run must not keep the agent from starting;
   * what was damaged of it stays unread. @throws JournalError when not even the id can be believed.
   */
  damaged(newest: number, nowMs: number): readonly StoredRun[] {
    return this.#sql.recent.all(-1).flatMap((row) => {
      const id = idOf(row);
      try {
        const run = this.#run(row);
        if (integerOf(row, 'counter') > newest)
          throw new JournalError('damaged', 'a record is newer than the newest transaction');
        if (run.end === null) this.runIntents(id);
        return [];
      } catch (error) {
        if (!isDamage(error)) throw error;
        return [damagedRun(id, nowMs)];
      }
    });
  }

  #run(row: ResultRow): StoredRun {
    const id = idOf(row);
    const run = JSON.parse(this.#open(row, 'run', id, 0)) as StoredRun;
    const same =
      run.id === id &&
      integerOf(row, 'open') === (run.end === null ? 1 : 0) &&
      integerOf(row, 'started_at') === run.startedAt &&
      integerOf(row, 'forget_at') === run.forgetAt;
    if (!same) throw new JournalError('damaged', `the index columns of run ${id} were changed`);
    return run;
  }

  #open(row: ResultRow, table: Place['table'], owner: string, number: number): string {
    return this.#sealer.open({ table, owner, number, counter: integerOf(row, 'counter') }, blobOf(row, 'value'));
  }
}

function idOf(row: ResultRow): RunId {
  const id = safeParse(runIdSchema, textOf(row, 'id'));
  if (!id.success) throw new JournalError('damaged', 'a local run has an id that was never written there');
  return id.data;
}

const dayMs = 24 * 3_600_000;

function damagedRun(id: RunId, nowMs: number): StoredRun {
  return {
    id,
    action: 'unknown',
    connection: 'unknown',
    invocation: '0'.repeat(64) as StoredRun['invocation'],
    changes: true,
    startedAt: nowMs,
    endedAt: nowMs,
    end: 'damaged',
    outcomes: {},
    entries: 0,
    repeated: false,
    forgetAt: nowMs + 30 * dayMs,
  };
}
