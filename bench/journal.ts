// What sealing, the chain and recovery's bookkeeping cost: commits a second of the real journal beside plain SQLite with the same tables and
// beside an append file, in one run, interleaved, on one disk. `node bench/journal.ts [--json] [--directory PATH]`
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { nodeHashing } from '../node/hashing.ts';
import { openJournal } from '../agent/io/journal-sqlite.ts';
import type { StoredJob } from '../agent/job/journal.ts';
import { acceptJob, onEntries } from '../protocol/agent-job.ts';
import { chainNext, chainStart } from '../protocol/digest-chain.ts';
import { isRefusal } from '../protocol/error-codes.ts';
import { jobIdSchema } from '../protocol/ids.ts';

const waitingCounts = [1, 10, 100];
const rounds = 5;
const commitsPerRound = 2_000;
const line = JSON.stringify({ row: 1, envelope: { error: null, has_error: false, result: 'x'.repeat(800) } });

/** One store under test: `commit` makes one entry and its job's new state durable. */
interface Subject {
  readonly name: string;
  commit(): Promise<void>;
  close(): Promise<void>;
}

async function sealedJournal(directory: string): Promise<Subject> {
  const opened = await openJournal({ directory, key: new Uint8Array(32), hashing: nodeHashing, now: Date.now });
  if (isRefusal(opened)) throw new Error(opened.detail);
  const { journal } = opened;
  const id = jobIdSchema.parse('01900000-0000-7000-8000-000000000001');
  const token = { digest: nodeHashing.sha256('token'), rows: 1, chunks: 1, chainStart: chainStart(nodeHashing, id) };
  const rest = { claims: null, kid: null, outcomes: {}, statement: null, receivedAt: 0, forgetAt: 0 };
  let job: StoredJob = { id, state: acceptJob(token), ...rest };
  await journal.commit([{ kind: 'job', job }]);
  return {
    name: 'journal (sealed, chained)',
    commit() {
      const head = chainNext(nodeHashing, job.state.head, line);
      const entry = { sequence: job.state.produced + 1, line, head };
      job = { ...job, state: onEntries(job.state, { count: 1, head, endedRows: 0 }) };
      const { state, outcomes, statement, forgetAt } = job;
      return journal.commit([
        { kind: 'entries', job: id, entries: [entry] },
        { kind: 'job_state', job: id, state, outcomes, statement, forgetAt },
      ]);
    },
    close: () => journal.close(),
  };
}

/** One flush a turn of the event loop, as the journal does it. */
function grouped(flush: (count: number) => void): () => Promise<void> {
  let waiting: (() => void)[] = [];
  return () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (waiting.push(resolve) === 1) {
      setImmediate(() => {
        const group = waiting;
        waiting = [];
        flush(group.length);
        for (const done of group) done();
      });
    }
    return promise;
  };
}

async function plainSqlite(directory: string): Promise<Subject> {
  mkdirSync(directory);
  const database = new DatabaseSync(join(directory, 'plain.db'));
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE jobs (key INTEGER PRIMARY KEY, state TEXT NOT NULL);
    CREATE TABLE entries (id INTEGER PRIMARY KEY, job INTEGER NOT NULL, sequence INTEGER NOT NULL, bytes INTEGER NOT NULL,
      line TEXT NOT NULL, UNIQUE (job, sequence));
    INSERT INTO jobs VALUES (1, '');
  `);
  const insert = database.prepare('INSERT INTO entries (job, sequence, bytes, line) VALUES (1, ?, ?, ?)');
  const update = database.prepare('UPDATE jobs SET state = ? WHERE key = 1');
  let sequence = 0;
  const commit = grouped((count) => {
    database.exec('BEGIN IMMEDIATE');
    for (let times = 0; times < count; times += 1) {
      sequence += 1;
      insert.run(sequence, line.length, line);
      update.run(JSON.stringify({ produced: sequence, filler: 'x'.repeat(400) }));
    }
    database.exec('COMMIT');
  });
  return { name: 'plain node:sqlite', commit, close: async () => database.close() };
}

async function appendFile(directory: string): Promise<Subject> {
  mkdirSync(directory);
  const file = openSync(join(directory, 'append.log'), 'a');
  const bytes = Buffer.from(`${line}\n`);
  const commit = grouped((count) => {
    writevSync(
      file,
      Array.from({ length: count }, () => bytes),
    );
    fdatasyncSync(file);
  });
  return { name: 'append file + fdatasync', commit, close: async () => closeSync(file) };
}

/** Commits a second, with `waiting` of them under way at a time. */
async function rate(subject: Subject, waiting: number): Promise<number> {
  const turns = Math.ceil(commitsPerRound / waiting / (waiting === 1 ? 4 : 1));
  const start = performance.now();
  for (let turn = 0; turn < turns; turn += 1)
    await Promise.all(Array.from({ length: waiting }, () => subject.commit()));
  return (turns * waiting * 1_000) / (performance.now() - start);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function measure(parent: string): Promise<{ name: string; waiting: number; commitsPerSecond: number }[]> {
  const root = mkdtempSync(join(parent, 'iam-agent-bench-'));
  const makers = { sealed: sealedJournal, plain: plainSqlite, append: appendFile };
  const subjects: Subject[] = [];
  try {
    for (const [name, make] of Object.entries(makers)) subjects.push(await make(join(root, name)));
    const results = [];
    for (const waiting of waitingCounts) {
      const rates = new Map(subjects.map((subject) => [subject, [] as number[]]));
      for (const subject of subjects) await rate(subject, waiting);
      // Interleaved: a disk that slows down slows all of them.
      for (let round = 0; round < rounds; round += 1)
        for (const [subject, measured] of rates) measured.push(await rate(subject, waiting));
      for (const [{ name }, measured] of rates)
        results.push({ name, waiting, commitsPerSecond: Math.round(median(measured)) });
    }
    return results;
  } finally {
    for (const subject of subjects) await subject.close();
    rmSync(root, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, directory: { type: 'string', default: tmpdir() } },
});
const results = await measure(values.directory);
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
else {
  process.stdout.write(`commits/s, median of ${rounds}\n${'waiting'.padEnd(28)}`);
  process.stdout.write(`${waitingCounts.map((count) => String(count).padStart(10)).join('')}\n`);
  for (const name of new Set(results.map((result) => result.name))) {
    const rates = results.filter((result) => result.name === name).map((result) => result.commitsPerSecond);
    process.stdout.write(`${name.padEnd(28)}${rates.map((value) => String(value).padStart(10)).join('')}\n`);
  }
}
