// `iam-agent status` as people use it: real processes, connected, not connected, not running, with jobs.
import { expect } from 'chai';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { statusSchema } from '../../agent/local/status.ts';
import { Host } from '../support/programs.ts';
import { csv, LocalAgent, until } from '../support/local-agent.ts';

describe('iam-agent status', function () {
  // Many starts of programs, one after the other.
  this.timeout(60_000);
  let local: LocalAgent;
  before(async () => (local = await LocalAgent.start()));
  after(() => local.stop());
  beforeEach(() => local.answer());

  it('says that no agent runs, and how to start it, before and after pairing', async () => {
    const fresh = await Host.make(join(local.folder, 'fresh'), local.plane.url, { endpoint: local.endpoint.url });
    const { status, stdout, stderr } = await fresh.command(['status']);
    expect(status).to.equal(69);
    expect(stdout).to.equal('');
    expect(stderr).to.include('agent_not_running').and.include('systemctl start iam-agent');
    expect((await fresh.pair(await local.plane.invite('fresh'))).status).to.equal(0);
    expect((await fresh.command(['status'])).status).to.equal(69);
  });

  it('asks a file that is for its own user alone, and goes away with the agent', async () => {
    const socket = join(local.host.stateDir, 'agent.sock');
    expect(statSync(socket).isSocket()).to.equal(true);
    expect(statSync(socket).mode & 0o777).to.equal(0o600);
    expect(statSync(local.host.stateDir).mode & 0o777).to.equal(0o700);
    await local.agent.kill('SIGTERM');
    expect(statSync(socket, { throwIfNoEntry: false })).to.equal(undefined);
    await local.restart();
    await local.agent.kill('SIGKILL');
    expect(statSync(socket).isSocket()).to.equal(true);
    await local.restart();
    expect((await local.status()).link.state).to.equal('connected');
  });

  it('is served where the path of the socket is longer than the kernel takes', async () => {
    const deep = join(local.folder, ...Array.from({ length: 4 }, () => 'x'.repeat(40)));
    const host = await Host.make(deep, local.plane.url, { endpoint: local.endpoint.url });
    expect((await host.pair(await local.plane.invite('deep'))).status).to.equal(0);
    const agent = host.run();
    try {
      await agent.logged('link.welcomed');
      expect(Buffer.byteLength(join(host.stateDir, 'agent.sock'))).to.be.greaterThan(107);
      expect(statSync(join(host.stateDir, 'agent.sock')).mode & 0o777).to.equal(0o600);
      const { status, stdout, stderr } = await host.command(['status']);
      expect(status, stderr).to.equal(0);
      expect(stdout).to.include('deep');
      await agent.kill('SIGTERM');
      expect(statSync(join(host.stateDir, 'agent.sock'), { throwIfNoEntry: false })).to.equal(undefined);
    } finally {
      await agent.kill('SIGKILL');
    }
  });

  it('says how the agent stands: connected, and not', async () => {
    const ended = await local.host.command(['status', '--json']);
    expect(ended.status, ended.stderr).to.equal(0);
    expect(ended.stdout).to.match(/^\{.*\}\n$/);
    const status = statusSchema.parse(JSON.parse(ended.stdout));
    expect(status.agent).to.include({ name: 'host-1', pid: local.agent.child.pid, draining: false });
    expect(status.control_plane.url).to.equal(local.plane.url);
    expect(status.link).to.include({ state: 'connected', next_dial_at: null });
    expect(status.clock_skew_ms).to.be.a('number');
    expect(status.spool.quota_bytes).to.be.greaterThan(0);
    const text = await local.host.command(['status']);
    expect(text.status).to.equal(0);
    expect(text.stdout)
      .to.match(/^agent +host-1, version /)
      .and.match(/^link +connected for .*, session \d+$/m);

    await local.plane.kill('SIGKILL');
    await local.agent.logged('link.unreachable', 2);
    const away = await local.status();
    expect(away.link.state).to.be.oneOf(['waiting', 'connecting']);
    expect(away.link.session).to.equal(null);
    expect(away.link.last_error).to.include({ event: 'link.unreachable', reason: 'ECONNREFUSED' });
    const repeated = away.errors.filter(({ event }) => event === 'link.unreachable');
    expect(repeated).to.have.length(1);
    expect(repeated[0]?.times).to.be.greaterThan(1);
    const awayText = await local.host.command(['status']);
    expect(awayText.status).to.equal(75);
    expect(awayText.stdout)
      .to.match(/^link +not connected for /m)
      .and.include('ECONNREFUSED');
    await local.plane.start();
    await until(async () => (await local.status()).link.state === 'connected', 'the link is back');
  });

  it('shows a job that runs', async () => {
    local.endpoint.play(() => ({ kind: 'hang' }));
    const target = ['--agent', 'host-1', '--connection', 'prod', '--set', 'Username={{ user }}', '--rows', '-'];
    const made = await local.plane.command(['run', 'list_access_keys', ...target], csv(9));
    expect(made.status, made.stderr).to.equal(0);
    const job = made.stdout.trim();
    await until(() => local.endpoint.requests.length === 4, 'four rows are under way');
    const status = await local.status();
    expect(status.jobs).to.deep.equal([
      {
        job,
        action: 'list_access_keys',
        connection: 'prod',
        rows: 9,
        rows_done: 0,
        rows_failed: 0,
        rows_waiting: 9,
        entries_waiting: 0,
        waits_for: null,
      },
    ]);
    expect(status.journal.open_jobs).to.equal(1);
    expect((await local.host.command(['status'])).stdout).to.include(job);
    expect((await local.plane.command(['jobs', 'cancel', job])).status).to.equal(0);
    await local.agent.kill('SIGKILL');
    local.answer();
    await local.restart();
    await until(async () => (await local.status()).jobs.length === 0, 'the cancelled job is closed');
  });
});
