// A journal that was changed outside the program: the job it happened to is quarantined and named, the others go on; what belongs to no job is
// refused. Nothing throws, whatever the bytes.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { JournalRecovery } from '../../../agent/io/journal-recovery.ts';
import type { Journal } from '../../../agent/job/journal.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import type { JobId } from '../../../protocol/ids.ts';
import { JournalDirectory } from '../../contract/journal-directory.ts';
import { jobIdOf, startedJob, stateChange, withAck, withEntries } from '../../contract/journal-samples.ts';

const lines = ['{"row":0}', '{"row":1}', '{"row":2}', '{"row":3}'];
const everything = { maxCount: 1_000_000, maxBytes: 1_000_000_000 };

/** Three jobs under way, each with a row that ended, one that has begun, entries on the host and one acknowledged; and one closed job. */
async function fill(journal: Journal): Promise<void> {
  for (const number of [1, 2, 3, 4]) {
    const { job, changes } = startedJob(number, lines);
    const ended = withEntries(job, [`{"envelope":${number}}`, '{"row_end":0}'], [0]);
    const [first] = ended.entries;
    if (first === undefined) throw new Error('no entries');
    const begun = withEntries(ended.job, ['{"item":0}']);
    const acked = withAck(begun.job, first, 1_000_000);
    const progress = { items: 1, marker: 'next', intent: null };
    // Two commits: one would write both entries that stay into one block, and nothing could be done to one of them.
    await journal.commit([...changes, ...ended.changes]);
    await journal.commit([...begun.changes, ...acked.changes, { kind: 'row_progress', job: job.id, row: 1, progress }]);
    if (number === 4)
      await journal.commit([stateChange({ ...acked.job, state: { ...acked.job.state, phase: 'closed' } })]);
  }
}

const key = (job: JobId): string => `(SELECT key FROM jobs WHERE id = '${job}')`;
const two = jobIdOf(2);

/** Changes the last byte of the sealed value that `where` names. */
function flip(table: string, where: string): (database: DatabaseSync) => void {
  return (database) => {
    const found = database.prepare(`SELECT value FROM ${table} WHERE ${where}`).get()?.['value'];
    if (!(found instanceof Uint8Array)) throw new Error('nothing to flip');
    const last = found.length - 1;
    found[last] = (found[last] ?? 0) ^ 1;
    database.prepare(`UPDATE ${table} SET value = ? WHERE ${where}`).run(found);
  };
}

function sql(text: string): (database: DatabaseSync) => void {
  return (database) => database.exec(text);
}

/** Gives two records each other's value and counter. */
function swap(table: string, one: string, other: string): (database: DatabaseSync) => void {
  return sql(`
    CREATE TEMP TABLE held AS SELECT counter, value FROM ${table} WHERE ${one};
    UPDATE ${table} SET (counter, value) = (SELECT counter, value FROM ${table} WHERE ${other}) WHERE ${one};
    UPDATE ${table} SET (counter, value) = (SELECT counter, value FROM held) WHERE ${other};
  `);
}

describe('damaged journal', () => {
  let directory: JournalDirectory;
  beforeEach(async () => {
    directory = new JournalDirectory('in_memory');
    const { journal } = await directory.open();
    await fill(journal);
    await journal.close();
  });
  afterEach(() => directory.dispose());

  const ofJobTwo: readonly [string, (database: DatabaseSync) => void][] = [
    ['its state was changed', flip('jobs', `id = '${two}'`)],
    ['its claims were changed', flip('origins', `job = ${key(two)}`)],
    ['its claims are missing', sql(`DELETE FROM origins WHERE job = ${key(two)}`)],
    ['a row was changed', flip('rows', `job = ${key(two)}`)],
    ['its rows are missing', sql(`DELETE FROM rows WHERE job = ${key(two)}`)],
    ['rows stand at other numbers', sql(`UPDATE rows SET row = 0 WHERE job = ${key(two)}`)],
    ['a number of rows was changed', sql(`UPDATE rows SET count = 2 WHERE job = ${key(two)}`)],
    ['several rows look like one', sql(`UPDATE rows SET count = 1 WHERE job = ${key(two)}`)],
    ['the progress of a row was changed', flip('progress', `job = ${key(two)} AND row = 1`)],
    ['progress stands at another row', sql(`UPDATE progress SET row = 2 WHERE job = ${key(two)}`)],
    ['an entry was changed', flip('entries', `job = ${key(two)} AND sequence = 3`)],
    ['the first entry is missing', sql(`DELETE FROM entries WHERE job = ${key(two)} AND sequence = 2`)],
    ['the last entry is missing', sql(`DELETE FROM entries WHERE job = ${key(two)} AND sequence = 3`)],
    [
      'two entries changed places',
      swap('entries', `job = ${key(two)} AND sequence = 2`, `job = ${key(two)} AND sequence = 3`),
    ],
    ['an entry looks acknowledged', sql(`UPDATE entries SET kept_until = 5 WHERE job = ${key(two)} AND sequence = 3`)],
    ['a number of entries was changed', sql(`UPDATE entries SET count = 2 WHERE job = ${key(two)} AND sequence = 3`)],
    ['the size of an entry was changed', sql(`UPDATE entries SET bytes = 1 WHERE job = ${key(two)} AND sequence = 3`)],
    ['it looks closed', sql(`UPDATE jobs SET phase = 'closed' WHERE id = '${two}'`)],
    ['it looks older', sql(`UPDATE jobs SET received_at = 1 WHERE id = '${two}'`)],
    ['a record is of a transaction to come', sql(`UPDATE rows SET counter = 1000 WHERE job = ${key(two)}`)],
    ['a number became huge', sql(`UPDATE rows SET row = 9007199254740993 WHERE job = ${key(two)}`)],
    ['a number became a text', sql(`UPDATE rows SET counter = 'x' WHERE job = ${key(two)}`)],
  ];
  for (const [what, change] of ofJobTwo) {
    it(`quarantines one job when ${what}, and tells once`, async () => {
      directory.tamper(directory.path, change);
      const { journal, recovery } = await directory.open();
      expect(recovery.damaged.map(({ job }) => job)).to.deep.equal([two]);
      expect(recovery.damaged[0]?.detail).to.be.a('string').and.not.equal('');
      expect((await journal.job(two))?.state).to.include({ phase: 'quarantined', refusal: 'state_damaged' });
      const open = await journal.openJobs();
      const phases = Object.fromEntries(open.map(({ id, state }) => [id, state.phase]));
      expect(phases).to.deep.equal({ [jobIdOf(1)]: 'accepted', [two]: 'quarantined', [jobIdOf(3)]: 'accepted' });
      expect(await journal.pendingRows(jobIdOf(1), -1, 9)).to.have.length(3);
      await journal.commit([{ kind: 'session_counter', value: 1 }]);
      await journal.close();
      expect((await directory.open()).recovery).to.deep.include({ jobs: 3, damaged: [] });
    });
  }

  it('quarantines two jobs whose records changed places', async () => {
    const [one, other] = [`job = ${key(jobIdOf(1))}`, `job = ${key(two)}`];
    directory.tamper(directory.path, swap('rows', one, other));
    const { recovery } = await directory.open();
    expect(recovery.damaged.map(({ job }) => job)).to.deep.equal([jobIdOf(1), two]);
  });

  it('quarantines the jobs whose records are newer than the meta record', async () => {
    directory.tamper(directory.path, sql('UPDATE meta SET counter = 4'));
    const { recovery } = await directory.open();
    expect(recovery.damaged.map(({ job }) => job)).to.deep.equal([jobIdOf(3), jobIdOf(4)]);
  });

  it('quarantines a job with an entry that is well sealed and not in the chain', async () => {
    const { journal } = await directory.open();
    const { job, changes } = startedJob(9, lines);
    const made = withEntries(job, ['a', 'b']);
    const [first, second] = made.entries;
    if (first === undefined || second === undefined) throw new Error('no entries');
    const entries = [{ ...first, head: second.head }, second];
    await journal.commit([...changes, { kind: 'entries', job: job.id, entries }, stateChange(made.job)]);
    await journal.close();
    expect((await directory.open()).recovery.damaged.map((damaged) => damaged.job)).to.deep.equal([job.id]);
  });

  it('does not let a closed job run again when its record is damaged', async () => {
    directory.tamper(directory.path, flip('jobs', `id = '${jobIdOf(4)}'`));
    const { journal } = await directory.open();
    expect((await journal.job(jobIdOf(4)))?.state.phase).to.equal('quarantined');
  });

  const ofNoJob: readonly [string, (database: DatabaseSync) => void][] = [
    ['a fact was changed', flip('facts', "name = 'session_counter'")],
    ['a fact stands under another name', swap('facts', "name = 'session_counter'", "name = 'high_water'")],
    ['the meta record is missing', sql('DELETE FROM meta')],
    ['the salt was changed', sql("UPDATE meta SET salt = x'00'")],
    ['the id of a job is none', sql(`UPDATE jobs SET id = 'x' WHERE id = '${two}'`)],
    ['a table is missing', sql('DROP TABLE entries')],
  ];
  for (const [what, change] of ofNoJob) {
    it(`is refused when ${what}`, async () => {
      const { journal } = await directory.open();
      await journal.commit([
        { kind: 'session_counter', value: 1 },
        { kind: 'high_water', atMs: 2 },
      ]);
      await journal.close();
      directory.tamper(directory.path, change);
      const opened = await directory.tryOpen();
      expect(isRefusal(opened) && opened.code).to.equal('state_damaged');
    });
  }

  it('fails a read of a kept entry that was changed, and only that', async () => {
    directory.tamper(directory.path, flip('entries', `job = ${key(two)} AND sequence = 1`));
    const { journal, recovery } = await directory.open();
    expect(recovery.damaged).to.deep.equal([]);
    const failed = await journal.entries(two, 1, everything).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failed).to.include({ name: 'JournalError', kind: 'damaged' });
    expect(await journal.entries(two, 2, everything)).to.have.length(2);
  });

  /** Opens a copy whose file was changed; if it opens, everything in it can be read. */
  async function survives(change: (path: string) => void, from: string): Promise<JournalRecovery | 'refused'> {
    const path = directory.copy(from);
    change(path);
    const opened = await directory.tryOpen(path);
    if (isRefusal(opened)) {
      expect(opened.code).to.equal('state_damaged');
      return 'refused';
    }
    const { journal, recovery } = opened;
    for (const { id, state } of await journal.openJobs()) {
      if (state.phase === 'quarantined') continue;
      await journal.pendingRows(id, -1, 100);
      await journal.entries(id, state.acked + 1, everything);
    }
    await journal.close();
    return recovery;
  }

  async function crashedDirectory(): Promise<string> {
    const live = new JournalDirectory('in_memory');
    try {
      const { journal } = await live.open();
      await fill(journal);
      return directory.copy(live.path);
    } finally {
      await live.dispose();
    }
  }

  it('opens what stands before a log that was cut or changed at its end: whole transactions, nothing torn', async () => {
    const crashed = await crashedDirectory();
    const size = readFileSync(join(crashed, 'journal.db-wal')).length;
    const counters = new Set<number>();
    for (let part = 0; part < 24; part += 1) {
      const at = Math.floor((size * part) / 24) + part;
      const cut = await survives((path) => truncateSync(join(path, 'journal.db-wal'), at), crashed);
      const changed = await survives((path) => flipByte(join(path, 'journal.db-wal'), at), crashed);
      for (const outcome of [cut, changed]) {
        if (outcome === 'refused') continue;
        expect(outcome.damaged).to.deep.equal([]);
        counters.add(outcome.at.counter);
      }
    }
    expect(counters.size).to.be.greaterThan(3);
  });

  it('opens or refuses, and reads, whatever byte of the file was changed', async () => {
    const size = readFileSync(join(directory.path, 'journal.db')).length;
    const outcomes = new Set<string>();
    for (let part = 0; part < 120; part += 1) {
      const at = part < 20 ? part * 5 : Math.floor((size * part) / 120) + part;
      const outcome = await survives((path) => flipByte(join(path, 'journal.db'), at), directory.path);
      outcomes.add(outcome === 'refused' ? outcome : outcome.damaged.length > 0 ? 'quarantined' : 'whole');
    }
    expect([...outcomes].toSorted()).to.deep.equal(['quarantined', 'refused', 'whole']);
  });
});

function flipByte(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 0x55;
  writeFileSync(file, bytes);
}
