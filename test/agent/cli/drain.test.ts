// The daemon's end, by protocol: what was made is sent and acknowledged before the goodbye, what has not begun is left for the next start.
import { join } from 'node:path';
import { expect } from 'chai';
import { ControlPlanePeer } from '../../support/control-plane-peer.ts';
import { Host, type Program, scratch } from '../../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../../support/scripted-endpoint.ts';

const rowsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `{"user":"user-${index}"}`);
const change = {
  action: 'delete_access_key',
  inputs: { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001' },
};

describe('the drain of iam-agent run', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let peer: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  const agents: Program[] = [];

  before(async () => {
    endpoint = await startScriptedEndpoint();
  });
  after(() => endpoint.stop());

  beforeEach(async () => {
    folder = await scratch();
    peer = await ControlPlanePeer.start();
  });

  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.kill('SIGKILL');
    await peer.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function paired(options: { callsPerSecond?: number } = {}): Promise<void> {
    host = await Host.make(join(folder.path, 'host'), peer.url, {
      endpoint: endpoint.url,
      reconnectSeconds: 1,
      ...options,
    });
    const done = await host.pair(peer.invitation);
    expect(done.status, done.stderr).to.equal(0);
  }

  async function start(): Promise<Program> {
    peer.frames.length = 0;
    const agent = host.run();
    agents.push(agent);
    await peer.frame('credit');
    return agent;
  }

  it('waits for the acknowledgement of what was made, then closes with a goodbye', async () => {
    endpoint.play(() => xmlAnswer('DeleteAccessKey', null, { afterMs: 300 }));
    await paired();
    const agent = await start();
    const { jti } = await peer.sendJob(rowsOf(3), change);
    await peer.until(() => endpoint.requests.length === 3, 'calls');
    agent.child.kill('SIGTERM');
    await peer.frame('job.finished');
    expect(peer.seen('draining')).to.have.length(1);
    // It is still there: nothing was acknowledged.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect([agent.child.exitCode, peer.closes]).to.deep.equal([null, []]);
    const askedAt = performance.now();
    peer.acknowledge(jti);
    expect(await agent.exited).to.equal(0);
    expect(performance.now() - askedAt).to.be.lessThan(2_500);
    expect(peer.closes).to.deep.equal([1001]);
    expect(agent.logs('agent.drained')[0]).to.include({ jobs: 0, bytes: 0, inTime: true });
    await start();
    expect((await peer.frame('hello')).frame.jobs).to.deep.equal([]);
  });

  it('does not wait for a control plane that acknowledges nothing: it all goes again at the next start', async () => {
    endpoint.play(() => xmlAnswer('DeleteAccessKey', null));
    await paired();
    const agent = await start();
    const { jti } = await peer.sendJob(rowsOf(3), change);
    await peer.frame('job.finished');
    const before = peer.entries(jti);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).to.equal(0);
    expect(agent.logs('agent.drained')[0]).to.include({ inTime: true }).and.property('bytes').greaterThan(0);
    await start();
    await peer.frame('job.finished');
    expect(peer.entries(jti)).to.deep.equal(before);
    expect(endpoint.requests).to.have.length(3);
  });

  it('leaves rows that wait for their rate to the next start, which runs each of them once', async () => {
    endpoint.play(() => xmlAnswer('DeleteAccessKey', null));
    await paired({ callsPerSecond: 1 });
    const agent = await start();
    const { jti } = await peer.sendJob(rowsOf(5), change);
    await peer.until(() => endpoint.requests.length === 1, 'first call');
    const askedAt = performance.now();
    agent.child.kill('SIGTERM');
    await agent.logged('agent.draining');
    await peer.until(() => peer.entries(jti).length > 0, 'its result');
    peer.acknowledge(jti);
    expect(await agent.exited).to.equal(0);
    expect(performance.now() - askedAt).to.be.lessThan(4_000);
    const first = endpoint.requests.length;
    expect(first).to.be.lessThan(5);
    await start();
    await peer.frame('job.finished');
    const ends = peer.entries(jti).filter((line) => line.includes('"row_end"'));
    expect(ends.every((line) => line.includes('"succeeded"'))).to.equal(true);
    const users = endpoint.requests.map(({ params }) => params.get('UserName'));
    expect(users.toSorted()).to.deep.equal(rowsOf(5).map((_, index) => `user-${index}`));
  });

  it('takes no job on a link that opens while it drains', async () => {
    endpoint.play(() => xmlAnswer('DeleteAccessKey', null, { afterMs: 6_000 }));
    await paired();
    const agent = await start();
    await peer.sendJob(rowsOf(1), change);
    await peer.until(() => endpoint.requests.length === 1, 'call');
    agent.child.kill('SIGTERM');
    await peer.frame('draining');
    peer.frames.length = 0;
    peer.cut();
    await peer.frame('draining');
    await peer.frame('credit');
    expect(peer.seen('credit').every(({ frame }) => frame.jobs === 0)).to.equal(true);
  });

  it('ends at once at a second signal of the other kind, also while it waits for acknowledgements', async () => {
    endpoint.play(() => xmlAnswer('DeleteAccessKey', null));
    await paired();
    const agent = await start();
    const { jti } = await peer.sendJob(rowsOf(3), change);
    await peer.frame('job.finished');
    agent.child.kill('SIGTERM');
    await agent.logged('agent.draining');
    agent.child.kill('SIGINT');
    const askedAt = performance.now();
    await agent.exited;
    expect([agent.child.signalCode, performance.now() - askedAt < 1_500]).to.deep.equal(['SIGINT', true]);
    const before = peer.entries(jti);
    await start();
    await peer.frame('job.finished');
    expect(peer.entries(jti)).to.deep.equal(before);
    expect(endpoint.requests).to.have.length(3);
  });
});
