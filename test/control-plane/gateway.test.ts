// Who gets a socket, and whose word counts: session tokens, the counter as replay protection and fence, revocation, conflicts.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { controlPlaneId } from '../../protocol/ids.ts';
import { keyId } from '../../protocol/pairing.ts';
import { type Identity, UpgradeRefused, dialWith, newKey, sessionToken, publicOf } from '../support/agent-identity.ts';
import { Peer } from '../support/agent-peer.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

async function refused(dial: Promise<unknown>): Promise<string> {
  const error = await dial.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UpgradeRefused)) throw new Error(`expected a refused upgrade, got ${String(error)}`);
  return `${error.status} ${error.code}`;
}

async function statusOf(fixture: Fixture, name = 'host-1'): Promise<string | undefined> {
  const { agents } = await fixture.json<{ agents: { agent: string; status: string }[] }>('GET', '/api/v1/agents');
  return agents.find(({ agent }) => agent === name)?.status;
}

describe('control plane: gateway', () => {
  let fixture: Fixture;
  let identity: Identity;
  let begunMs: number;
  beforeEach(async () => {
    begunMs = Date.now();
    fixture = await Fixture.start();
    identity = await fixture.pair();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  it('refuses tokens that are absent, of an unknown key, for another control plane, stale or early', async () => {
    const stranger = { ...identity, key: await newKey() };
    const elsewhere = {
      ...identity,
      controlPlane: controlPlaneId(await keyId(publicOf(await newKey()))),
    };
    const tokens = [
      '',
      'a.b.c',
      await sessionToken(stranger, 1),
      await sessionToken(elsewhere, 1),
      await sessionToken(identity, 1, Date.now() - 10 * 60_000),
      await sessionToken(identity, 1, Date.now() + 10 * 60_000),
    ];
    for (const token of tokens) expect(await refused(dialWith(fixture.url, token))).to.equal('401 session_rejected');
    // Nothing of that has used up a counter.
    await (await fixture.dial(identity, 1)).hello();
  });

  it('refuses another path and another subprotocol', async () => {
    const token = await sessionToken(identity, 1);
    expect(await refused(dialWith(`${fixture.url}/x`, token))).to.equal('404 not_found');
    expect(await refused(dialWith(fixture.url, token, 'iam-agent.v9'))).to.equal('400 request_invalid');
  });

  it('closes the older session with 4001 when a larger counter comes', async () => {
    const older = await fixture.dial(identity, 1);
    await older.hello();
    const newer = await fixture.dial(identity, 2);
    expect(await older.closed).to.deep.equal({ code: 4001, reason: 'session_replaced' });
    await newer.hello();
    expect(await statusOf(fixture)).to.equal('online');
  });

  it('ignores what an older session still says', async () => {
    const { job } = await fixture.createJob();
    const older = await fixture.dial(identity, 1);
    await older.hello();
    older.credit(1, 1);
    const token = await older.job();
    const newer = await fixture.dial(identity, 2);
    // The close frame is on its way while this is sent.
    token.accept();
    await token.finish({ last_sequence: 0, head: token.headAt(0), rows: {} });
    await older.closed;
    await newer.settled();
    expect((await fixture.job(job)).status).to.equal('sent');
  });

  it('writes nothing for a session that another node has replaced', async () => {
    const { job } = await fixture.createJob();
    const peer = await fixture.dial(identity, 1);
    await peer.hello();
    peer.credit(1, 1);
    const token = await peer.job();
    // As another gateway node on the same store would: this node's socket knows nothing of it.
    const store = new DatabaseSync(join(fixture.dataDir, 'store.sqlite'));
    store.exec("UPDATE agents SET session_counter = 2 WHERE id = 'host-1'");
    store.close();
    token.accept();
    expect(await peer.closed).to.deep.equal({ code: 4001, reason: 'session_replaced' });
    expect((await fixture.job(job)).status).to.equal('sent');
  });

  /** As a host that dials `seconds` from now would. */
  /** Tokens have whole seconds: counted from one moment, two with the same number are of the same second. */
  const dialAfter = async (counter: number, seconds: number): Promise<Peer> => {
    const token = await sessionToken(identity, counter, begunMs + seconds * 1_000);
    return new Peer(identity, counter, await dialWith(fixture.url, token));
  };

  it('refuses a token that is shown again, and holds nothing against the agent whose it is', async () => {
    const older = await sessionToken(identity, 4, Date.now() - 5_000);
    (await dialWith(fixture.url, older)).close();
    const token = await sessionToken(identity, 5);
    const peer = new Peer(identity, 5, await dialWith(fixture.url, token));
    await peer.hello();
    expect(await refused(dialWith(fixture.url, older))).to.equal('409 session_counter_reused');
    // Beyond the time in which a copy of the host could have made the very same token.
    fixture.skewMs = 2_000;
    for (const used of [token, older, token])
      expect(await refused(dialWith(fixture.url, used))).to.equal('409 session_counter_reused');
    expect(await statusOf(fixture)).to.equal('online');
    await fixture.createJob();
    peer.credit(1, 1);
    expect((await peer.job()).claims.aud).to.equal('host-1');
    await peer.close();
  });

  it('marks a counter that comes in a newer token: nothing is dispatched until an operator clears it', async () => {
    const peer = await dialAfter(5, 0);
    await peer.hello();
    expect(await refused(dialAfter(5, 1))).to.equal('409 session_counter_reused');
    expect(await statusOf(fixture)).to.equal('conflict');
    expect(await refused(dialAfter(3, 2))).to.equal('409 session_counter_reused');
    await fixture.createJob();
    peer.credit(1, 1);
    await peer.settled();
    expect(peer.has('job')).to.equal(false);
    // A larger counter is no session: a copy that only has to dial once more would be welcomed, and run the jobs that it holds.
    expect(await refused(dialAfter(6, 3))).to.equal('409 session_counter_reused');
    expect(await statusOf(fixture)).to.equal('conflict');

    const cleared = await fixture.json<{ status: string }>('POST', '/api/v1/agents/host-1/clear');
    expect(cleared.status).to.not.equal('conflict');
    await peer.closed;
    // What was refused meanwhile stays dead; a token issued later is taken.
    expect(await refused(dialAfter(6, 3))).to.equal('409 session_counter_reused');
    const again = await dialAfter(6, 4);
    await again.hello();
    again.credit(1, 1);
    expect((await again.job()).claims.aud).to.equal('host-1');
    await peer.close();
  });

  it('takes a token of the same second for that of a copy, which would have made the same', async () => {
    const token = await sessionToken(identity, 5);
    await new Peer(identity, 5, await dialWith(fixture.url, token)).hello();
    expect(await refused(dialWith(fixture.url, token))).to.equal('409 session_counter_reused');
    expect(await statusOf(fixture)).to.equal('conflict');
  });

  it('takes a rolled-back host again after the operator cleared it, once', async () => {
    await (await fixture.dial(identity, 40)).hello();
    expect(await refused(dialAfter(4, 1))).to.equal('409 session_counter_reused');
    await fixture.json('POST', '/api/v1/agents/host-1/clear');
    await (await dialAfter(4, 2)).hello();
    expect(await refused(dialAfter(4, 3))).to.equal('409 session_counter_reused');
    expect(await statusOf(fixture)).to.equal('conflict');
  });

  it('takes no token that was shown before the operator cleared the conflict', async () => {
    const before = await sessionToken(identity, 40);
    (await dialWith(fixture.url, before)).close();
    const marked = await sessionToken(identity, 4, Date.now() + 1_000);
    expect(await refused(dialWith(fixture.url, marked))).to.equal('409 session_counter_reused');
    await fixture.json('POST', '/api/v1/agents/host-1/clear');
    for (const shown of [before, marked])
      expect(await refused(dialWith(fixture.url, shown))).to.equal('409 session_counter_reused');
    expect(await statusOf(fixture)).to.equal('offline');
    await fixture.restart();
    expect(await refused(dialWith(fixture.url, marked))).to.equal('409 session_counter_reused');
    // A counter that nobody has shown yet cannot be a copy of an earlier token, whatever the host's clock says.
    await (await dialAfter(41, -30)).hello();
    expect(await statusOf(fixture)).to.equal('online');
  });

  it('admits one of several dials with one counter that come at once', async () => {
    const token = await sessionToken(identity, 1);
    const dials = await Promise.allSettled(Array.from({ length: 5 }, () => dialWith(fixture.url, token)));
    const open = dials.flatMap((dial) => (dial.status === 'fulfilled' ? [dial.value] : []));
    expect(open).to.have.length(1);
    open[0]?.terminate();
  });

  it('closes a revoked agent with 4003 and refuses it with 403', async () => {
    const peer = await fixture.dial(identity, 1);
    await peer.hello();
    const view = await fixture.json<{ status: string }>('DELETE', '/api/v1/agents/host-1');
    expect(view.status).to.equal('revoked');
    expect(await peer.closed).to.deep.equal({ code: 4003, reason: 'agent_revoked' });
    expect(await refused(fixture.dial(identity, 2))).to.equal('403 agent_revoked');
    expect(
      (await fixture.postJob([JSON.stringify({ agent: 'host-1', connection: 'p', action: 'a', inputs: {} })])).status,
    ).to.equal(409);
  });

  it('says within which time to come back, and goodbye with 1001, when it stops', async () => {
    const peer = await fixture.dial(identity, 1);
    await peer.hello();
    await fixture.stop();
    expect((await peer.next('reconnect')).frame.within_ms).to.be.within(1_000, 60_000);
    expect((await peer.closed).code).to.equal(1001);
    await fixture.open();
  });

  it('keeps the counter over a restart', async () => {
    await (await fixture.dial(identity, 9)).hello();
    await fixture.restart();
    expect(await refused(fixture.dial(identity, 9))).to.equal('409 session_counter_reused');
  });

  it('shows what hello said', async () => {
    await (await fixture.dial(identity, 1)).hello();
    const { agents } = await fixture.json<{ agents: object[] }>('GET', '/api/v1/agents');
    expect(agents[0]).to.deep.include({
      status: 'online',
      version: '0.1.0',
      connections: [{ label: 'prod', region: 'us-east-1', actions: ['list_users'] }],
    });
  });
});
