// One process per data directory. The lock is SQLite's own file lock held by an open transaction: the kernel drops it when the process
// dies, however it dies, so no stale lock is ever left and nothing here breaks one.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Refusal, refuse } from '../protocol/error-codes.ts';

const sqliteBusy = 5;

export interface DataDirLock {
  readonly kind: 'data_dir_lock';
  release(): void;
}

/** Makes the directory when it is absent. */
export function lockDataDir(directory: string): DataDirLock | Refusal {
  let database: DatabaseSync | null = null;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    if (database?.isOpen === true) database.close();
    if (error instanceof Error && 'errcode' in error && Number(error.errcode) % 256 === sqliteBusy)
      return refuse(
        'state_locked',
        `${directory} is held by another control plane; stop it or name another --data-dir`,
      );
    const found = error instanceof Error ? error.message : 'unknown';
    return refuse('state_damaged', `expected ${directory} to be a directory this user can write to, found: ${found}`);
  }
  const held = database;
  return { kind: 'data_dir_lock', release: () => held.isOpen && held.close() };
}
