// Local runs in the journal's file: kept over a restart, sealed, brought in by a new version, and not in the way when they are damaged.
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Journal } from '../../../agent/job/journal.ts';
import type { RunLog } from '../../../agent/local/run-log.ts';
import { asVersionOne, JournalDirectory } from '../../contract/journal-directory.ts';
import { startedJob } from '../../contract/journal-samples.ts';
import { runIdOf, runOf } from '../../support/run-samples.ts';

const all = { maxCount: 1_000, maxBytes: 1_000_000 };
const intent = { call: { action: 'create_access_key', big: 1 }, record: ['before', null] };

describe('local runs in the journal', () => {
  let directory: JournalDirectory;
  let log: Journal & RunLog;
  beforeEach(async () => {
    directory = new JournalDirectory('in_memory');
    log = (await directory.open()).journal;
  });
  afterEach(() => directory.dispose());

  const reopen = async (): Promise<void> => {
    await log.close();
    log = (await directory.open()).journal;
  };

  it('come back as they were written, with intents and entries', async () => {
    const run = runOf(1, { outcomes: { succeeded: 1 }, entries: 3 });
    await log.commitRuns([
      { kind: 'run', run },
      { kind: 'run_intent', run: run.id, row: 7, intent },
      { kind: 'run_intent', run: run.id, row: 3, intent },
      { kind: 'run_entries', run: run.id, from: 1, lines: ['{"row":0}', '{"é":"😀"}'] },
      { kind: 'run_entries', run: run.id, from: 3, lines: ['{"row":2}'] },
    ]);
    await reopen();
    expect(await log.run(run.id)).to.deep.equal(run);
    expect(await log.run(runIdOf(2))).to.equal(null);
    expect(await log.runIntents(run.id)).to.deep.equal([
      { row: 3, intent },
      { row: 7, intent },
    ]);
    expect(await log.runEntries(run.id, 1, all)).to.deep.equal(['{"row":0}', '{"é":"😀"}', '{"row":2}']);
    expect(await log.runEntries(run.id, 2, { ...all, maxBytes: 1 })).to.deep.equal(['{"é":"😀"}']);
    await log.commitRuns([{ kind: 'run_row_ended', run: run.id, row: 3 }]);
    expect((await log.runIntents(run.id)).map(({ row }) => row)).to.deep.equal([7]);
  });

  it('are open until they have an end; recent ones are newest first', async () => {
    const runs = [runOf(1), runOf(2, { end: 'completed', endedAt: 5 }), runOf(3)];
    await log.commitRuns(runs.map((run) => ({ kind: 'run', run })));
    expect((await log.openRuns()).map(({ id }) => id)).to.deep.equal([runIdOf(1), runIdOf(3)]);
    expect((await log.recentRuns(2)).map(({ id }) => id)).to.deep.equal([runIdOf(3), runIdOf(2)]);
    await log.commitRuns([{ kind: 'run', run: runOf(1, { end: 'interrupted' }) }]);
    expect((await log.openRuns()).map(({ id }) => id)).to.deep.equal([runIdOf(3)]);
  });

  it('take nothing of a run that is not there', async () => {
    let failed = '';
    await log
      .commitRuns([{ kind: 'run_intent', run: runIdOf(9), row: 0, intent }])
      .catch((error: unknown) => (failed = String(error)));
    expect(failed).to.include('NOT NULL');
  });

  it('are forgotten at their time, with all of theirs, once they have ended', async () => {
    const entries = { kind: 'run_entries', from: 1, lines: ['{"row":0}'] } as const;
    await log.commitRuns([
      { kind: 'run', run: runOf(1, { forgetAt: 50 }) },
      { kind: 'run', run: runOf(2, { forgetAt: 50, end: 'completed' }) },
      { ...entries, run: runIdOf(2) },
      { kind: 'run', run: runOf(3, { forgetAt: 51, end: 'completed' }) },
      { ...entries, run: runIdOf(3) },
    ]);
    expect(await log.purgeRuns(50)).to.equal(1);
    expect((await log.recentRuns(9)).map(({ id }) => id)).to.deep.equal([runIdOf(3), runIdOf(1)]);
    expect(await log.runEntries(runIdOf(2), 1, all)).to.deep.equal([]);
    expect(await log.runEntries(runIdOf(3), 1, all)).to.have.length(1);
    await reopen();
    expect(await log.run(runIdOf(2))).to.equal(null);
  });

  it('do not count as spool', async () => {
    await log.commitRuns([
      { kind: 'run', run: runOf(1) },
      { kind: 'run_entries', run: runIdOf(1), from: 1, lines: ['x'.repeat(1_000)] },
    ]);
    expect(log.spoolBytes()).to.equal(0);
    expect(await log.openJobs()).to.deep.equal([]);
  });

  it('stand on the disk without a word in clear', async () => {
    await log.commitRuns([
      { kind: 'run', run: runOf(1, { action: 'marker_action', connection: 'marker-label' }) },
      { kind: 'run_intent', run: runIdOf(1), row: 0, intent: { call: 'marker-call', record: null } },
      { kind: 'run_entries', run: runIdOf(1), from: 1, lines: ['{"row":0,"marker-entry":1}'] },
    ]);
    await reopen();
    const bytes = readFileSync(join(directory.path, 'journal.db')).toString('latin1');
    expect(bytes).not.to.include('marker');
    expect(bytes).to.include(runIdOf(1));
  });

  it('get their tables in a journal of the version before, which keeps its jobs', async () => {
    const { job, changes } = startedJob(1, ['{"a":0}']);
    await log.commit(changes);
    await log.close();
    directory.tamper(directory.path, asVersionOne);
    const { journal, recovery } = await directory.open();
    expect(recovery.damaged).to.deep.equal([]);
    expect(await journal.job(job.id)).to.deep.equal(job);
    expect(await journal.pendingRows(job.id, -1, 9)).to.have.length(1);
    await journal.commitRuns([{ kind: 'run', run: runOf(1) }]);
    expect(await journal.recentRuns(9)).to.have.length(1);
  });

  describe('changed outside the program', () => {
    const one = `(SELECT key FROM runs WHERE id = '${runIdOf(1)}')`;
    const flip =
      (table: string, where: string) =>
      (database: DatabaseSync): void => {
        const value = database.prepare(`SELECT value FROM ${table} WHERE ${where}`).get()?.['value'];
        if (!(value instanceof Uint8Array)) throw new Error('nothing to flip');
        value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
        database.prepare(`UPDATE ${table} SET value = ? WHERE ${where}`).run(value);
      };
    const changes: readonly (readonly [string, (database: DatabaseSync) => void])[] = [
      ['its record', flip('runs', `key = ${one}`)],
      ['an intent', flip('run_intents', `run = ${one}`)],
      ['its index', (database) => database.exec(`UPDATE runs SET open = 0 WHERE key = ${one}`)],
      ['a record of the future', (database) => database.exec(`UPDATE runs SET counter = 900 WHERE key = ${one}`)],
      [
        "an intent that is another run's",
        (database) =>
          database.exec(
            `UPDATE run_intents SET value = (SELECT value FROM run_intents WHERE run <> ${one}) WHERE run = ${one}`,
          ),
      ],
    ];
    for (const [what, change] of changes) {
      it(`say so and let the others be: ${what}`, async () => {
        for (const number of [1, 2])
          await log.commitRuns([
            { kind: 'run', run: runOf(number) },
            { kind: 'run_intent', run: runIdOf(number), row: 0, intent },
          ]);
        await log.close();
        directory.tamper(directory.path, change);
        log = (await directory.open()).journal;
        expect((await log.run(runIdOf(1)))?.end).to.equal('damaged');
        expect(await log.run(runIdOf(2))).to.deep.equal(runOf(2));
        expect((await log.openRuns()).map(({ id }) => id)).to.deep.equal([runIdOf(2)]);
      });
    }
  });
});
