// What the journal port promises, for every adapter. `reopen` closes the journal and opens what it left behind; the memory twin, which
// leaves nothing behind, gives itself.
import { expect } from 'chai';
import type { Change, Journal, StoredEntry, StoredJob } from '../../agent/job/journal.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import { commitContract, kindOf, rejection } from './journal-commit.ts';
import { jobIdOf, jobOf, startedJob, stateChange, withAck, withEntries } from './journal-samples.ts';

export interface JournalUnderTest {
  readonly journal: Journal;
  reopen(): Promise<Journal>;
  dispose(): Promise<void>;
}

const all = { maxCount: 1_000, maxBytes: 1_000_000 };

export function journalContract(name: string, make: () => Promise<JournalUnderTest>): void {
  describe(`journal contract: ${name}`, () => {
    let under: JournalUnderTest;
    let journal: Journal;
    beforeEach(async () => {
      under = await make();
      journal = under.journal;
    });
    afterEach(() => under.dispose());

    describe('facts', () => {
      it('start at zero and null', async () => {
        expect(await journal.facts()).to.deep.equal({ sessionCounter: 0, highWaterMs: 0, keySet: null });
      });

      it('hold the last value written, numbers without loss', async () => {
        const keySet = parseJson('{"version":2,"big":9007199254740993,"one":1.0}');
        await journal.commit([
          { kind: 'session_counter', value: 6 },
          { kind: 'session_counter', value: 7 },
          { kind: 'high_water', atMs: 1_700_000_000_123 },
          { kind: 'key_set', keySet },
        ]);
        journal = await under.reopen();
        const facts = await journal.facts();
        expect(facts.sessionCounter).to.equal(7);
        expect(facts.highWaterMs).to.equal(1_700_000_000_123);
        expect(stringifyJson(facts.keySet)).to.equal('{"version":2,"big":9007199254740993,"one":1.0}');
      });
    });

    describe('jobs', () => {
      it('are read back as written', async () => {
        const job = jobOf(1, [2, 3], { outcomes: { succeeded: 2 }, statement: 'a.b.c' });
        await journal.commit([{ kind: 'job', job }]);
        expect(await journal.job(job.id)).to.deep.equal(job);
        expect(await journal.job(jobIdOf(2))).to.equal(null);
        journal = await under.reopen();
        expect(await journal.job(job.id)).to.deep.equal(job);
      });

      it('keep claims, kid and time of arrival when their state changes', async () => {
        const job = jobOf(1);
        await journal.commit([{ kind: 'job', job }]);
        const state = { ...job.state, cancelled: true };
        const changed: StoredJob = { ...job, state, outcomes: { cancelled: 3 }, statement: 'x.y.z', forgetAt: 5 };
        await journal.commit([stateChange(changed)]);
        expect(await journal.job(job.id)).to.deep.equal(changed);
      });

      it('are a tombstone without claims', async () => {
        const tombstone = jobOf(1, [], { claims: null, kid: null });
        await journal.commit([{ kind: 'job', job: tombstone }]);
        expect(await journal.job(tombstone.id)).to.deep.equal(tombstone);
      });

      it('are open unless closed or rejected, oldest first; recent ones are newest first', async () => {
        const phases = ['finished', 'accepted', 'closed', 'rejected', 'quarantined'] as const;
        for (const [index, phase] of phases.entries()) {
          const job = jobOf(index, [], { receivedAt: 100 - index });
          await journal.commit([{ kind: 'job', job: { ...job, state: { ...job.state, phase } } }]);
        }
        const open = (await journal.openJobs()).map(({ state }) => state.phase);
        expect(open).to.deep.equal(['quarantined', 'accepted', 'finished']);
        const recent = (await journal.recentJobs(3)).map(({ state }) => state.phase);
        expect(recent).to.deep.equal(['finished', 'accepted', 'closed']);
        expect(await journal.recentJobs(100)).to.have.length(5);
      });

      it('that arrived in one millisecond are ordered as they were written', async () => {
        const jobs = [3, 1, 2].map((number) => jobOf(number, [3], { receivedAt: 50 }));
        await journal.commit(jobs.map((job): Change => ({ kind: 'job', job })));
        expect((await journal.openJobs()).map(({ id }) => id)).to.deep.equal([3, 1, 2].map(jobIdOf));
        expect((await journal.recentJobs(2)).map(({ id }) => id)).to.deep.equal([2, 1].map(jobIdOf));
      });
    });

    describe('rows', () => {
      const intent = { call: { Action: 'CreateUser', Size: 2 }, record: ['before', null, true] };

      it('are pending until they end, in order, a page at a time', async () => {
        const { job, changes } = startedJob(1, ['{"a":0}', '{"a":1}', '{"a":2}', '{"a":"é😀"}']);
        await journal.commit(changes);
        await journal.commit([{ kind: 'row_ended', job: job.id, row: 1 }]);
        const page = await journal.pendingRows(job.id, -1, 2);
        expect(page.map(({ row, line }) => [row, line])).to.deep.equal([
          [0, '{"a":0}'],
          [2, '{"a":2}'],
        ]);
        expect(await journal.pendingRows(job.id, 2, 10)).to.deep.equal([
          { row: 3, line: '{"a":"é😀"}', progress: null },
        ]);
        expect(await journal.pendingRows(job.id, 3, 10)).to.deep.equal([]);
        expect(await journal.pendingRows(jobIdOf(9), -1, 10)).to.deep.equal([]);
      });

      it('carry their newest progress', async () => {
        const { job, changes } = startedJob(1, ['{}', '{}']);
        await journal.commit(changes);
        const progress = { items: 3, marker: 'page-2', intent: null };
        await journal.commit([{ kind: 'row_progress', job: job.id, row: 1, progress: { ...progress, intent } }]);
        expect((await journal.pendingRows(job.id, 0, 1))[0]?.progress).to.deep.equal({ ...progress, intent });
        await journal.commit([{ kind: 'row_progress', job: job.id, row: 1, progress }]);
        journal = await under.reopen();
        const rows = await journal.pendingRows(job.id, -1, 5);
        expect(rows.map((row) => row.progress)).to.deep.equal([null, progress]);
      });

      it('keep the numbers of an intent without loss', async () => {
        const { job, changes } = startedJob(1, ['{}']);
        const call = parseJson('{"MaxSessionDuration":3600.0}');
        const progress = { items: 0, marker: null, intent: { call, record: null } };
        await journal.commit([...changes, { kind: 'row_progress', job: job.id, row: 0, progress }]);
        const [row] = await journal.pendingRows(job.id, -1, 1);
        expect(stringifyJson(row?.progress?.intent?.call ?? null)).to.equal('{"MaxSessionDuration":3600.0}');
      });

      it('that end take their progress with them; ending a row that is not there is no error', async () => {
        const { job, changes } = startedJob(1, ['{}']);
        const progress = { items: 0, marker: null, intent };
        await journal.commit([...changes, { kind: 'row_progress', job: job.id, row: 0, progress }]);
        await journal.commit([{ kind: 'row_ended', job: job.id, row: 0 }]);
        await journal.commit([{ kind: 'row_ended', job: job.id, row: 0 }]);
        expect(await journal.pendingRows(job.id, -1, 5)).to.deep.equal([]);
      });

      it('are dropped together, those of another job stay', async () => {
        const one = startedJob(1, ['{}', '{}']);
        const two = startedJob(2, ['{}']);
        const progress = { items: 0, marker: null, intent };
        const started: Change = { kind: 'row_progress', job: one.job.id, row: 0, progress };
        await journal.commit([...one.changes, ...two.changes, started, { kind: 'rows_dropped', job: one.job.id }]);
        expect(await journal.pendingRows(one.job.id, -1, 5)).to.deep.equal([]);
        expect(await journal.pendingRows(two.job.id, -1, 5)).to.have.length(1);
      });
    });

    describe('entries', () => {
      it('are read from a sequence on, within count and bytes, but never none when there is one', async () => {
        const { job, changes } = startedJob(1, ['{}']);
        const made = withEntries(job, ['0123456789', 'éé', 'x', 'y']);
        await journal.commit([...changes, ...made.changes]);
        expect(await journal.entries(job.id, 1, all)).to.deep.equal(made.entries);
        const read = async (from: number, maxCount: number, maxBytes: number): Promise<string[]> =>
          (await journal.entries(job.id, from, { maxCount, maxBytes })).map(({ line }) => line);
        expect(await read(2, 2, 1_000)).to.deep.equal(['éé', 'x']);
        expect(await read(1, 10, 1)).to.deep.equal(['0123456789']);
        expect(await read(1, 10, 13)).to.deep.equal(['0123456789']);
        expect(await read(1, 10, 14)).to.deep.equal(['0123456789', 'éé']);
        expect(await read(5, 10, 1_000)).to.deep.equal([]);
        expect(await read(0, 0, 1_000)).to.deep.equal([]);
      });

      it('count as spool until they are acknowledged', async () => {
        const { job, changes } = startedJob(1, ['{}']);
        const made = withEntries(job, ['0123456789', 'éé', 'x']);
        expect(journal.spoolBytes()).to.equal(0);
        await journal.commit([...changes, ...made.changes]);
        expect(journal.spoolBytes()).to.equal(15);
        const [first, second] = made.entries;
        if (first === undefined || second === undefined) throw new Error('no entries');
        const once = withAck(made.job, first, null);
        await journal.commit(once.changes);
        expect(journal.spoolBytes()).to.equal(5);
        await journal.commit(withAck(once.job, second, 900).changes);
        expect(journal.spoolBytes()).to.equal(1);
        journal = await under.reopen();
        expect(journal.spoolBytes()).to.equal(1);
      });

      it('that are kept can be bounded: those whose time is over first go first', async () => {
        const { job, changes } = startedJob(1, ['{}']);
        await journal.commit(changes);
        const entries: StoredEntry[] = [];
        let made = { job };
        // Each in a commit of its own: what was written together may be dropped together.
        for (const line of ['aaaa', 'bbbb', 'cccc', 'dddd']) {
          const next = withEntries(made.job, [line]);
          await journal.commit(next.changes);
          entries.push(...next.entries);
          made = next;
        }
        const [, second, third] = entries;
        if (second === undefined || third === undefined) throw new Error('no entries');
        const once = withAck(made.job, second, 800);
        await journal.commit([...once.changes, ...withAck(once.job, third, 900).changes]);
        expect([journal.spoolBytes(), journal.keptBytes()]).to.deep.equal([4, 12]);
        expect(await journal.trimKept(12)).to.equal(0);
        expect(await journal.trimKept(9)).to.equal(1);
        expect([journal.spoolBytes(), journal.keptBytes(), await journal.firstHeld(job.id, 0)]).to.deep.equal([
          4, 8, 2,
        ]);
        journal = await under.reopen();
        expect(journal.keptBytes()).to.equal(8);
        expect(await journal.trimKept(0)).to.equal(2);
        // What nobody acknowledged is never dropped.
        expect([journal.spoolBytes(), journal.keptBytes(), await journal.firstHeld(job.id, 0)]).to.deep.equal([
          4, 0, 4,
        ]);
        expect(await journal.purge(1_000)).to.deep.equal({ jobs: 0, entries: 0 });
      });

      it('that were acknowledged are gone, or kept and readable', async () => {
        const { job, changes } = startedJob(1, ['{}']);
        const made = withEntries(job, ['a', 'b', 'c']);
        await journal.commit([...changes, ...made.changes]);
        const [first, second, third] = made.entries;
        if (first === undefined || second === undefined) throw new Error('no entries');
        const once = withAck(made.job, first, null);
        await journal.commit([...once.changes, ...withAck(once.job, second, 900).changes]);
        expect(await journal.firstHeld(job.id, 0)).to.equal(2);
        expect(await journal.firstHeld(job.id, 3)).to.equal(3);
        expect(await journal.firstHeld(job.id, 4)).to.equal(null);
        expect(await journal.headAt(job.id, 1)).to.equal(null);
        expect(await journal.headAt(job.id, 2)).to.equal(second.head);
        expect(await journal.entries(job.id, 1, all)).to.deep.equal([second, third]);
        expect(await journal.firstHeld(jobIdOf(9), 0)).to.equal(null);
      });

      it('that an earlier ack keeps outlive a later ack that keeps nothing', async () => {
        const { job, changes } = startedJob(1, ['{}']);
        const made = withEntries(job, ['a', 'b']);
        const [first, second] = made.entries;
        if (first === undefined || second === undefined) throw new Error('no entries');
        const once = withAck(made.job, first, 900);
        const twice = withAck(once.job, second, null);
        await journal.commit([...changes, ...made.changes, ...once.changes, ...twice.changes]);
        expect(await journal.entries(job.id, 1, all)).to.deep.equal([first]);
      });
    });

    commitContract(
      () => journal,
      async () => {
        journal = await under.reopen();
      },
    );

    describe('close', () => {
      it('first commits what is waiting; then everything rejects', async () => {
        const done = journal.commit([{ kind: 'session_counter', value: 4 }]);
        await journal.close();
        await done;
        expect(kindOf(await rejection(journal.commit([])))).to.equal('closed');
        expect(kindOf(await rejection(journal.purge(0)))).to.equal('closed');
        expect(kindOf(await rejection(journal.facts()))).to.equal('closed');
        expect(kindOf(await rejection(journal.openJobs()))).to.equal('closed');
        await journal.close();
      });
    });
  });
}
