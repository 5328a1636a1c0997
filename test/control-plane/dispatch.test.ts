// What is sent never passes the credit that the agent gave, whatever the agent asks for.
import { expect } from 'chai';
import { limits } from '../../protocol/limits.ts';
import type { Peer } from '../support/agent-peer.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

const count = (peer: Peer, type: 'job' | 'rows'): number =>
  peer.received.filter(({ frame }) => frame.type === type).length;
const rowsOf = (chunks: number): string[] => Array.from({ length: chunks * 1_000 }, (_, row) => `{"row":${row}}`);

describe('control plane: dispatch', () => {
  let fixture: Fixture;
  let peer: Peer;
  beforeEach(async () => {
    fixture = await Fixture.start();
    peer = await fixture.dial(await fixture.pair(), 1);
    await peer.hello();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  it('sends as many jobs as there is credit for, oldest first, and takes totals as cumulative', async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) made.push((await fixture.createJob()).job);
    await peer.settled();
    expect(count(peer, 'job'), 'no credit, no job').to.equal(0);
    peer.credit(2, 2);
    await peer.settled();
    expect(count(peer, 'job')).to.equal(2);
    // Said again, or less, means nothing new.
    peer.credit(2, 2);
    peer.credit(1, 1);
    await peer.settled();
    expect(count(peer, 'job')).to.equal(2);
    peer.credit(4, 4);
    await peer.settled();
    expect(count(peer, 'job')).to.equal(4);
    const sent = [await peer.job(), await peer.job(), await peer.job(), await peer.job()];
    expect(sent.map(({ id }) => id)).to.deep.equal(made.slice(0, 4));
    expect((await fixture.job(made[4] ?? '')).status, 'not signed before there is credit').to.equal('queued');
  });

  it('sends a new job at once when credit is there', async () => {
    peer.credit(1, 1);
    await peer.settled();
    const { job } = await fixture.createJob();
    expect((await peer.job()).id).to.equal(job);
  });

  it('sends the rows of several chunks in order within chunk credit, and only after the job was accepted', async () => {
    await fixture.createJob(rowsOf(4));
    peer.credit(1, 2);
    const token = await peer.job();
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(0);
    token.accept();
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(2);
    peer.credit(1, 3);
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(3);
    peer.credit(1, 50);
    await peer.settled();
    expect(peer.received.map(({ frame }) => frame.type === 'rows' && frame.chunk)).to.deep.equal([0, 1, 2, 3]);
  });

  it('sends rows that are one chunk right behind their token, and not again when the job is accepted', async () => {
    await fixture.createJob(rowsOf(1));
    peer.credit(1, 2);
    const token = await peer.job();
    expect((await peer.next('rows')).frame).to.include({ job: token.id, chunk: 0 });
    token.accept();
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(0);
    peer.send({ type: 'rows.request', job: token.id, chunk: 0 });
    expect((await peer.next('rows')).frame).to.include({ job: token.id, chunk: 0 });
    expect((await fixture.job(token.id)).status).to.equal('running');
  });

  it('sends them when there is credit for rows, and again behind a token that goes again', async () => {
    await fixture.createJob(rowsOf(1));
    peer.credit(1, 0);
    const token = await peer.job();
    token.accept();
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(0);
    peer.credit(1, 1);
    await peer.next('rows');
    await fixture.createJob(rowsOf(1));
    peer.credit(2, 2);
    const lost = await peer.job();
    await peer.next('rows');
    const again = await fixture.dial(peer.identity, 2);
    await again.hello();
    again.credit(1, 1);
    expect((await again.job()).id).to.equal(lost.id);
    expect((await again.next('rows')).frame.job).to.equal(lost.id);
  });

  it('counts rows that are asked for again, and ignores what does not exist', async () => {
    await fixture.createJob(rowsOf(3));
    peer.credit(1, 4);
    const token = await peer.job();
    token.accept();
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(3);
    peer.send({ type: 'rows.request', job: token.id, chunk: 1 });
    await peer.settled();
    expect(count(peer, 'rows'), 'one chunk of credit was left').to.equal(4);
    peer.credit(1, 100);
    await peer.settled();
    expect(peer.received.map(({ frame }) => frame.type === 'rows' && frame.chunk)).to.deep.equal([0, 1, 2, 1, 2]);
    peer.send({ type: 'rows.request', job: token.id, chunk: 77 });
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(5);
  });

  it('serves the rows of several jobs in turn', async () => {
    await fixture.createJob(rowsOf(3));
    await fixture.createJob(rowsOf(3));
    peer.credit(2, 0);
    const jobs = [await peer.job(), await peer.job()];
    for (const job of jobs) job.accept();
    await peer.settled();
    peer.credit(2, 4);
    await peer.settled();
    const served = peer.received.map(({ frame }) => frame.type === 'rows' && frame.job);
    expect(served.filter((job) => job === jobs[0]?.id)).to.have.length(2);
    expect(served.filter((job) => job === jobs[1]?.id)).to.have.length(2);
  });

  it('counts tokens that are sent again after a reconnect', async () => {
    for (let index = 0; index < 3; index += 1) await fixture.createJob();
    peer.credit(3, 3);
    for (let index = 0; index < 3; index += 1) await peer.job();
    const again = await fixture.dial(peer.identity, 2);
    await again.hello();
    await again.settled();
    expect(count(again, 'job')).to.equal(0);
    again.credit(2, 2);
    await again.settled();
    expect(count(again, 'job')).to.equal(2);
  });

  it('gives a draining agent no new job, but the rows of those it has', async () => {
    await fixture.createJob(rowsOf(2));
    peer.credit(1, 1);
    const token = await peer.job();
    token.accept();
    await peer.next('rows');
    peer.send({ type: 'draining' });
    peer.credit(9, 9);
    await fixture.createJob();
    await peer.settled();
    expect(count(peer, 'rows')).to.equal(1);
    expect(count(peer, 'job')).to.equal(0);
  });

  it('leaves no agent more open jobs than a hello can name, and goes on when one has ended', async () => {
    for (let index = 0; index < limits.jobsPerAgent + 2; index += 1) await fixture.createJob();
    peer.credit(5_000, 5_000);
    const first = await peer.job();
    for (let index = 1; index < limits.jobsPerAgent; index += 1) await peer.next('job');
    await peer.settled();
    expect(count(peer, 'job')).to.equal(0);
    peer.send({ type: 'job.rejected', job: first.id, token_digest: first.digest, code: 'unknown_action', detail: '' });
    await peer.next('job');
    await peer.settled();
    expect(count(peer, 'job')).to.equal(0);
  });

  it('holds rows back while the agent does not read', async () => {
    const wide = Array.from({ length: 80 }, (_, row) => JSON.stringify({ row, pad: 'x'.repeat(200_000) }));
    await fixture.createJob(wide);
    peer.credit(1, 1);
    const token = await peer.job();
    token.accept();
    await peer.next('rows');
    peer.socket.pause();
    peer.credit(1, 80);
    await new Promise((resolve) => setTimeout(resolve, 400));
    peer.socket.resume();
    for (let chunk = 1; chunk < 80; chunk += 1) expect((await peer.next('rows')).frame.chunk).to.equal(chunk);
  });
});
