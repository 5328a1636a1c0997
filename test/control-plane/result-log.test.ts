// Results: stored once, in sequence, under the chain that the agent signs; read back as the bytes that came.
import { expect } from 'chai';
import { chainAll } from '../../protocol/digest-chain.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { limits } from '../../protocol/limits.ts';
import { rowEndLine } from '../../protocol/result-envelope.ts';
import type { Identity } from '../support/agent-identity.ts';
import type { Peer, PeerJob } from '../support/agent-peer.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

describe('control plane: results', () => {
  let fixture: Fixture;
  let identity: Identity;
  let peer: Peer;
  let job: PeerJob;
  beforeEach(async () => {
    fixture = await Fixture.start({ keepAliveMs: 150 });
    identity = await fixture.pair();
    peer = await fixture.dial(identity, 1);
    await peer.hello();
    peer.credit(1, 5);
    await fixture.createJob(Array.from({ length: 60 }, (_, row) => `{"row":${row}}`));
    job = await peer.job();
    job.accept();
    await peer.next('rows');
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  const read = async (query = ''): Promise<string[]> => {
    const text = await (await fixture.call('GET', `/api/v1/jobs/${job.id}/results${query}`)).text();
    return text.split('\n').filter((line) => line !== '');
  };

  it('acknowledges with the chain head of what is stored, and stores doubled frames once', async () => {
    job.runRows(0, 10);
    job.sendResults(1, 6);
    expect((await peer.next('results.ack')).frame).to.deep.include({ sequence: 6, head: job.headAt(6) });
    job.sendResults(1, 6);
    expect((await peer.next('results.ack')).frame).to.deep.include({ sequence: 6, head: job.headAt(6) });
    // Overlaps what is stored by three entries.
    job.sendResults(4, 12);
    expect((await peer.next('results.ack')).frame).to.deep.include({ sequence: 12, head: job.headAt(12) });
    expect(await read()).to.deep.equal(job.lines.slice(0, 12));
    expect((await fixture.job(job.id)).rows).to.deep.include({ ended: 6, failed: 0 });
  });

  it('closes the link at a gap, keeps what it has, and heals after a reconnect', async () => {
    job.runRows(0, 10);
    job.sendResults(1, 4);
    await peer.next('results.ack');
    job.sendResults(7, 10);
    expect(await peer.closed).to.deep.equal({ code: 4004, reason: 'frame_unexpected' });
    const again = await fixture.dial(identity, 2);
    const welcome = await again.hello([{ job: job.id, token_digest: job.digest, next_chunk: null, last_sequence: 20 }]);
    expect(welcome.jobs[0]).to.include({ last_sequence: 4, head: job.headAt(4) });
    job.peer = again;
    job.sendResults(5, 20);
    expect((await again.next('results.ack')).frame.sequence).to.equal(20);
    expect(await read()).to.deep.equal(job.lines);
  });

  it('closes the link at entries that do not fit the chain, and stores none of them', async () => {
    job.runRows(0, 2);
    const first = { type: 'results', job: job.id, first_sequence: 1, head: job.headAt(2) } as const;
    peer.send(first, [job.lines[0] ?? '', (job.lines[1] ?? '').replace('succeeded', 'failed')]);
    expect(await peer.closed).to.deep.equal({ code: 4004, reason: 'frame_malformed' });
    expect(await read()).to.deep.equal([]);
  });

  it('stores no entry that its readers would not take: nested too deep, or with a key twice', async () => {
    const entry = (value: string): string => `{"row":0,"envelope":{"result":${value},"error":null,"has_error":false}}`;
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    const send = (line: string): void =>
      peer.send(
        {
          type: 'results',
          job: job.id,
          first_sequence: 1,
          head: chainAll(nodeHashing, job.headAt(0), [line]),
        },
        [line],
      );
    send(entry(nested(limits.jsonDepth + 8 - 2)));
    expect((await peer.next('results.ack')).frame.sequence).to.equal(1);
    send(entry(nested(240_000)));
    send(entry(`{"a":${nested(100)},"a":1}`));
    expect((await peer.closed).reason).to.equal('frame_malformed');
    expect(await read()).to.have.length(1);
  });

  it('takes what is left after a loss, and says how much is gone', async () => {
    job.runRows(0, 4);
    job.sendResults(1, 2);
    await peer.next('results.ack');
    const lines = job.lines.slice(5);
    peer.send(
      {
        type: 'results',
        job: job.id,
        first_sequence: 6,
        after_loss: job.headAt(5),
        head: chainAll(nodeHashing, job.headAt(5), lines),
      },
      lines,
    );
    expect((await peer.next('results.ack')).frame.sequence).to.equal(8);
    expect((await fixture.job(job.id)).results_lost).to.equal(3);
    expect(await read()).to.deep.equal([...job.lines.slice(0, 2), ...lines]);
  });

  const bad: readonly (readonly [string, string])[] = [
    ['is no JSON', '{"row":0'],
    ['is no entry', '{"row":0,"other":1}'],
    ['names a row that the job does not have', '{"row":60,"row_end":{"items":0,"outcome":"succeeded"}}'],
    ['would break an event stream', '{"row":0,\r"row_end":{"items":0,"outcome":"succeeded"}}'],
    ['is over the limit', `{"row":0,"envelope":{"error":null,"has_error":false,"x":"${'x'.repeat(600_000)}"}}`],
  ];
  for (const [name, line] of bad) {
    it(`stores no entry that ${name}`, async () => {
      job.lines.push(line);
      job.sendResults(1);
      job.sendResults(1);
      expect((await peer.closed).code).to.equal(4004);
      expect(await read()).to.deep.equal([]);
    });
  }

  it('does not take the end before every entry is here', async () => {
    job.runRows(0, 60);
    job.sendResults(1, 50);
    await job.finish();
    await peer.next('results.ack');
    await peer.settled();
    expect(peer.has('job.finished.ack')).to.equal(false);
    expect((await fixture.job(job.id)).status).to.equal('running');
  });

  it('counts failed rows and shows why rows wait', async () => {
    job.lines.push(rowEndLine(0, 0, 'failed'), rowEndLine(1, 0, 'refused'), rowEndLine(2, 0, 'succeeded'));
    job.sendResults(1);
    peer.send({
      type: 'job.progress',
      job: job.id,
      rows_done: 3,
      rows_failed: 2,
      rows_waiting: 57,
      reason: 'rate_limit',
      calls_per_second: 5.2,
      left_ms: 11_000,
    });
    await peer.settled();
    expect((await fixture.job(job.id)).rows).to.deep.equal({
      total: 60,
      ended: 3,
      failed: 2,
      waiting_reason: 'rate_limit',
      calls_per_second: 5.2,
      left_ms: 11_000,
    });
    // An agent that says no more than the first version did; and rows that wait for nothing of ours.
    const plain = { type: 'job.progress', job: job.id, rows_done: 3, rows_failed: 2, rows_waiting: 57 } as const;
    peer.send({ ...plain, reason: 'spool' });
    await peer.settled();
    expect((await fixture.job(job.id)).rows).to.deep.equal({ total: 60, ended: 3, failed: 2, waiting_reason: 'spool' });
    peer.send({ ...plain, reason: 'running' });
    await peer.settled();
    expect((await fixture.job(job.id)).rows.waiting_reason).to.equal(null);
  });

  it('pages by sequence', async () => {
    await job.complete();
    expect(await read('?after=0')).to.deep.equal(job.lines);
    expect(await read('?after=100')).to.deep.equal(job.lines.slice(100));
    expect(await read('?after=120')).to.deep.equal([]);
    for (const query of ['?after=-1', '?after=x', '?follow=perhaps', '?other=1'])
      expect((await fixture.call('GET', `/api/v1/jobs/${job.id}/results${query}`)).status, query).to.equal(400);
  });

  it('follows a job to its end, with empty lines while nothing comes', async () => {
    job.runRows(0, 60);
    job.sendResults(1, 10);
    await peer.next('results.ack');
    const following = fixture.call('GET', `/api/v1/jobs/${job.id}/results?follow=true`).then((answer) => answer.text());
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (let first = 11; first <= 120; first += 10) job.sendResults(first, first + 9);
    await job.finish();
    const lines = (await following).split('\n');
    expect(lines.filter((line) => line !== '')).to.deep.equal(job.lines);
    expect(lines.filter((line) => line === '')).to.have.length.above(1);
  });

  it('ends what follows when the control plane stops', async () => {
    const following = fixture.call('GET', `/api/v1/jobs/${job.id}/results?follow=true`).then((answer) => answer.text());
    await new Promise((resolve) => setTimeout(resolve, 100));
    await fixture.stop();
    await following.catch(() => '');
    await fixture.open();
  });

  it('speaks Server-Sent Events, and goes on after Last-Event-ID', async () => {
    await job.complete();
    const ask = (extra: Record<string, string>) =>
      fetch(`${fixture.url}/api/v1/jobs/${job.id}/results`, {
        headers: { authorization: `Bearer ${fixture.admin}`, accept: 'text/event-stream', ...extra },
      });
    const all = await ask({});
    expect(all.headers.get('content-type')).to.match(/^text\/event-stream/);
    expect(await all.text()).to.equal(job.lines.map((line, index) => `id: ${index + 1}\ndata: ${line}\n\n`).join(''));
    const rest = await (await ask({ 'last-event-id': '119' })).text();
    expect(rest).to.equal(`id: 120\ndata: ${job.lines[119]}\n\n`);
  });

  it('lets a reader go away in the middle of a large answer', async () => {
    const pad = 'x'.repeat(400_000);
    for (let row = 0; row < 60; row += 1)
      job.lines.push(JSON.stringify({ row, envelope: { result: pad, error: null, has_error: false } }));
    for (let first = 1; first <= 60; first += 1) {
      job.sendResults(first, first);
      await peer.next('results.ack');
    }
    const answer = await fixture.call('GET', `/api/v1/jobs/${job.id}/results`);
    const reader = answer.body?.getReader();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await reader?.cancel();
    // A reader that went away leaves nothing behind: the server still stops at once.
    expect(await read('?after=59')).to.deep.equal(job.lines.slice(59));
  });
});
