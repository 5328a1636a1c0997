// Opens the one file of the journal for this process alone. While it is open nothing else in the process may open `journal.db` by its path:
// closing any descriptor of a file drops all POSIX locks that the process has on it.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { refuse, type Refusal } from '../../protocol/error-codes.ts';
import { textOf } from './journal-columns.ts';
import { JournalError } from './journal-error.ts';

const fileName = 'journal.db';
const holderName = 'journal.pid';

/** SQLite's primary result code for "another process holds the lock". */
const busy = 5;

// The lock is the kernel's and ends with the process, however it ends. EXCLUSIVE before the first access also keeps the WAL's index in
// memory: there is no -shm file. A WAL that a large spool made is cut back when it is reused.
const settings = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
  PRAGMA journal_size_limit = 67108864;
  BEGIN EXCLUSIVE;
  COMMIT;
`;

/** @throws the file system's or SQLite's error; `openFailure` makes a refusal of it. */
export function openFile(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const path = join(directory, fileName);
  if (existsSync(path)) chmodSync(path, 0o600);
  else createEmpty(path, directory);
  const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false });
  try {
    database.exec(settings);
    // Only a hint for the refusal that a second process gets.
    writeFileSync(join(directory, holderName), `${process.pid}\n`, { mode: 0o600 });
    const fault = textOf(database.prepare('PRAGMA quick_check(1)').get(), 'quick_check');
    if (fault !== 'ok') throw new JournalError('damaged', fault);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

export function closeFile(database: DatabaseSync, directory: string): void {
  if (!database.isOpen) return;
  try {
    rmSync(join(directory, holderName), { force: true });
  } catch {
    // Only a hint. A disk that turned read-only must not hide why the journal is closed, nor keep it open.
  }
  // The last connection's close moves the whole WAL into the file and removes it.
  database.close();
}

export function openFailure(directory: string, error: Error): Refusal {
  if ('errcode' in error && Number(error.errcode) % 256 === busy) {
    return refuse(
      'state_locked',
      `Expected ${directory} to be free, found its journal held by ${holder(directory)}. Stop that one, or name another state directory.`,
    );
  }
  return refuse(
    'state_damaged',
    `Expected a journal in ${directory} that can be read and written, found: ${error.message}. Mend the disk or the directory's owner, restore the directory, or start with an empty one.`,
  );
}

/** SQLite takes over the mode of a file that is there, for its -wal too. */
function createEmpty(path: string, directory: string): void {
  closeSync(openSync(path, 'wx', 0o600));
  const handle = openSync(directory, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function holder(directory: string): string {
  try {
    const pid = Number(readFileSync(join(directory, holderName), 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 0 ? `process ${pid}` : 'another process';
  } catch {
    return 'another process';
  }
}
