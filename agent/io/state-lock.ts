// One process per state directory. The lock is SQLite's own file lock held by an open transaction: the kernel drops it when the process
// dies, however it dies, so there is no stale lock to clean up and nothing here ever breaks a lock.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { refuse, type Refusal } from '../../protocol/error-codes.ts';

const lockName = 'agent.lock';
const holderName = 'agent.pid';

// SQLite's primary result code for "another process holds the lock".
const sqliteBusy = 5;

export interface StateLock {
  readonly kind: 'state_lock';
  /** Gives the directory free. May be called twice. */
  release(): void;
}

/** Takes the directory for this process; makes it when it is absent. Refusals: state_locked, state_damaged. */
export function acquireStateLock(directory: string): Promise<StateLock | Refusal> {
  return Promise.resolve(acquire(directory));
}

function acquire(directory: string): StateLock | Refusal {
  let database: DatabaseSync | null = null;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Zero: a second process is told at once, it does not wait for the first.
    database = new DatabaseSync(join(directory, lockName), { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    // Only a hint for the refusal below; the lock is the transaction.
    writeFileSync(join(directory, holderName), `${process.pid}\n`, { mode: 0o600 });
    return holding(database);
  } catch (error) {
    if (database?.isOpen === true) database.close();
    return isBusy(error) ? locked(directory) : unusable(directory, error);
  }
}

function holding(database: DatabaseSync): StateLock {
  return {
    kind: 'state_lock',
    release() {
      if (database.isOpen) database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && Number(error.errcode) % 256 === sqliteBusy;
}

function locked(directory: string): Refusal {
  const pid = holderPid(directory);
  const holder = pid === null ? 'another process' : `process ${pid}`;
  return refuse(
    'state_locked',
    `expected ${directory} to be free, found it held by ${holder}; stop that one (systemctl stop iam-agent) or name another state_dir`,
  );
}

function holderPid(directory: string): number | null {
  try {
    const pid = Number(readFileSync(join(directory, holderName), 'utf8').trim());
    if (!Number.isSafeInteger(pid) || pid <= 0) return null;
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // EPERM: it lives, under another user.
    const alive = error instanceof Error && 'code' in error && error.code === 'EPERM';
    return alive ? Number(readFileSync(join(directory, holderName), 'utf8').trim()) : null;
  }
}

function unusable(directory: string, error: unknown): Refusal {
  const reason = error instanceof Error ? error.message : 'unknown';
  return refuse(
    'state_damaged',
    `expected ${directory} to be a directory that the agent can write to, found: ${reason}; make the agent's user its owner, with mode 0700`,
  );
}
