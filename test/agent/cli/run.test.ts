// The daemon as a process: what keeps it from starting and with which exit status, and how it ends.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ControlPlanePeer } from '../../support/control-plane-peer.ts';
import { Host, type Program, scratch } from '../../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../../support/scripted-endpoint.ts';

const row = '{"user":"alice"}';
const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001' };

describe('iam-agent run', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let peer: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  const agents: Program[] = [];

  before(async () => {
    peer = await ControlPlanePeer.start();
    endpoint = await startScriptedEndpoint();
  });

  beforeEach(async () => {
    folder = await scratch();
    host = await Host.make(join(folder.path, 'host'), peer.url, { endpoint: endpoint.url });
    const paired = await host.pair(peer.invitation);
    expect(paired.status, paired.stderr).to.equal(0);
    peer.frames.length = 0;
  });

  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.kill('SIGKILL');
    await folder[Symbol.asyncDispose]();
  });

  after(async () => {
    await peer.stop();
    await endpoint.stop();
  });

  function start(): Program {
    const agent = host.run();
    agents.push(agent);
    return agent;
  }

  it('exits 77 without an identity and 75 while another process has the state, and says what to do', async () => {
    const other = await Host.make(join(folder.path, 'other'), peer.url, { endpoint: endpoint.url });
    const unpaired = await other.command(['run']);
    expect(unpaired.status).to.equal(77);
    expect(unpaired.stderr).to.match(/^error not_paired: .*iam-agent pair/m);
    await start().logged('link.welcomed');
    const second = await host.command(['run']);
    expect(second.status).to.equal(75);
    expect(second.stderr).to.match(/^error state_locked: /m);
  });

  it('exits 78 for a configuration that is wrong or a secret that others can read', async () => {
    await chmod(join(host.stateDir, 'identity.json'), 0o644);
    const exposed = await host.command(['run']);
    expect(exposed.status).to.equal(78);
    expect(exposed.stderr).to.match(/^error secret_file_exposed: .*chmod 600/m);
    await writeFile(host.config, 'control_plane: { url: "ftp://x" }\nnonsense: 1\n');
    const wrong = await host.command(['run']);
    expect(wrong.status).to.equal(78);
    expect(wrong.stderr).to.include('nonsense').and.include('control_plane.url');
  });

  it('exits 74 when its state is damaged, and does not call that exposed', async () => {
    const identity = await readFile(join(host.stateDir, 'identity.json'), 'utf8');
    for (const text of ['{"version":1}', '{"version":', '']) {
      await writeFile(join(host.stateDir, 'identity.json'), text);
      const ended = await host.command(['run']);
      expect(ended.status, `${text}: ${ended.stderr}`).to.equal(74);
      expect(ended.stderr).to.match(/^error state_damaged: /m);
      expect(ended.stderr).not.to.include('    at ');
    }
    await writeFile(join(host.stateDir, 'identity.json'), identity);
    await writeFile(join(host.stateDir, 'state.key'), 'c2hvcnQ');
    expect((await host.command(['run'])).status).to.equal(74);
  });

  it('exits 74 when the place of its state is no folder', async () => {
    const other = await Host.make(join(folder.path, 'other'), peer.url, { endpoint: endpoint.url });
    await mkdir(join(other.folder, 'state', 'journal.db'), { recursive: true, mode: 0o700 });
    await writeFile(join(other.stateDir, 'identity.json'), await readFile(join(host.stateDir, 'identity.json')), {
      mode: 0o600,
    });
    await writeFile(join(other.stateDir, 'state.key'), await readFile(join(host.stateDir, 'state.key')), {
      mode: 0o600,
    });
    const ended = await other.command(['run']);
    expect(ended.status, ended.stderr).to.equal(74);
    expect(ended.stderr).to.match(/^error state_damaged: /m);
  });

  it('lets a call under way end at the first signal, reports it, and exits 0', async () => {
    endpoint.play(() => xmlAnswer('DeleteAccessKey', null, { afterMs: 700 }));
    const agent = start();
    await peer.frame('credit');
    const { jti } = await peer.sendJob([row], { action: 'delete_access_key', inputs });
    await peer.until(() => endpoint.requests.length === 1, 'call');
    agent.child.kill('SIGTERM');
    expect(await agent.exited).to.equal(0);
    expect(peer.entries(jti).some((line) => line.includes('"outcome":"succeeded"'))).to.equal(true);
    expect(peer.seen('draining')).to.have.length(1);
    expect(agent.logs().map(({ event }) => event)).to.include.members(['agent.draining', 'agent.stopped']);
  });

  it('ends at once at the second signal, and the change that was under way is read back at the next start', async () => {
    endpoint.play(({ operation }) =>
      operation === 'DeleteAccessKey'
        ? { kind: 'hang' }
        : xmlAnswer('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>'),
    );
    const agent = start();
    await peer.frame('credit');
    const { jti } = await peer.sendJob([row], { action: 'delete_access_key', inputs });
    await peer.until(() => endpoint.requests.length === 1, 'call');
    agent.child.kill('SIGTERM');
    await agent.logged('agent.draining');
    const secondAtMs = performance.now();
    agent.child.kill('SIGTERM');
    expect(await agent.exited).to.equal(null);
    expect(agent.child.signalCode).to.equal('SIGTERM');
    expect(performance.now() - secondAtMs).to.be.lessThan(5_000);
    peer.frames.length = 0;
    start();
    await peer.frame('job.finished');
    expect(peer.entries(jti).at(-1)).to.include('"outcome":"unknown"');
    expect(endpoint.requests.filter(({ operation }) => operation === 'DeleteAccessKey')).to.have.length(1);
  });

  it('prints warnings on stderr and only events on stdout', async () => {
    const agent = start();
    await agent.logged('link.welcomed');
    expect(await agent.kill('SIGINT')).to.equal(0);
    const lines = agent.stdout.trim().split('\n');
    for (const line of lines) expect(JSON.parse(line), line).to.have.property('event');
    expect(agent.stderr).not.to.include('error');
  });
});
