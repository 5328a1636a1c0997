// The part of the journal's contract that writes: order, all or nothing, and what is forgotten when.
import { expect } from 'chai';
import type { Change, Journal } from '../../agent/job/journal.ts';
import { jobIdOf, jobOf, startedJob, stateChange, withAck, withEntries } from './journal-samples.ts';

const all = { maxCount: 1_000, maxBytes: 1_000_000 };

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}

export function kindOf(error: unknown): unknown {
  return error instanceof Error && 'kind' in error ? error.kind : error;
}

export function commitContract(journal: () => Journal, reopen: () => Promise<void>): void {
  describe('commit', () => {
    it('shows nothing before it resolves, and everything then', async () => {
      const { job, changes } = startedJob(1, ['{}']);
      const done = journal().commit(changes);
      expect(await journal().job(job.id)).to.equal(null);
      await done;
      expect(await journal().pendingRows(job.id, -1, 1)).to.have.length(1);
    });

    it('keeps the order of the calls', async () => {
      const order: number[] = [];
      const commits = [1, 2, 3].map((value) =>
        journal()
          .commit([{ kind: 'session_counter', value }])
          .then(() => order.push(value)),
      );
      await Promise.all(commits);
      expect(order).to.deep.equal([1, 2, 3]);
      expect((await journal().facts()).sessionCounter).to.equal(3);
    });

    it('stores what was given, whatever the caller does to it afterwards', async () => {
      const { job, changes } = startedJob(1, ['{}']);
      const keySet = { version: 1 };
      const lines = ['a', 'b'];
      const rows: Change = { kind: 'rows', job: job.id, firstRow: 1, lines };
      const done = journal().commit([...changes, { kind: 'key_set', keySet }, rows]);
      keySet.version = 2;
      lines[0] = 'changed';
      await done;
      expect((await journal().facts()).keySet).to.deep.equal({ version: 1 });
      expect((await journal().pendingRows(job.id, 0, 1))[0]?.line).to.equal('a');
    });

    it('of nothing resolves', async () => {
      await journal().commit([]);
    });

    it('that may wait keeps its place before the next one, and is durable with it or alone', async () => {
      const { job, changes } = startedJob(1, ['{}']);
      await journal().commit(changes);
      const made = withEntries(job, ['a']);
      const order: string[] = [];
      const first = journal()
        .commit(made.changes, { mayWait: true })
        .then(() => order.push('first'));
      const next = withEntries(made.job, ['b']);
      const second = journal()
        .commit(next.changes)
        .then(() => order.push('second'));
      await Promise.all([first, second]);
      expect(order).to.deep.equal(['first', 'second']);
      expect((await journal().entries(job.id, 1, all)).map(({ line }) => line)).to.deep.equal(['a', 'b']);
      await journal().commit([{ kind: 'session_counter', value: 7 }], { mayWait: true });
      expect((await journal().facts()).sessionCounter).to.equal(7);
    });

    const invalid: readonly [string, readonly Change[]][] = [
      ['a job that is there', startedJob(1, ['{}']).changes],
      ['the state of an unknown job', [stateChange(jobOf(9))]],
      ['rows of an unknown job', [{ kind: 'rows', job: jobIdOf(9), firstRow: 0, lines: ['{}'] }]],
      ['a row that is there', [{ kind: 'rows', job: jobIdOf(1), firstRow: 0, lines: ['{}'] }]],
      [
        'progress of a row that is not there',
        [{ kind: 'row_progress', job: jobIdOf(1), row: 5, progress: { items: 0, marker: null, intent: null } }],
      ],
      ['entries of an unknown job', withEntries(jobOf(9), ['a']).changes.slice(0, 1)],
      ['an entry that is there', withEntries(jobOf(1), ['a']).changes.slice(0, 1)],
    ];
    for (const [what, changes] of invalid) {
      it(`of ${what} stores nothing, and nothing is stored any more`, async () => {
        const { job, changes: start } = startedJob(1, ['{}', '{}']);
        const made = withEntries(job, ['a']);
        await journal().commit([...start, ...made.changes]);
        const good = journal().commit([{ kind: 'session_counter', value: 5 }]);
        const bad = journal().commit([{ kind: 'row_ended', job: job.id, row: 1 }, ...changes]);
        expect(kindOf(await rejection(good))).to.equal('failed');
        expect(kindOf(await rejection(bad))).to.equal('failed');
        expect(kindOf(await rejection(journal().commit([{ kind: 'session_counter', value: 6 }])))).to.equal('failed');
        expect(kindOf(await rejection(journal().purge(1)))).to.equal('failed');
        expect((await journal().facts()).sessionCounter).to.equal(0);
        expect(await journal().pendingRows(job.id, -1, 5)).to.have.length(2);
        expect(await journal().job(job.id)).to.deep.equal(made.job);
        expect(journal().spoolBytes()).to.equal(1);
      });
    }
  });

  describe('purge', () => {
    async function closedJob(number: number, forgetAt: number, keepUntil: number | null): Promise<void> {
      const { job, changes } = startedJob(number, ['{}']);
      const made = withEntries(job, ['ab', 'cd'], [0]);
      const last = made.entries.at(-1);
      if (last === undefined) throw new Error('no entries');
      const acked = withAck(made.job, last, keepUntil);
      const closed = { ...acked.job, forgetAt, state: { ...acked.job.state, phase: 'closed' as const } };
      await journal().commit([...changes, ...made.changes, ...acked.changes, stateChange(closed)]);
    }

    it('forgets closed and rejected jobs whose time has come, and no other', async () => {
      await closedJob(1, 100, null);
      await closedJob(2, 101, null);
      const rejected = jobOf(3, [], { forgetAt: 100 });
      const open = jobOf(4, [3], { forgetAt: 100 });
      const state = { ...rejected.state, phase: 'rejected' as const };
      await journal().commit([
        { kind: 'job', job: { ...rejected, state } },
        { kind: 'job', job: open },
      ]);
      expect(await journal().purge(99)).to.deep.equal({ jobs: 0, entries: 0 });
      expect(await journal().purge(100)).to.deep.equal({ jobs: 2, entries: 0 });
      await reopen();
      expect((await journal().recentJobs(10)).map(({ id }) => id)).to.deep.equal(
        [jobIdOf(2), jobIdOf(4)].toSorted().toReversed(),
      );
    });

    it('removes kept entries whose time is over; a job stays known as long as it has one', async () => {
      await closedJob(1, 100, 200);
      expect(await journal().purge(199)).to.deep.equal({ jobs: 0, entries: 0 });
      expect(await journal().entries(jobIdOf(1), 0, all)).to.have.length(2);
      expect(await journal().purge(200)).to.deep.equal({ jobs: 1, entries: 2 });
      expect(await journal().job(jobIdOf(1))).to.equal(null);
      expect(await journal().entries(jobIdOf(1), 0, all)).to.deep.equal([]);
    });

    it('takes everything of a forgotten job, and its id may come again', async () => {
      const { job, changes } = startedJob(1, ['{}']);
      const made = withEntries(job, ['abc']);
      const state = { ...made.job.state, phase: 'closed' as const };
      await journal().commit([...changes, ...made.changes, stateChange({ ...made.job, state, forgetAt: 1 })]);
      expect(journal().spoolBytes()).to.equal(3);
      expect(await journal().purge(2)).to.deep.equal({ jobs: 1, entries: 1 });
      expect(journal().spoolBytes()).to.equal(0);
      await journal().commit(changes);
      expect(await journal().entries(job.id, 0, all)).to.deep.equal([]);
      expect(await journal().pendingRows(job.id, -1, 9)).to.have.length(1);
    });
  });
}
