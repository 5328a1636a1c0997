// The journal's tables and their versions. In clear stand only ids, numbers, phases, times and sizes; every `value` is sealed. Chain heads are
// sealed with their entries: in clear they would let a reader of the disk confirm a guessed envelope.
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { refuse, type Refusal } from '../../protocol/error-codes.ts';
import { blobOf, integerOf } from './journal-columns.ts';
import { isDamage } from './journal-error.ts';
import { runTables } from './journal-runs.ts';
import { Sealer, type Place } from './journal-seal.ts';

/** What the key must open before anything else is believed. */
const checkPlace: Place = { table: 'check', owner: 'key', number: 0, counter: 0 };
const checkText = 'iam-agent journal';

// `value` comes last: a scan over the other columns then never reads a large value's overflow pages. Tables keep their rowid: without it a
// value of more than 1,000 bytes would take an overflow page of its own.
const tables = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    salt BLOB NOT NULL, key_check BLOB NOT NULL,
    counter INTEGER NOT NULL, chain BLOB NOT NULL
  );
  CREATE TABLE facts (name TEXT PRIMARY KEY, counter INTEGER NOT NULL, value BLOB NOT NULL);
  CREATE TABLE jobs (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, phase TEXT NOT NULL,
    received_at INTEGER NOT NULL, forget_at INTEGER NOT NULL,
    counter INTEGER NOT NULL, value BLOB NOT NULL
  );
  CREATE TABLE origins (job INTEGER PRIMARY KEY, counter INTEGER NOT NULL, value BLOB NOT NULL);
  CREATE INDEX jobs_open ON jobs (received_at, key) WHERE phase NOT IN ('closed', 'rejected');
  CREATE INDEX jobs_recent ON jobs (received_at, key);
  CREATE TABLE rows (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, row INTEGER NOT NULL,
    counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (job, row)
  );
  CREATE TABLE progress (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, row INTEGER NOT NULL,
    counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (job, row)
  );
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, sequence INTEGER NOT NULL,
    bytes INTEGER NOT NULL, kept_until INTEGER,
    counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (job, sequence)
  );
  CREATE INDEX entries_kept ON entries (kept_until) WHERE kept_until IS NOT NULL;
`;

// One record for consecutive entries (journal-blocks.ts). What is there becomes blocks of one.
const entryBlocks = `
  CREATE TABLE blocks (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, sequence INTEGER NOT NULL, count INTEGER NOT NULL,
    bytes INTEGER NOT NULL, kept_until INTEGER,
    counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (job, sequence)
  );
  INSERT INTO blocks SELECT id, job, sequence, 1, bytes, kept_until, counter, value FROM entries;
  DROP TABLE entries;
  ALTER TABLE blocks RENAME TO entries;
  CREATE INDEX entries_kept ON entries (kept_until) WHERE kept_until IS NOT NULL;
`;

// One record for rows that came together (journal-row-blocks.ts). What is there becomes blocks of one.
const rowBlocks = `
  CREATE TABLE row_blocks (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, row INTEGER NOT NULL, count INTEGER NOT NULL,
    counter INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (job, row)
  );
  INSERT INTO row_blocks SELECT id, job, row, 1, counter, value FROM rows;
  DROP TABLE rows;
  ALTER TABLE row_blocks RENAME TO rows;
`;

/** Step n takes a database from version n to n+1. Steps that were released are never edited. */
const steps: readonly ((database: DatabaseSync, key: Uint8Array) => void)[] = [
  (database, key) => {
    database.exec(tables);
    const salt = randomBytes(32);
    database
      .prepare('INSERT INTO meta (id, salt, key_check, counter, chain) VALUES (1, ?, ?, 0, ?)')
      .run(salt, new Sealer(key, salt).seal(checkPlace, checkText), randomBytes(32));
  },
  (database) => database.exec(entryBlocks),
  // Local runs.
  (database) => database.exec(runTables),
  (database) => database.exec(rowBlocks),
];

/** Brings the tables to this program's version, all or nothing. Null when they are. */
export function migrate(database: DatabaseSync, key: Uint8Array): Refusal | null {
  const found = integerOf(database.prepare('PRAGMA user_version').get(), 'user_version');
  if (found > steps.length)
    return refuse(
      'state_damaged',
      `The journal has version ${found}; this program knows versions up to ${steps.length}. Run the newer program again, or start with an empty state directory.`,
    );
  if (found === steps.length) return null;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of steps.slice(found)) step(database, key);
    database.exec(`PRAGMA user_version = ${steps.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
  return null;
}

export interface Meta {
  readonly sealer: Sealer;
  readonly counter: number;
  readonly chain: Uint8Array;
}

/** Reads the one meta record and proves the key on it. */
export function readMeta(database: DatabaseSync, key: Uint8Array): Meta | Refusal {
  const record = database.prepare('SELECT salt, key_check, counter, chain FROM meta WHERE id = 1').get();
  if (record === undefined)
    return refuse('state_damaged', 'The journal has no meta record. Restore the state directory.');
  const sealer = new Sealer(key, blobOf(record, 'salt'));
  try {
    sealer.open(checkPlace, blobOf(record, 'key_check'));
  } catch (error) {
    if (!isDamage(error)) throw error;
    return refuse(
      'state_damaged',
      'The journal does not open with this key. Expected the key it was made with; put that key back, or start with an empty state directory.',
    );
  }
  return { sealer, counter: integerOf(record, 'counter'), chain: blobOf(record, 'chain') };
}
