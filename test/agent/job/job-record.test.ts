// A job's record in memory against its disk: changes that come side by side must not undo each other.
import { expect } from 'chai';
import { chainAll, chainStart } from '../../../protocol/digest-chain.ts';
import { nodeHashing } from '../../../node/hashing.ts';
import type { Change, Journal } from '../../../agent/job/journal.ts';
import type { EndedRow } from '../../../agent/job/job-record.ts';
import type { JobsPorts } from '../../../agent/job/jobs.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { claimsOfChunks, jobFixture } from '../../support/job-fixture.ts';
import { memoryJournal } from '../../support/journal-memory.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const id = jobIdOf(1);
const lines = Array.from({ length: 6 }, (_, index) => `{"user":"${index}"}`);
const ended = (row: number): EndedRow => ({ row, lines: [], items: 0, outcome: 'refused' });

/** A journal whose commits wait until they are let go, one by one. */
function held(inner: Journal): { journal: Journal; waiting: (() => void)[]; commits: Change[][] } {
  const waiting: (() => void)[] = [];
  const commits: Change[][] = [];
  const journal = new Proxy(inner, {
    get: (target, name) => {
      if (name !== 'commit') {
        const own: unknown = Reflect.get(target, name);
        return typeof own === 'function' ? (own.bind(target) as unknown) : own;
      }
      return async (changes: readonly Change[]) => {
        commits.push([...changes]);
        await new Promise<void>((resolve) => waiting.push(resolve));
        await target.commit(changes);
      };
    },
  });
  return { journal, waiting, commits };
}

async function recordOn(journal: Journal, change: Partial<JobsPorts> = {}) {
  const fixture = jobFixture(new ScriptedCaller(() => answerOf('ListAccessKeys', null)), { journal, ...change });
  const record = await fixture.accept(claimsOfChunks([lines]));
  await fixture.jobs.rows(record, 0, lines);
  return { fixture, record };
}

describe('the record of a job', () => {
  it('keeps entries that are made while an acknowledgement is looked up', async () => {
    const journal = memoryJournal();
    const { fixture, record } = await recordOn(journal);
    await record.end([ended(0), ended(1)]);
    const head = await journal.headAt(id, 1);
    if (head === null) throw new Error('the entry is gone');
    const acknowledged = fixture.jobs.acknowledged(record, { sequence: 1, head });
    await Promise.all([acknowledged, record.end([ended(2)]), record.end([ended(3)])]);
    expect(record.state).to.include({ produced: 4, endedRows: 4, acked: 1 });
    await record.end([ended(4), ended(5)]);
    const stored = await journal.job(id);
    expect(stored?.state).to.deep.equal(record.state);
    expect(stored?.state).to.include({ phase: 'finished', produced: 6, acked: 1 });
  });

  it('says that entries are durable only when the journal said so', async () => {
    const inner = memoryJournal();
    const { record: first } = await recordOn(inner);
    expect(first.durableThrough).to.equal(0);
    const { journal, waiting } = held(inner);
    const told: number[] = [];
    const fixture = jobFixture(new ScriptedCaller(() => answerOf('ListAccessKeys', null)), { journal });
    await fixture.jobs.recover();
    fixture.jobs.onDurable = (changed) => told.push(changed.durableThrough);
    const record = fixture.jobs.get(id);
    if (record === undefined) throw new Error('the job is gone');
    const ends = [record.end([ended(0)]), record.end([ended(1)])];
    await new Promise((resolve) => setImmediate(resolve));
    expect(record.state.produced).to.equal(2);
    expect(record.durableThrough).to.equal(0);
    waiting[0]?.();
    await ends[0];
    expect(record.durableThrough).to.equal(1);
    waiting[1]?.();
    await ends[1];
    expect(told).to.deep.equal([1, 2]);
  });

  it('commits in the order of its chain, each with the state that belongs to it', async () => {
    const { journal, waiting, commits } = held(memoryJournal());
    const fixture = jobFixture(new ScriptedCaller(() => answerOf('ListAccessKeys', null)), { journal });
    const letGo = setInterval(() => waiting.shift()?.(), 1);
    try {
      const record = await fixture.accept(claimsOfChunks([lines]));
      await fixture.jobs.rows(record, 0, lines);
      commits.length = 0;
      await Promise.all([record.end([ended(3)]), record.end([ended(0), ended(5)]), record.progress(1, ['{}'], marker)]);
    } finally {
      clearInterval(letGo);
    }
    const states = commits.flatMap((changes) =>
      changes.flatMap((one) => (one.kind === 'job_state' ? [one.state] : [])),
    );
    expect(states.map(({ produced, endedRows }) => [produced, endedRows])).to.deep.equal([
      [1, 1],
      [3, 3],
      [4, 3],
    ]);
    const entries = commits.flatMap((changes) => changes.flatMap((one) => (one.kind === 'entries' ? one.entries : [])));
    expect(entries.map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3, 4]);
    expect(states.at(-1)?.head).to.equal(
      chainAll(
        nodeHashing,
        chainStart(nodeHashing, id),
        entries.map(({ line }) => line),
      ),
    );
  });

  it('counts the chunks whose rows have not all ended, as if they ended in order', async () => {
    const chunks = [['{"user":"a"}', '{"user":"b"}'], ['{"user":"c"}'], ['{"user":"d"}']];
    const fixture = jobFixture(new ScriptedCaller(() => answerOf('ListAccessKeys', null)));
    const record = await fixture.accept(claimsOfChunks(chunks));
    expect(record.bufferedChunks).to.equal(0);
    for (const [chunk, rows] of chunks.entries()) await fixture.jobs.rows(record, chunk, rows);
    expect(record.bufferedChunks).to.equal(3);
    await record.end([ended(3)]);
    expect(record.bufferedChunks).to.equal(3);
    await record.end([ended(1)]);
    expect(record.bufferedChunks).to.equal(2);
    await record.end([ended(0), ended(2)]);
    expect(record.bufferedChunks).to.equal(0);
  });

  it('signs its last word once, in the commit of the last row', async () => {
    const { journal, commits, waiting } = held(memoryJournal());
    let signed = 0;
    const sign = (): string => `statement ${(signed += 1)}`;
    const letGo = setInterval(() => waiting.shift()?.(), 1);
    const { record } = await recordOn(journal, { sign });
    await record.finish();
    expect([signed, record.statement]).to.deep.equal([0, null]);
    await record.end(lines.map((_, row) => ended(row)));
    await record.finish();
    clearInterval(letGo);
    expect([signed, record.statement]).to.deep.equal([1, 'statement 1']);
    expect(commits.at(-1)?.map(({ kind }) => kind)).to.include.members(['entries', 'row_ended', 'job_state']);
    expect(commits.at(-1)?.find(({ kind }) => kind === 'job_state')).to.include({ statement: 'statement 1' });
  });
});

const marker = { items: 1, marker: 'm', intent: null };
