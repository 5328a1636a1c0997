// What the model cannot reach with an honest environment: single decisions of the machines, and the digests they rest on.
import { expect } from 'chai';
import {
  acceptJob,
  onCancel,
  onEntries,
  onKnownToken,
  onWelcome,
  rejectJob,
  skipChunk,
} from '../../protocol/agent-job.ts';
import { type ControlPlaneJob, onDispatch, onResults, queuedJob } from '../../protocol/control-plane-job.ts';
import { chainAll, chainNext, chainStart, chunkDigest } from '../../protocol/digest-chain.ts';
import { jobIdSchema } from '../../protocol/ids.ts';
import { hashing, job } from './corpus/signing.ts';

const other = jobIdSchema.parse('0197fb4c-6f6e-7000-8000-000000000002');
const start = chainStart(hashing, job);
const facts = { digest: hashing.sha256('token'), rows: 1, chunks: 1, chainStart: start };
const lines = ['{"row":0,"envelope":{}}', '{"row":0,"row_end":{}}', '{"row":1}', '{"row":2}'];
const head = (count: number): ReturnType<typeof chainAll> => chainAll(hashing, start, lines.slice(0, count));

describe('digest chain', () => {
  it('is what the specification says', () => {
    expect(start).to.equal(hashing.sha256(`iam-agent.v1 results ${job}`));
    expect(chainNext(hashing, start, 'x')).to.equal(hashing.sha256(`${start}\nx`));
    expect(chunkDigest(hashing, ['{"a":1}', '{"b":2}'])).to.equal(hashing.sha256('{"a":1}\n{"b":2}'));
  });

  it('tells jobs, order, number and content apart', () => {
    const heads = [
      head(2),
      chainAll(hashing, chainStart(hashing, other), lines.slice(0, 2)),
      chainAll(hashing, start, lines.slice(0, 2).toReversed()),
      head(1),
      head(3),
      chainAll(hashing, start, [lines.slice(0, 2).join('\n')]),
    ];
    expect(new Set(heads).size).to.equal(heads.length);
    expect(chainAll(hashing, head(2), lines.slice(2))).to.equal(head(4));
  });
});

describe('agent job', () => {
  it('has ended at once when it has no rows', () => {
    expect(acceptJob({ ...facts, rows: 0, chunks: 0 }).phase).to.equal('finished');
  });

  it('stays quarantined when a call that was under way ends as its last row', () => {
    const decision = onWelcome(acceptJob(facts), { sequence: 3, head: head(3) }, () => undefined);
    expect(decision.kind).to.equal('quarantine');
    if (decision.kind !== 'quarantine') return;
    const after = onEntries(decision.next, { count: 2, head: head(2), endedRows: 1 });
    expect(after.phase).to.equal('quarantined');
    expect(after.produced).to.equal(2);
  });

  it('keeps a record of a job that it lost, which no token and no cancel brings to life', () => {
    const decision = onWelcome(undefined, { sequence: 3, head: head(3) }, () => undefined);
    expect(decision.kind).to.equal('unknown');
    if (decision.kind !== 'unknown') return;
    expect(decision.next.phase).to.equal('quarantined');
    expect(onKnownToken(decision.next, facts.digest)).to.deep.equal({ replies: ['quarantined'] });
    expect(onCancel(decision.next, start)).to.deep.equal({ next: decision.next, replies: ['quarantined'] });
    expect(onWelcome(undefined, undefined, () => undefined)).to.deep.equal({ kind: 'nothing' });
  });

  it('answers a cancel of a rejected job with the rejection', () => {
    const rejected = rejectJob(facts, 'action_not_allowed');
    expect(onCancel(rejected, start)).to.deep.equal({ next: rejected, replies: ['rejected'] });
  });

  it('skips chunks up to the last and not beyond', () => {
    const skipped = skipChunk(acceptJob(facts));
    expect(skipped.nextChunk).to.equal(1);
    expect(skipChunk(skipped)).to.equal(skipped);
  });
});

describe('control plane job', () => {
  const sent: ControlPlaneJob = { ...queuedJob(start), phase: 'sent', tokenDigest: facts.digest };
  const chain =
    (from: number, to: number) =>
    (at: ReturnType<typeof head>, skip: number): ReturnType<typeof head> =>
      chainAll(hashing, at, lines.slice(from + skip, to));

  it('is sent from the queue, and only once', () => {
    expect(onDispatch(queuedJob(start), facts.digest)).to.deep.equal(sent);
    expect(onDispatch(sent, facts.digest)).to.equal(null);
  });

  it('stores only the new part of a frame that overlaps what it has', () => {
    const two = onResults(sent, { firstSequence: 1, count: 2, head: head(2), afterLoss: undefined }, chain(0, 2));
    expect(two).to.deep.include({ kind: 'store', skip: 0, lost: 0 });
    if (two.kind !== 'store') return;
    const four = onResults(two.next, { firstSequence: 2, count: 3, head: head(4), afterLoss: undefined }, chain(1, 4));
    expect(four).to.deep.include({ kind: 'store', skip: 1, lost: 0 });
    expect(four.kind === 'store' && [four.next.stored, four.next.head]).to.deep.equal([4, head(4)]);
  });

  it('counts what an empty frame after a loss says is gone', () => {
    const gone = onResults(sent, { firstSequence: 4, count: 0, head: head(3), afterLoss: head(3) }, chain(3, 3));
    expect(gone).to.deep.include({ kind: 'store', skip: 0, lost: 3 });
    expect(gone.kind === 'store' && [gone.next.stored, gone.next.head]).to.deep.equal([3, head(3)]);
  });
});
