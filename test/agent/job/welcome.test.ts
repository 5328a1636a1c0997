// What a welcome does to each job: go on, send again, say what is gone, or stop for good.
import { expect } from 'chai';
import { nodeHashing } from '../../../node/hashing.ts';
import { Answers } from '../../../agent/job/answers.ts';
import type { SendFrom } from '../../../agent/job/frame-out.ts';
import { resumeJobs } from '../../../agent/job/welcome.ts';
import { chainStart } from '../../../protocol/digest-chain.ts';
import type { FrameToControlPlane } from '../../../protocol/frames-to-control-plane.ts';
import type { StoredView } from '../../../protocol/frames-to-agent.ts';
import type { Digest } from '../../../protocol/ids.ts';
import type { JobClaims } from '../../../protocol/job-claims.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { claimsOfChunks, jobFixture, tokenOf } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const id = jobIdOf(1);
const start = chainStart(nodeHashing, id);
const lines = ['{"user":"alice"}', '{"user":"bob"}', '{"user":"carol"}'];
const other = nodeHashing.sha256('something else');
const row = (index: number) => ({ row: index, lines: [], items: 0, outcome: 'refused' as const });

/** An accepted job with `entries` of its three rows ended. */
async function jobWith(entries: number, change: Partial<JobClaims> = {}) {
  const caller = new ScriptedCaller(() => answerOf('ListAccessKeys', null));
  const fixture = jobFixture(caller);
  const record = await fixture.accept(claimsOfChunks([lines], change));
  await fixture.jobs.rows(record, 0, lines);
  const heads: Digest[] = [start];
  for (let index = 0; index < entries; index += 1) {
    await record.end([row(index)]);
    heads.push(record.state.head);
  }
  if (entries === lines.length) await record.finish();
  const frames: FrameToControlPlane[] = [];
  const sends: (SendFrom & { job: string })[] = [];
  const out = {
    open: true,
    send: (frame: FrameToControlPlane) => void frames.push(frame),
    ready: () => Promise.resolve(),
  };
  const events = (name: string, fields: object): void => void fixture.events.push([name, { ...fields }]);
  const { jobs, journal } = fixture;
  const answers = new Answers({ jobs, out, events, onFault: (error) => fixture.faults.push(error) }, new Map());
  const send = (from: { id: string }, begin: SendFrom): void => void sends.push({ job: from.id, ...begin });
  const view = (sequence: number, head = heads[sequence] ?? other): StoredView => ({
    job: id,
    last_sequence: sequence,
    head,
    cancel: false,
  });
  const welcome = (...views: StoredView[]): Promise<void> =>
    resumeJobs(views, { jobs, journal, events, answers, send });
  const types = (): string[] => frames.map(({ type }) => type);
  return { ...fixture, record, heads, frames, types, sends, view, welcome };
}

describe('a welcome', () => {
  it('never guesses the head before a gap: kept entries of which the first have gone are sent from where the chain is known', async () => {
    const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001', Status: 'Inactive' };
    const { welcome, view, sends, heads, jobs, journal, record } = await jobWith(3, {
      action: 'update_access_key',
      inputs,
    });
    await jobs.acknowledged(record, { sequence: 1, head: heads[1] ?? other });
    const firstKeptUntil = Date.now() + 1_000;
    while (Date.now() <= firstKeptUntil - 1_000) await new Promise((resolve) => setTimeout(resolve, 2));
    await jobs.acknowledged(record, { sequence: 3, head: heads[3] ?? other });
    await journal.purge(firstKeptUntil);
    expect(await journal.firstHeld(id, 1)).to.equal(2);
    await welcome(view(0));
    expect(sends).to.deep.equal([{ job: id, from: 3, afterLoss: heads[2] }]);
  });

  it('goes on where the control plane is', async () => {
    for (const stored of [0, 1, 2]) {
      const { welcome, view, sends, types, record } = await jobWith(2);
      await welcome(view(stored));
      expect(sends).to.deep.equal([{ job: id, from: stored + 1, afterLoss: null }]);
      expect(types()).to.deep.equal(['job.accepted']);
      expect(record.state).to.include({ phase: 'accepted', acked: stored, produced: 2 });
    }
  });

  it('counts a job that the control plane does not name as one of which it holds nothing', async () => {
    const { welcome, jobs, record, heads, sends, types } = await jobWith(2);
    await welcome();
    await jobs.acknowledged(record, { sequence: 1, head: heads[1] ?? other });
    await welcome();
    expect(sends).to.deep.equal([
      { job: id, from: 1, afterLoss: null },
      { job: id, from: 2, afterLoss: heads[1] },
    ]);
    expect(types()).to.deep.equal(['job.accepted', 'job.accepted']);
  });

  it('keeps entries that are made while it is handled', async () => {
    const { welcome, view, record, journal } = await jobWith(1);
    await Promise.all([welcome(view(1)), record.end([row(1)])]);
    expect(record.state).to.include({ produced: 2, endedRows: 2, acked: 1 });
    await record.end([row(2)]);
    expect((await journal.job(id))?.state).to.include({ phase: 'finished', produced: 3, acked: 1 });
  });

  it('stops a job of which the control plane holds more, or something else', async () => {
    const cases = [
      [2, 3],
      [2, 1],
    ] as const;
    for (const [produced, stored] of cases) {
      const { welcome, view, types, frames, sends, jobs, journal } = await jobWith(produced);
      await welcome(view(stored, other));
      expect(types()).to.deep.equal(['job.quarantined']);
      expect(frames[0]).to.include({ job: id, code: 'journal_rolled_back' });
      expect([sends, jobs.open]).to.deep.equal([[], []]);
      expect((await journal.job(id))?.state).to.include({ phase: 'quarantined' });
      await welcome(view(stored, other));
      expect(types(), 'asked again').to.deep.equal(['job.quarantined', 'job.quarantined']);
    }
  });

  it('names the head before a gap when acknowledged entries were lost over there', async () => {
    const { welcome, view, jobs, record, heads, sends, events } = await jobWith(3);
    await jobs.acknowledged(record, { sequence: 2, head: heads[2] ?? other });
    await welcome(view(0));
    expect(sends).to.deep.equal([{ job: id, from: 3, afterLoss: heads[2] }]);
    expect(events.find(([name]) => name === 'results.disputed')?.[1]).to.include({
      code: 'results_lost_at_control_plane',
    });
  });

  it('names the last head when nothing is left to send', async () => {
    const { welcome, view, jobs, record, heads, sends } = await jobWith(2);
    await jobs.acknowledged(record, { sequence: 2, head: heads[2] ?? other });
    await welcome(view(1));
    expect(sends).to.deep.equal([{ job: id, from: 3, afterLoss: heads[2] }]);
  });

  it('sends again what the host kept of a change, without a gap', async () => {
    const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001' };
    const { welcome, view, jobs, record, heads, sends } = await jobWith(3, { action: 'delete_access_key', inputs });
    await jobs.acknowledged(record, { sequence: 2, head: heads[2] ?? other });
    await welcome(view(1));
    expect(sends).to.deep.equal([{ job: id, from: 2, afterLoss: null }]);
  });

  it('opens a closed job again when the control plane lost its results, and closes it at its word', async () => {
    const { welcome, view, jobs, record, heads, sends, types, journal } = await jobWith(3);
    await jobs.closed(record, heads[3] ?? other);
    expect(jobs.open).to.deep.equal([]);
    await welcome(view(1));
    expect(sends).to.deep.equal([{ job: id, from: 4, afterLoss: heads[3] }]);
    expect(types()).to.deep.equal(['job.accepted']);
    const [again] = jobs.open;
    if (again === undefined) throw new Error('it is not open');
    expect(again.statement).to.be.a('string').and.equal(record.statement);
    await jobs.closed(again, heads[3] ?? other);
    expect(jobs.open).to.deep.equal([]);
    expect((await journal.job(id))?.state.phase).to.equal('closed');
  });

  it('lets go of a job that was open again only for a session that is over', async () => {
    const { welcome, view, jobs, record, heads } = await jobWith(3);
    await jobs.closed(record, heads[3] ?? other);
    await welcome(view(1));
    await welcome();
    expect(jobs.open).to.deep.equal([]);
  });

  it('keeps a record of a job that only the control plane remembers: the late token does not run', async () => {
    const { welcome, journal, types } = await jobWith(0);
    const lost = jobIdOf(9);
    await welcome({ job: lost, last_sequence: 4, head: other, cancel: false });
    const stored = await journal.job(lost);
    expect(stored?.state).to.include({ phase: 'quarantined', refusal: 'journal_rolled_back', rows: 0 });
    expect(stored?.claims).to.equal(null);
    expect(types()).to.deep.equal(['job.accepted', 'job.quarantined']);
  });

  it('answers for a refused job with what was decided then', async () => {
    const { welcome, jobs, frames } = await jobWith(0);
    const claims = { ...claimsOfChunks([lines]), jti: jobIdOf(2) };
    await jobs.reject(claims, 'k', tokenOf(claims), 'action_not_allowed');
    await welcome({ job: claims.jti, last_sequence: 0, head: chainStart(nodeHashing, claims.jti), cancel: false });
    expect(frames.at(-1)).to.include({ type: 'job.rejected', job: claims.jti, code: 'action_not_allowed' });
  });
});
