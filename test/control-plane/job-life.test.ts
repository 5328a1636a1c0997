// A job from the API to the agent and back, over real sockets.
import { expect } from 'chai';
import { chunkDigest } from '../../protocol/digest-chain.ts';
import { nodeHashing } from '../../control-plane/hashing-node.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

describe('control plane: the life of a job', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  it('goes queued, sent, running, completed, and its results come back as the bytes that were sent', async () => {
    const identity = await fixture.pair();
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
});
