// What is believed of a journal after a crash. SQLite's own checks cover the file's structure; here each open job's records are held against
// its state: every entry that was not acknowledged is there, in the chain, and every stored row has ended or is pending (rows that end unread
// do so in the commit that skips their chunk). A job that fails is named and quarantined, the others go on. A whole directory that went back
// in time passes all of this by nature: only the control plane's view can show it (protocol/agent-job.ts, onWelcome).
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { acceptJob } from '../../protocol/agent-job.ts';
import { chainNext, chainStart } from '../../protocol/digest-chain.ts';
import type { Hashing } from '../../protocol/hashing.ts';
import { jobIdSchema, type JobId } from '../../protocol/ids.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { StoredJob } from '../job/journal.ts';
import { integerOf } from './journal-columns.ts';
import { isDamage, JournalError } from './journal-error.ts';
import type { JournalReader } from './journal-read.ts';

/** How much is looked at in one turn of the event loop. */
const page = { maxCount: 500, maxBytes: 4 * 1024 * 1024 };

export interface JournalRecovery {
  /** Open jobs, their rows that have not ended, and the entries that were not acknowledged. */
  readonly jobs: number;
  readonly rows: number;
  readonly entries: number;
  readonly damaged: readonly DamagedJob[];
  /** The newest transaction: a start that logs a lower counter than the stop before it shows a restored snapshot. */
  readonly at: { readonly counter: number; readonly chain: string };
}

interface DamagedJob {
  readonly job: JobId;
  readonly detail: string;
}

export interface RecoveryPorts {
  readonly database: DatabaseSync;
  readonly reader: JournalReader;
  readonly hashing: Hashing;
  readonly counter: number;
  readonly now: () => number;
}

export interface Quarantine extends DamagedJob {
  /** What the job becomes. */
  readonly record: StoredJob;
}

/** @throws JournalError `damaged` when what is damaged belongs to no job that can be named. */
export async function findDamage(ports: RecoveryPorts): Promise<readonly Quarantine[]> {
  const { database, reader } = ports;
  reader.facts();
  const ids = database.prepare('SELECT id FROM jobs ORDER BY key').all();
  const ahead = jobsAhead(database, ports.counter);
  const found: Quarantine[] = [];
  for (const row of ids) {
    const id = safeParse(jobIdSchema, row['id']);
    if (!id.success) throw new JournalError('damaged', 'a job has an id that was never written there');
    const quarantine = await examine(id.data, ahead.has(id.data), ports);
    if (quarantine !== null) found.push(quarantine);
  }
  return found;
}

async function examine(id: JobId, ahead: boolean, ports: RecoveryPorts): Promise<Quarantine | null> {
  let job: StoredJob | null = null;
  try {
    job = ports.reader.job(id);
    if (job?.state.phase === 'quarantined') return null;
    if (ahead) throw new JournalError('damaged', 'a record is newer than the newest transaction');
    if (job !== null && (job.state.phase === 'accepted' || job.state.phase === 'finished')) {
      await checkEntries(job, ports);
      await checkRows(job, ports);
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { job: id, detail: error.message, record: quarantined(id, job, ports) };
  }
  if (job === null) throw new JournalError('damaged', `the index of jobs does not lead to job ${id}`);
  return null;
}

async function checkEntries(job: StoredJob, { database, reader, hashing }: RecoveryPorts): Promise<void> {
  const { acked, produced, ackedHead } = job.state;
  const kept = database
    .prepare(
      `SELECT count(*) AS count FROM entries
      WHERE job = (SELECT key FROM jobs WHERE id = ?) AND sequence > ? AND kept_until IS NOT NULL`,
    )
    .get(job.id, acked);
  if (integerOf(kept, 'count') > 0)
    throw new JournalError('damaged', `entries after ${acked} are marked as acknowledged`);
  let sequence = acked;
  let head = ackedHead;
  for (;;) {
    const entries = reader.entries(job.id, sequence + 1, page);
    if (entries.length === 0) break;
    for (const entry of entries) {
      sequence += 1;
      head = chainNext(hashing, head, entry.line);
      if (entry.sequence !== sequence) throw new JournalError('damaged', `entry ${sequence} is missing`);
      if (entry.head !== head) throw new JournalError('damaged', `entry ${sequence} is not in the chain`);
    }
    await turn();
  }
  if (sequence !== produced || head !== job.state.head)
    throw new JournalError('damaged', `expected entries up to ${produced}, found them up to ${sequence}`);
}

async function checkRows(job: StoredJob, { reader }: RecoveryPorts): Promise<void> {
  const { nextChunk, endedRows } = job.state;
  const chunks = job.claims?.rows.chunks.slice(0, nextChunk) ?? [];
  const stored = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
  let pending = 0;
  for (let last = -1; ;) {
    const rows = reader.pendingRows(job.id, last, page.maxCount);
    if (rows.length === 0) break;
    pending += rows.length;
    last = rows.at(-1)?.row ?? last;
    if (last >= stored) throw new JournalError('damaged', `row ${last} is of no chunk that was stored`);
    await turn();
  }
  if (pending + endedRows !== stored)
    throw new JournalError('damaged', `expected ${stored - endedRows} rows that have not ended, found ${pending}`);
}

/** Jobs with a record that was written by a transaction which the meta record does not know. */
function jobsAhead(database: DatabaseSync, counter: number): ReadonlySet<unknown> {
  const tables = ['origins', 'rows', 'progress', 'entries'];
  const parts = tables.map((table) => `UNION SELECT job FROM ${table} WHERE counter > ?1`);
  const rows = database
    .prepare(`SELECT id FROM jobs WHERE key IN (SELECT key FROM jobs WHERE counter > ?1 ${parts.join(' ')})`)
    .all(counter);
  return new Set(rows.map((row) => row['id']));
}

/** A job whose own record does not open is kept by its id alone: its token must not run a second time. */
function quarantined(id: JobId, job: StoredJob | null, { hashing, now }: RecoveryPorts): StoredJob {
  const start = chainStart(hashing, id);
  const unreadable = { ...acceptJob({ digest: start, rows: 0, chunks: 0, chainStart: start }), tokenDigest: null };
  const known: StoredJob = job ?? {
    id,
    state: unreadable,
    claims: null,
    kid: null,
    outcomes: {},
    statement: null,
    receivedAt: now(),
    forgetAt: now(),
  };
  return { ...known, state: { ...known.state, phase: 'quarantined', refusal: 'state_damaged' } };
}
