// The state directory for a command that runs while no agent does: the lock and the journal, as the agent takes them. A directory that belongs to
// another user is left alone, whoever asks: files that root makes there would keep the agent from starting.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { isRefusal, type Refusal } from '../../protocol/error-codes.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { loadStateKey } from '../io/identity-file.ts';
import { openJournal } from '../io/journal-sqlite.ts';
import { SecretFileError } from '../io/keys-file.ts';
import { acquireStateLock, type StateLock } from '../io/state-lock.ts';
import type { RunLog } from '../local/run-log.ts';

export interface TakenState {
  readonly kind: 'taken';
  readonly log: RunLog;
  release(): Promise<void>;
}

/** `reason` is a sentence about the directory, for people. */
export interface UnusableState {
  readonly kind: 'unusable';
  readonly reason: string;
}

/** Makes the directory when it is absent. Refusals: state_locked. */
export async function takeState(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<TakenState | UnusableState | Refusal> {
  const foreign = notOurs(directory, env.CREDENTIALS_DIRECTORY);
  if (foreign !== null) return { kind: 'unusable', reason: foreign };
  const lock = await acquireStateLock(directory);
  if (isRefusal(lock)) return lock.code === 'state_locked' ? lock : { kind: 'unusable', reason: lock.detail };
  try {
    return await opened(directory, env.CREDENTIALS_DIRECTORY, lock);
  } catch (error) {
    lock.release();
    if (!(error instanceof SecretFileError)) throw error;
    return { kind: 'unusable', reason: error.message };
  }
}

async function opened(
  directory: string,
  credentials: string | undefined,
  lock: StateLock,
): Promise<TakenState | UnusableState> {
  const key = await loadStateKey(directory, credentials);
  const journal = await openJournal({ directory, key, hashing: nodeHashing, now: () => Date.now() });
  if (isRefusal(journal)) {
    lock.release();
    return { kind: 'unusable', reason: journal.detail };
  }
  return {
    kind: 'taken',
    log: journal.journal,
    release: async () => {
      await journal.journal.close();
      lock.release();
    },
  };
}

function notOurs(directory: string, credentials: string | undefined): string | null {
  let owner: number;
  try {
    owner = statSync(directory).uid;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    return `${directory} cannot be looked at: ${error instanceof Error ? error.message : 'unknown'}`;
  }
  const us = process.getuid?.();
  if (us !== undefined && us !== owner)
    return `${directory} belongs to another user (uid ${owner}, this is ${us}); run the command as that user`;
  const inUse = ['journal.db', 'identity.json'].some((name) => existsSync(join(directory, name)));
  const keyIsHere =
    existsSync(join(directory, 'state.key')) ||
    (credentials !== undefined && existsSync(join(credentials, 'state_key')));
  return inUse && !keyIsHere ? `the state key of ${directory} is not here: systemd hands it to the agent alone` : null;
}
