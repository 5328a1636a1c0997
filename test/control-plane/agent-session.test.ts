// One link with an agent that keeps to nothing: bad frames, wrong order, strange jobs, silence.
import { expect } from 'chai';
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import { type Identity, newKey } from '../support/agent-identity.ts';
import { Peer } from '../support/agent-peer.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

describe('control plane: agent session', () => {
  let fixture: Fixture;
  let identity: Identity;
  let peer: Peer;
  beforeEach(async () => {
    fixture = await Fixture.start({ heartbeatMs: 200 });
    identity = await fixture.pair();
    peer = await fixture.dial(identity, 1);
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  const hostile: readonly (readonly [string, string])[] = [
    ['no JSON', 'hello'],
    ['an array', '[]'],
    ['a duplicate key', '{"type":"credit","type":"hello"}'],
    ['prototype keys', '{"type":"__proto__","jobs":1,"chunks":1}{'],
    ['negative credit', '{"type":"credit","jobs":-1,"chunks":0}'],
    [
      'results without entries',
      '{"type":"results","job":"01a20f3e-9c56-7000-89fc-357da4ee5573","first_sequence":1,"head":"' +
        'a'.repeat(64) +
        '"}',
    ],
    ['a body where none belongs', '{"type":"draining"}\n{}'],
    ['a forged statement', '{"type":"job.finished","job":"01a20f3e-9c56-7000-89fc-357da4ee5573","statement":"a.b.c"}'],
  ];
  for (const [name, text] of hostile) {
    it(`closes with 4004 at the second frame with ${name}`, async () => {
      await peer.hello();
      peer.socket.send(text);
      await peer.settled();
      expect(peer.socket.readyState).to.equal(1);
      peer.socket.send(text);
      expect((await peer.closed).code).to.equal(4004);
    });
  }

  it('closes at binary frames, and at frames over the limit', async () => {
    await peer.hello();
    peer.socket.send(Buffer.from([1, 2, 3]));
    peer.socket.send(Buffer.from([1, 2, 3]));
    expect(await peer.closed).to.deep.equal({ code: 4004, reason: 'frame_malformed' });
    const second = await fixture.dial(identity, 2);
    second.socket.send('x'.repeat(1024 * 1024 + 1));
    expect((await second.closed).code).to.equal(1009);
  });

  it('takes nothing before hello, one hello, and only its own session and version', async () => {
    peer.credit(1, 1);
    peer.credit(1, 1);
    expect(await peer.closed).to.deep.equal({ code: 4004, reason: 'frame_unexpected' });
    const second = await fixture.dial(identity, 2);
    await second.hello();
    const hello: FrameToControlPlane = {
      type: 'hello',
      protocol: 1,
      agent_version: '1',
      session: 2,
      key_set_version: 1,
      connections: [],
      catalogue_digest: 'a'.repeat(64) as never,
      jobs: [],
    };
    second.send(hello);
    second.send(hello);
    expect((await second.closed).reason).to.equal('frame_unexpected');
    for (const [index, change] of [{ session: 99 }, { protocol: 2 }].entries()) {
      const other = await fixture.dial(identity, 3 + index);
      other.send({ ...hello, session: 3 + index, ...change });
      expect((await other.closed).code).to.equal(4004);
    }
  });

  it('ignores and counts unknown types and unknown fields', async () => {
    await peer.hello();
    for (let count = 0; count < 5; count += 1) peer.socket.send('{"type":"from.the.future"}');
    peer.socket.send('{"type":"credit","jobs":1,"chunks":1,"new":true}');
    await fixture.createJob();
    expect((await peer.job()).claims.action).to.equal('list_users');
    expect(fixture.events.some(({ name }) => name === 'frame.ignored')).to.equal(true);
  });

  it('never lets an agent read, feed or end another agent’s job', async () => {
    await peer.hello();
    peer.credit(1, 1);
    const { job } = await fixture.createJob(['{"secret":1}']);
    const token = await peer.job();
    token.accept();
    await peer.next('rows');

    const other = await fixture.dial(await fixture.pair('host-2'), 1);
    const welcome = await other.hello([{ job: token.id, token_digest: token.digest, next_chunk: 0, last_sequence: 0 }]);
    expect(welcome.jobs).to.deep.equal([]);
    other.credit(5, 5);
    other.send({ type: 'rows.request', job: token.id, chunk: 0 });
    other.send({ type: 'job.rejected', job: token.id, token_digest: token.digest, code: 'unknown_action', detail: '' });
    other.send({ type: 'job.rejected', job: null, token_digest: token.digest, code: 'unknown_action', detail: '' });
    other.send({ type: 'job.quarantined', job: token.id, code: 'journal_rolled_back' });
    token.peer = other;
    token.runRows(0, 1);
    token.sendResults(1);
    await token.finish();
    await other.settled();
    expect(other.received).to.deep.equal([]);
    expect(await fixture.job(job)).to.deep.include({ status: 'running', last_sequence: 0 });
    expect(
      fixture.events.some(({ name, fields }) => name === 'frame.ignored' && fields['agent'] === 'host-2'),
    ).to.equal(true);
  });

  it('takes a statement of the agent only, for the job it names', async () => {
    await peer.hello();
    peer.credit(2, 2);
    const { job } = await fixture.createJob();
    const token = await peer.job();
    token.accept();
    token.peer = new Peer({ ...identity, key: await newKey() }, 1, peer.socket);
    await token.finish();
    token.peer = peer;
    await peer.settled();
    expect((await fixture.job(job)).status).to.equal('running');
    expect(fixture.events.some(({ fields }) => fields['code'] === 'token_bad_signature')).to.equal(true);
  });

  it('closes a link whose pings go unanswered, and keeps one that answers', async () => {
    await peer.hello();
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(peer.socket.readyState).to.equal(1);
    // A peer that reads nothing answers nothing.
    peer.socket.pause();
    for (let tries = 0; tries < 100 && !fixture.events.some(({ name }) => name === 'session.closed'); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(fixture.events.some(({ name }) => name === 'session.closed')).to.equal(true);
  });

  it('sends new key-set steps only when there are some', async () => {
    expect((await peer.hello()).key_set_steps).to.deep.equal([]);
  });
});
