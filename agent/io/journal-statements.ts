// The statements of the journal's writer, prepared once.
import type { DatabaseSync, StatementSync } from 'node:sqlite';

const jobKey = '(SELECT key FROM jobs WHERE id = ?)';

// An unknown job gives a NULL key, which the tables refuse: a row or an entry without its job would never be read or removed.
const statements = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  meta: 'UPDATE meta SET counter = ?, chain = ? WHERE id = 1',
  job: 'INSERT INTO jobs (id, phase, received_at, forget_at, counter, value) VALUES (?, ?, ?, ?, ?, ?)',
  replaceJob: 'UPDATE jobs SET phase = ?, received_at = ?, forget_at = ?, counter = ?, value = ? WHERE id = ?',
  jobState: 'UPDATE jobs SET phase = ?, forget_at = ?, counter = ?, value = ? WHERE id = ?',
  origin: `INSERT INTO origins (job, counter, value) VALUES (${jobKey}, ?, ?)
    ON CONFLICT (job) DO UPDATE SET counter = excluded.counter, value = excluded.value`,
  rowBlock: `INSERT INTO rows (job, row, count, counter, value) VALUES (${jobKey}, ?, ?, ?, ?)`,
  /** The block with the highest first row up to one. */
  rowBlockBefore: `SELECT id, row, count, counter, value FROM rows
    WHERE job = ${jobKey} AND row <= ? ORDER BY row DESC LIMIT 1`,
  changeRowBlock: 'UPDATE rows SET row = ?, count = ?, counter = ?, value = ? WHERE id = ?',
  deleteRowBlock: 'DELETE FROM rows WHERE id = ?',
  progress: `INSERT INTO progress (job, row, counter, value) VALUES (${jobKey}, ?, ?, ?)
    ON CONFLICT (job, row) DO UPDATE SET counter = excluded.counter, value = excluded.value`,
  endProgress: `DELETE FROM progress WHERE job = ${jobKey} AND row = ?`,
  dropProgress: `DELETE FROM progress WHERE job = ${jobKey}`,
  dropRows: `DELETE FROM rows WHERE job = ${jobKey}`,
  anyProgress: 'SELECT EXISTS (SELECT 1 FROM progress) AS found',
  block: `INSERT INTO entries (job, sequence, count, bytes, counter, value) VALUES (${jobKey}, ?, ?, ?, ?, ?)`,
  /** The block with the highest first sequence up to one. */
  blockBefore: `SELECT id, sequence, count, bytes, kept_until, counter, value FROM entries
    WHERE job = ${jobKey} AND sequence <= ? ORDER BY sequence DESC LIMIT 1`,
  deleteBlock: 'DELETE FROM entries WHERE id = ?',
  ackedBytes: `SELECT coalesce(sum(bytes), 0) AS bytes FROM entries
    WHERE job = ${jobKey} AND sequence <= ? AND kept_until IS NULL`,
  deleteAcked: `DELETE FROM entries WHERE job = ${jobKey} AND sequence <= ? AND kept_until IS NULL`,
  keepAcked: `UPDATE entries SET kept_until = ? WHERE job = ${jobKey} AND sequence <= ? AND kept_until IS NULL`,
  fact: `INSERT INTO facts (name, counter, value) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET counter = excluded.counter, value = excluded.value`,
  keptEntries: 'SELECT coalesce(sum(count), 0) AS count FROM entries WHERE kept_until <= ?',
  purgeKept: 'DELETE FROM entries WHERE kept_until <= ?',
  // A job stays known as long as the host keeps an envelope of it: an operator finds envelopes by their job.
  forgettable: `SELECT key, id FROM jobs WHERE phase IN ('closed', 'rejected', 'quarantined') AND forget_at <= ?
    AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.job = jobs.key AND kept_until IS NOT NULL)`,
  keptBytes: 'SELECT coalesce(sum(bytes), 0) AS bytes FROM entries WHERE kept_until IS NOT NULL',
  oldestKept: 'SELECT id, kept_until, count, bytes FROM entries WHERE kept_until IS NOT NULL ORDER BY kept_until, id',
  dropKept: 'DELETE FROM entries WHERE kept_until IS NOT NULL AND (kept_until, id) <= (?, ?)',
  unackedBytes: 'SELECT coalesce(sum(bytes), 0) AS bytes FROM entries WHERE kept_until IS NULL',
  jobEntries: 'SELECT coalesce(sum(count), 0) AS count FROM entries WHERE job = ?',
  forgetEntries: 'DELETE FROM entries WHERE job = ?',
  forgetProgress: 'DELETE FROM progress WHERE job = ?',
  forgetRows: 'DELETE FROM rows WHERE job = ?',
  forgetOrigin: 'DELETE FROM origins WHERE job = ?',
  forgetJob: 'DELETE FROM jobs WHERE key = ?',
} as const;
export type Prepared = Readonly<Record<keyof typeof statements, StatementSync>>;

export function prepareAll(database: DatabaseSync): Prepared {
  const pairs = Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(pairs) as Prepared;
}
