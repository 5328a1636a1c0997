// Pairing and identity between the real programs: what enrols a host, what does not, and who speaks for it afterwards.
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlPlane, Host, type Program, scratch } from '../support/programs.ts';
import { copyState } from '../support/copy-state.ts';

describe('pairing a host', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  const agents: Program[] = [];

  before(async () => {
    folder = await scratch();
    plane = await new ControlPlane(join(folder.path, 'plane')).start();
  });

  after(async () => {
    for (const agent of agents) await agent.kill('SIGKILL');
    await plane.kill('SIGTERM');
    await folder[Symbol.asyncDispose]();
  });

  const makeHost = (name: string): Promise<Host> =>
    Host.make(join(folder.path, name), plane.url, { endpoint: 'http://127.0.0.1:9' });

  const start = (host: Host): Program => {
    const agent = host.run();
    agents.push(agent);
    return agent;
  };

  async function statusOf(name: string): Promise<string | undefined> {
    const { agents: all } = (await (await plane.api('/api/v1/agents')).json()) as {
      agents: { agent: string; status: string }[];
    };
    return all.find(({ agent }) => agent === name)?.status;
  }

  it('enrols with the code and the fingerprint, and the agent comes online', async () => {
    const host = await makeHost('good');
    const paired = await host.pair(await plane.invite('good'));
    expect(paired.status, paired.stderr).to.equal(0);
    const identity = await stat(join(host.stateDir, 'identity.json'));
    expect(identity.mode & 0o777).to.equal(0o600);
    const agent = start(host);
    await agent.logged('link.welcomed');
    expect(await statusOf('good')).to.equal('online');
    expect(await agent.kill('SIGTERM')).to.equal(0);
    expect(await statusOf('good')).to.equal('offline');
  });

  it('refuses to run without an identity', async () => {
    const host = await makeHost('unpaired');
    const ended = await host.command(['run']);
    expect(ended.status).to.equal(77);
    expect(ended.stderr).to.include('not_paired').and.include('iam-agent pair');
  });

  it('trusts nothing when the fingerprint is not the one that was given', async () => {
    const host = await makeHost('fooled');
    const invitation = await plane.invite('fooled');
    const ended = await host.pair({
      ...invitation,
      fingerprint: invitation.fingerprint.split('').toReversed().join(''),
    });
    expect(ended.status).to.equal(77);
    expect(ended.stderr).to.match(/fingerprint_mismatch|pairing_code_invalid/);
    expect(await readdir(host.stateDir)).not.to.include('identity.json');
    const right = await host.pair(invitation);
    expect(right.status, right.stderr).to.equal(0);
  });

  it('refuses a wrong code', async () => {
    const host = await makeHost('guess');
    const invitation = await plane.invite('guess');
    const ended = await host.pair({ ...invitation, code: '0'.repeat(invitation.code.length) });
    expect(ended.status).to.equal(77);
    expect(ended.stderr).to.include('pairing_code_invalid');
  });

  it('refuses a code a second time with another key, and gives the same key the same answer', async () => {
    const invitation = await plane.invite('twice');
    const first = await makeHost('twice-first');
    await copyState(first.folder, join(folder.path, 'twice-copy'));
    expect((await first.pair(invitation)).status).to.equal(0);
    const second = await makeHost('twice-second');
    const refused = await second.pair(invitation);
    expect(refused.status).to.equal(77);
    expect(refused.stderr).to.include('pairing_code_used');
    const agent = start(first);
    await agent.logged('link.welcomed');
    await agent.kill('SIGTERM');
  });

  it('does not pair over an identity unless told to', async () => {
    const host = await makeHost('again');
    expect((await host.pair(await plane.invite('again'))).status).to.equal(0);
    const key = await readFile(join(host.stateDir, 'identity.json'), 'utf8');
    const once = await host.command(['pair', '--code-file', '-', '--fingerprint', 'x'], 'code\n');
    expect(once.status).to.equal(77);
    expect(once.stderr).to.include('--again');
    expect(await readFile(join(host.stateDir, 'identity.json'), 'utf8')).to.equal(key);
  });

  it('serves no revoked agent: the socket closes, and the next dial is refused', async () => {
    const host = await makeHost('revoked');
    expect((await host.pair(await plane.invite('revoked'))).status).to.equal(0);
    const agent = start(host);
    await agent.logged('link.welcomed');
    const revoked = await plane.command(['agents', 'revoke', 'revoked']);
    expect(revoked.status, revoked.stderr).to.equal(0);
    const [lost] = await agent.logged('link.lost');
    expect(lost).to.include({ code: 'agent_revoked' });
    expect(Number(lost?.['retryInMs'])).to.be.greaterThan(0);
    await agent.kill('SIGTERM');
    const again = start(host);
    const [rejected] = await again.logged('link.rejected');
    expect(rejected).to.include({ code: 'agent_revoked' });
    await again.kill('SIGTERM');
  });

  it('gives one identity one session: a copy with the same counter is refused until an operator clears it', async () => {
    const host = await makeHost('cloned');
    expect((await host.pair(await plane.invite('cloned'))).status).to.equal(0);
    await copyState(host.folder, join(folder.path, 'clone'));
    const clone = new Host(join(folder.path, 'clone'));
    const original = start(host);
    await original.logged('link.welcomed');
    const copy = start(clone);
    const [rejected] = await copy.logged('link.rejected');
    expect(rejected).to.include({ code: 'session_counter_reused' });
    expect(original.logs('link.lost')).to.have.length(0);
    expect(await statusOf('cloned')).to.equal('conflict');
    const cleared = await plane.command(['agents', 'clear', 'cloned']);
    expect(cleared.status, cleared.stderr).to.equal(0);
    // Clearing ends the session that was there: whoever is the host comes back with the next counter.
    await original.logged('link.welcomed', 2);
    expect(await statusOf('cloned')).to.equal('online');
    await copy.kill('SIGTERM');
    await original.kill('SIGTERM');
  });

  it('works over TLS with an authority of its own, and trusts no other certificate', async () => {
    const [key, cert] = [join(folder.path, 'tls-key.pem'), join(folder.path, 'tls-cert.pem')];
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore', timeout: 10_000 });
    const secure = new ControlPlane(join(folder.path, 'secure-plane'));
    secure.env = { NODE_EXTRA_CA_CERTS: cert };
    try {
      await secure.start('--tls-cert', cert, '--tls-key', key);
      const invitation = await secure.invite('tls');
      const endpoint = 'http://127.0.0.1:9';
      const stranger = await Host.make(join(folder.path, 'tls-stranger'), secure.url, { endpoint });
      const refused = await stranger.pair(invitation);
      expect(refused.status).to.equal(69);
      expect(refused.stderr).to.include('pairing_unreachable').and.include('CERT');
      const controlPlane = `, ca_file: ${JSON.stringify(cert)}`;
      const host = await Host.make(join(folder.path, 'tls-host'), secure.url, { endpoint, controlPlane });
      const paired = await host.pair(invitation);
      expect(paired.status, paired.stderr).to.equal(0);
      const agent = start(host);
      await agent.logged('link.welcomed');
      expect(await agent.kill('SIGTERM')).to.equal(0);
    } finally {
      await secure.kill('SIGTERM');
    }
  });

  it('takes no job of the old identity over to a new one', async () => {
    const host = await makeHost('anew');
    expect((await host.pair(await plane.invite('anew'))).status).to.equal(0);
    const first = start(host);
    await first.logged('link.welcomed');
    await first.kill('SIGTERM');
    const code = await plane.command(['agents', 'code', 'anew', '--json']);
    expect(code.status, code.stderr).to.equal(0);
    const { code: secret, fingerprint } = JSON.parse(code.stdout) as { code: string; fingerprint: string };
    const again = await host.command(
      ['pair', '--again', '--code-file', '-', '--fingerprint', fingerprint],
      `${secret}\n`,
    );
    expect(again.status, again.stderr).to.equal(0);
    const names = await readdir(host.stateDir);
    expect(names.filter((name) => name.startsWith('identity.json.'))).to.have.length(1);
    expect(names.filter((name) => name.startsWith('journal.db.2'))).to.have.length(1);
    const second = start(host);
    expect((await second.logged('link.connected'))[0]).to.include({ session: 1 });
    await second.logged('link.welcomed');
    await second.kill('SIGTERM');
  });

  it('lets one process use a state directory', async () => {
    const host = await makeHost('single');
    expect((await host.pair(await plane.invite('single'))).status).to.equal(0);
    const first = start(host);
    await first.logged('link.welcomed');
    const second = await host.command(['run']);
    expect(second.status).to.equal(75);
    expect(second.stderr).to.include('state_locked').and.include(String(first.child.pid));
    expect(await first.kill('SIGTERM')).to.equal(0);
  });
});
