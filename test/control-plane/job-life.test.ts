// A job from the API to the agent and back, over real sockets.
import { expect } from 'chai';
import { chunkDigest } from '../../protocol/digest-chain.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { rowEndLine } from '../../protocol/result-envelope.ts';
import type { Identity } from '../support/agent-identity.ts';
import type { Peer, PeerJob } from '../support/agent-peer.ts';
import { Fixture, type JobSeen } from '../support/control-plane-fixture.ts';

describe('control plane: the life of a job', () => {
  let fixture: Fixture;
  let identity: Identity;
  beforeEach(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  it('goes queued, sent, running, completed, and its results come back as the bytes that were sent', async () => {
    identity = await fixture.pair();
    const rows = ['{"user": "ada",  "n": 12345678901234567890}', '{"user":"b\\u0000"}'];
    const { job } = await fixture.createJob(rows, { inputs: { UserName: '{{ user }}' }, ttl_seconds: 600 });
    expect(await fixture.job(job)).to.include({ status: 'queued', last_sequence: 0 });

    const peer = await fixture.dial(identity, 1);
    const welcome = await peer.hello();
    expect(welcome.jobs).to.deep.equal([]);
    peer.credit(1, 1);
    const token = await peer.job();
    expect(token.claims).to.deep.include({
      action: 'list_users',
      connection: 'prod',
      sub: 'admin',
      inputs: { UserName: '{{ user }}' },
      rows: { count: 2, chunks: [{ rows: 2, digest: chunkDigest(nodeHashing, rows) }] },
    });
    expect((await fixture.job(job)).status).to.equal('sent');
    token.accept();
    expect((await peer.next('rows')).lines).to.deep.equal(rows);
    expect((await fixture.job(job)).status).to.equal('running');
    await token.complete();

    const ended = await fixture.job(job);
    expect(ended).to.deep.include({ status: 'completed', last_sequence: 4, outcomes: { succeeded: 2 } });
    expect(ended.rows).to.deep.equal({ total: 2, ended: 2, failed: 0, waiting_reason: null });
    const results = await fixture.call('GET', `/api/v1/jobs/${job}/results`);
    expect(results.headers.get('content-type')).to.match(/^application\/x-ndjson/);
    expect(await results.text()).to.equal(token.lines.map((line) => `${line}\n`).join(''));
  });

  async function online(counter = 1): Promise<Peer> {
    const peer = await fixture.dial(identity, counter);
    await peer.hello();
    peer.credit(5, 5);
    return peer;
  }

  const held = (job: PeerJob, nextChunk: number | null) => ({
    job: job.id,
    token_digest: job.digest,
    next_chunk: nextChunk,
    last_sequence: job.lines.length,
  });

  it('tells why a job was rejected, also when the agent could not read its id', async () => {
    identity = await fixture.pair();
    const peer = await online();
    const first = await fixture.createJob();
    const token = await peer.job();
    peer.send({
      type: 'job.rejected',
      job: token.id,
      token_digest: token.digest,
      code: 'action_not_allowed',
      detail: 'add list to allow',
    });
    const rejected = await fixture.until(first.job, 'rejected');
    expect(rejected.refusal).to.deep.equal({ code: 'action_not_allowed', detail: 'add list to allow' });
    expect(rejected.finished_at).to.be.a('string');
    const second = await fixture.createJob();
    const { digest } = await peer.job();
    peer.send({ type: 'job.rejected', job: null, token_digest: digest, code: 'token_malformed', detail: '' });
    expect((await fixture.until(second.job, 'rejected')).refusal?.code).to.equal('token_malformed');
  });

  it('sends the same token again to an agent that does not have it, and goes on with the rows it lacks', async () => {
    identity = await fixture.pair();
    const rows = Array.from({ length: 2_500 }, (_, row) => JSON.stringify({ row }));
    const { job } = await fixture.createJob(rows);
    const first = await fixture.dial(identity, 1);
    await first.hello();
    first.credit(1, 0);
    const lost = await first.job();
    await first.close();

    const second = await online(2);
    const token = await second.job();
    expect(token.token).to.equal(lost.token);
    token.accept();
    expect((await second.next('rows')).frame.chunk).to.equal(0);
    await second.close();

    const third = await fixture.dial(identity, 3);
    const welcome = await third.hello([held(token, 1)]);
    expect(welcome.jobs).to.deep.equal([{ job: token.id, last_sequence: 0, head: token.headAt(0), cancel: false }]);
    third.credit(5, 5);
    const chunks = [await third.next('rows'), await third.next('rows')];
    expect(chunks.map(({ frame }) => frame.chunk)).to.deep.equal([1, 2]);
    expect(chunks.flatMap(({ lines }) => lines)).to.deep.equal(rows.slice(1_000));
    token.peer = third;
    await token.complete();
    expect((await fixture.job(job)).status).to.equal('completed');
    expect(third.has('job')).to.equal(false);
  });

  it('takes hello’s word that a sent job was accepted', async () => {
    identity = await fixture.pair();
    const { job } = await fixture.createJob();
    const first = await online();
    const token = await first.job();
    await first.close();
    const second = await fixture.dial(identity, 2);
    const welcome = await second.hello([held(token, 0)]);
    expect(welcome.jobs).to.have.length(1);
    expect((await fixture.job(job)).status).to.equal('running');
  });

  it('gives the work a new id once the token has died, and keeps its own', async () => {
    identity = await fixture.pair();
    const { job } = await fixture.createJob(['{"a":1}'], { ttl_seconds: 86_400 });
    const first = await online();
    const lost = await first.job();
    await first.close();
    fixture.skewMs = 11 * 60_000;
    const early = await online(2);
    expect((await early.job()).token, 'within the skew the token may still be accepted').to.equal(lost.token);
    await early.close();
    fixture.skewMs = 15 * 60_000;
    const second = await online(3);
    const token = await second.job();
    expect(token.id).to.not.equal(lost.id);
    token.accept();
    await second.next('rows');
    await token.complete();
    expect(await fixture.job(job)).to.include({ job, status: 'completed' });
    // The old id means nothing any more.
    lost.peer = second;
    lost.accept();
    await second.settled();
    expect((await fixture.job(job)).status).to.equal('completed');
  });

  it('goes on in the middle of a job after the control plane was killed and started again', async () => {
    identity = await fixture.pair();
    const { job } = await fixture.createJob(['{"a":1}', '{"a":2}', '{"a":3}']);
    const waiting = await fixture.createJob();
    const first = await fixture.dial(identity, 1);
    await first.hello();
    first.credit(1, 1);
    const token = await first.job();
    token.accept();
    await first.next('rows');
    token.runRows(0, 2);
    token.sendResults(1);
    await first.next('results.ack');
    await fixture.restart();

    const second = await fixture.dial(identity, 2);
    const welcome = await second.hello([held(token, null)]);
    expect(welcome.jobs).to.deep.equal([{ job: token.id, last_sequence: 4, head: token.headAt(4), cancel: false }]);
    token.peer = second;
    token.runRows(2, 1);
    token.sendResults(5);
    await token.finish();
    await second.next('job.finished.ack');
    expect(await fixture.job(job)).to.deep.include({ status: 'completed', last_sequence: 6 });
    second.credit(1, 1);
    await second.job();
    expect((await fixture.job(waiting.job)).status).to.equal('sent');
  });

  it('quarantines what the agent says it cannot vouch for', async () => {
    identity = await fixture.pair();
    const { job } = await fixture.createJob();
    const first = await online();
    const token = await first.job();
    token.accept();
    await fixture.until(job, 'running');
    await first.close();
    const second = await fixture.dial(identity, 2);
    expect((await second.hello([])).jobs).to.have.length(1);
    second.send({ type: 'job.quarantined', job: token.id, code: 'journal_rolled_back' });
    expect((await fixture.until(job, 'quarantined')).refusal?.code).to.equal('journal_rolled_back');
    second.credit(5, 5);
    await second.settled();
    expect(second.has('job')).to.equal(false);
  });

  it('acknowledges the end again when the first answer was lost', async () => {
    identity = await fixture.pair();
    await fixture.createJob();
    const first = await online();
    const token = await first.job();
    token.accept();
    await first.next('rows');
    await token.complete();
    await first.close();
    const second = await fixture.dial(identity, 2);
    const welcome = await second.hello([held(token, null)]);
    expect(welcome.jobs).to.deep.equal([{ job: token.id, last_sequence: 2, head: token.headAt(2), cancel: false }]);
    token.peer = second;
    await token.finish();
    expect((await second.next('job.finished.ack')).frame.head).to.equal(token.headAt(2));
  });

  describe('cancel', () => {
    const cancel = (job: string) => fixture.json<JobSeen>('POST', `/api/v1/jobs/${job}/cancel`);
    const cancelled = { status: 'cancelled', rows: { cancelled: 1 } } as const;

    it('ends a queued job here, and it is never sent', async () => {
      identity = await fixture.pair();
      const { job } = await fixture.createJob();
      expect(await cancel(job)).to.deep.include({ status: 'cancelled', cancel_requested: true, outcomes: {} });
      const peer = await online();
      await peer.settled();
      expect(peer.received).to.deep.equal([]);
      expect((await cancel(job)).status, 'again').to.equal('cancelled');
    });

    it('asks the agent for a sent job and takes a tombstone for an answer', async () => {
      identity = await fixture.pair();
      const peer = await online();
      const { job } = await fixture.createJob();
      const token = await peer.job();
      expect(await cancel(job)).to.include({ status: 'sent', cancel_requested: true });
      expect((await peer.next('cancel')).frame.job).to.equal(token.id);
      await token.finish({ status: 'cancelled', token_digest: null, rows: {} });
      await peer.next('job.finished.ack');
      expect((await fixture.job(job)).status).to.equal('cancelled');
    });

    it('asks the agent for a running job, which ends as the agent says', async () => {
      identity = await fixture.pair();
      const peer = await online();
      const { job } = await fixture.createJob();
      const token = await peer.job();
      token.accept();
      await peer.next('rows');
      await cancel(job);
      await peer.next('cancel');
      token.lines.push(rowEndLine(0, 0, 'cancelled'));
      token.sendResults(1);
      await token.finish(cancelled);
      await peer.next('job.finished.ack');
      expect(await fixture.job(job)).to.deep.include({ status: 'cancelled', outcomes: { cancelled: 1 } });
    });

    it('reaches an agent that was away at its next hello, before any token', async () => {
      identity = await fixture.pair();
      const { job } = await fixture.createJob();
      const first = await online();
      const token = await first.job();
      await first.close();
      await cancel(job);
      const second = await online(2);
      await second.next('cancel');
      await second.settled();
      expect(second.has('job')).to.equal(false);
      token.peer = second;
      await token.finish({ status: 'cancelled', token_digest: null, rows: {} });
      await fixture.until(job, 'cancelled');
    });

    it('changes nothing in a job that has ended', async () => {
      identity = await fixture.pair();
      const peer = await online();
      const { job } = await fixture.createJob();
      const token = await peer.job();
      token.accept();
      await peer.next('rows');
      await token.complete();
      expect(await cancel(job)).to.include({ status: 'completed', cancel_requested: false });
      expect((await fixture.call('POST', '/api/v1/jobs/none/cancel')).status).to.equal(404);
    });
  });

  it('ends a queued job at its latest start as expired', async () => {
    identity = await fixture.pair();
    const { job } = await fixture.createJob([], { ttl_seconds: 60 });
    fixture.skewMs = 61_000;
    const peer = await online();
    await peer.settled();
    expect(peer.has('job')).to.equal(false);
    expect(await fixture.job(job)).to.include({ status: 'expired', cancel_requested: false });
    const { jobs } = await fixture.json<{ jobs: JobSeen[] }>('GET', '/api/v1/jobs?status=expired');
    expect(jobs.map((one) => one.job)).to.deep.equal([job]);
  });
});
