// Rows and entries share records on the disk: what is written together is one block, what is read and ended is a row, or an entry.
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Change } from '../../../agent/job/journal.ts';
import { limits } from '../../../protocol/limits.ts';
import { asVersionOne, JournalDirectory } from '../../contract/journal-directory.ts';
import { jobOf, startedJob, withAck, withEntries, withRows } from '../../contract/journal-samples.ts';

describe('blocks of the journal', () => {
  let directory: JournalDirectory;
  beforeEach(() => {
    directory = new JournalDirectory('in_memory');
  });
  afterEach(() => directory.dispose());

  function stored(query: string): unknown[] {
    const found: unknown[] = [];
    directory.tamper(directory.path, (database) => {
      found.push(
        ...database
          .prepare(query)
          .all()
          .map((row) => ({ ...row })),
      );
    });
    return found;
  }

  it('writes the entries of one transaction as blocks that are read, acknowledged and counted entry by entry', async () => {
    const { journal } = await directory.open();
    const { job, changes } = startedJob(1, ['{}']);
    const size = limits.resultsEntries;
    const lines = Array.from({ length: 2 * size + 20 }, (_none, index) => `line ${index}\nwith a second part`);
    const made = withEntries(job, lines);
    const last = made.entries[size + 19];
    if (last === undefined) throw new Error('no entries');
    await journal.commit([...changes, ...made.changes]);
    await journal.commit(withAck(made.job, last, null).changes);
    await journal.close();
    expect(stored('SELECT sequence, count FROM entries ORDER BY sequence')).to.deep.equal([
      { sequence: size + 21, count: size - 20 },
      { sequence: 2 * size + 1, count: 20 },
    ]);
    const { journal: again, recovery } = await directory.open();
    expect(recovery).to.deep.include({ entries: size, damaged: [] });
    const all = { maxCount: 1_000, maxBytes: 1_000_000 };
    const left = made.entries.slice(size + 20);
    expect(await again.entries(job.id, 1, all)).to.deep.equal(left);
    expect(await again.headAt(job.id, size + 50)).to.equal(left[29]?.head);
    expect(await again.headAt(job.id, size + 20)).to.equal(null);
    expect(again.spoolBytes()).to.equal(left.reduce((sum, { line }) => sum + line.length, 0));
  });

  it('writes the rows of a chunk as blocks that are read and ended row by row, a long one by itself', async () => {
    const { journal } = await directory.open();
    const lines = Array.from({ length: 100 }, (_none, row) => (row === 70 ? 'x'.repeat(20_000) : `row ${row}\né😀`));
    const { job, changes } = startedJob(1, lines);
    const ended = [...Array(64).keys(), 65, 98];
    await journal.commit(changes);
    const made = withEntries(job, ['a'], ended);
    await journal.commit(made.changes);
    await journal.close();
    expect(stored('SELECT row, count FROM rows ORDER BY row')).to.deep.equal([
      { row: 64, count: 5 },
      { row: 70, count: 1 },
      { row: 71, count: 28 },
    ]);
    const { journal: again, recovery } = await directory.open();
    expect(recovery).to.deep.include({ rows: 34, damaged: [] });
    const left = lines.map((line, row) => ({ row, line, progress: null })).filter(({ row }) => !ended.includes(row));
    expect(await again.pendingRows(job.id, -1, 1_000)).to.deep.equal(left);
    expect(await again.pendingRows(job.id, 66, 5)).to.deep.equal(left.filter(({ row }) => row > 66).slice(0, 5));
    expect(await again.pendingRows(job.id, 98, 5)).to.deep.equal(left.slice(-1));
  });

  it('reads the rows that are left, in whatever order and company they ended', async () => {
    const numbers = fc.uniqueArray(fc.nat(199), { maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(fc.array(numbers, { maxLength: 6 }), fc.integer({ min: 1, max: 70 }), async (groups, page) => {
        const own = new JournalDirectory('in_memory');
        try {
          const { journal } = await own.open();
          const lines = Array.from({ length: 200 }, (_none, row) => `{"user":"${'u'.repeat(row)}"}`);
          const { job, changes } = startedJob(1, lines);
          await journal.commit(changes);
          for (const rows of groups)
            await journal.commit(rows.map((row): Change => ({ kind: 'row_ended', job: job.id, row })));
          const gone = new Set(groups.flat());
          const read: number[] = [];
          for (let last = -1; ; last = read.at(-1) ?? last) {
            const rows = await journal.pendingRows(job.id, last, page);
            if (rows.length === 0) break;
            for (const { row, line } of rows) expect(line).to.equal(lines[row]);
            read.push(...rows.map(({ row }) => row));
          }
          expect(read).to.deep.equal([...lines.keys()].filter((row) => !gone.has(row)));
        } finally {
          await own.dispose();
        }
      }),
      { numRuns: 10 },
    );
  });

  it('keeps progress to rows that are there: in a block, one that ended has none', async () => {
    const { journal } = await directory.open();
    const { job, changes } = startedJob(1, ['{}', '{}', '{}']);
    const progress = { items: 1, marker: 'next', intent: null };
    await journal.commit([...changes, { kind: 'row_ended', job: job.id, row: 1 }]);
    await journal.commit([{ kind: 'row_progress', job: job.id, row: 2, progress }]);
    const bad = journal.commit([{ kind: 'row_progress', job: job.id, row: 1, progress }]);
    expect(await bad.catch((error: unknown) => error)).to.include({ name: 'JournalError', kind: 'failed' });
  });

  it('reads what a version that stored every row and every entry by itself left behind', async () => {
    const { journal } = await directory.open();
    const rows = ['{"a":0}', '{"a":1}', '{"a":2}'];
    let made = { job: jobOf(1, [1, 1, 1]) };
    await journal.commit([{ kind: 'job', job: made.job }]);
    for (const [row, line] of rows.entries()) {
      const next = withRows(made.job, [line], row);
      await journal.commit(next.changes);
      made = next;
    }
    const one = withEntries(made.job, ['a'], [1]);
    const two = withEntries(one.job, ['b']);
    await journal.commit(one.changes);
    await journal.commit(two.changes);
    await journal.close();
    directory.tamper(directory.path, asVersionOne);
    const { journal: again, recovery } = await directory.open();
    expect(recovery).to.deep.include({ rows: 2, entries: 2, damaged: [] });
    const held = await again.entries(two.job.id, 1, { maxCount: 9, maxBytes: 1_000 });
    expect(held).to.deep.equal([...one.entries, ...two.entries]);
    const pending = await again.pendingRows(two.job.id, -1, 9);
    expect(pending.map(({ row, line }) => [row, line])).to.deep.equal([
      [0, rows[0]],
      [2, rows[2]],
    ]);
    await again.commit(withEntries(two.job, ['c'], [0]).changes);
    expect(await again.pendingRows(two.job.id, -1, 9)).to.have.length(1);
  });
});
