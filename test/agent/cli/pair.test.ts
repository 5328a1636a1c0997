// `iam-agent pair` at a terminal: what it asks, and what it never shows.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ControlPlanePeer } from '../../support/control-plane-peer.ts';
import { Host, scratch } from '../../support/programs.ts';

const main = fileURLToPath(new URL('../../../agent/main.ts', import.meta.url));
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

describe('iam-agent pair', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let peer: ControlPlanePeer;

  before(async () => {
    folder = await scratch();
    peer = await ControlPlanePeer.start();
  });

  after(async () => {
    await peer.stop();
    await folder[Symbol.asyncDispose]();
  });

  const makeHost = (name: string, url = peer.url): Promise<Host> =>
    Host.make(join(folder.path, name), url, { endpoint: 'http://127.0.0.1:9' });

  it('asks for the code without showing it, and for the fingerprint', async () => {
    const host = await makeHost('asked');
    const command = [process.execPath, main, 'pair', '--config', host.config].map(quoted).join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const before = shown;
      shown += text;
      if (shown.includes('Pairing code') && !before.includes('Pairing code'))
        child.stdin.write(`${peer.invitation.code}\n`);
      if (shown.includes('Fingerprint') && !before.includes('Fingerprint'))
        child.stdin.write(`${peer.invitation.fingerprint}\n`);
    });
    const [status] = (await once(child, 'close')) as [number];
    expect(status, shown).to.equal(0);
    expect(shown).to.include('Paired as host-1');
    expect(shown).not.to.include(peer.invitation.code);
    expect(await readFile(join(host.stateDir, 'identity.json'), 'utf8')).to.include('"agent":"host-1"');
  });

  it('says what it needs where nobody can be asked', async () => {
    const host = await makeHost('unasked');
    const { status, stderr } = await host.command(['pair']);
    expect(status).to.equal(2);
    expect(stderr).to.include('--code-file').and.include('--fingerprint');
  });

  it('has no option that takes the code, and refuses another address than the configured one', async () => {
    const host = await makeHost('other');
    expect((await host.command(['pair', '--code', 'x'])).status).to.equal(2);
    const words = ['pair', 'https://elsewhere.example.com', '--code-file', '-', '--fingerprint', 'x'];
    const { status, stderr } = await host.command(words, 'code\n');
    expect(status).to.equal(78);
    expect(stderr).to.include('elsewhere.example.com').and.include(peer.url);
  });

  it('refuses a fingerprint or a code that cannot be one before it asks anybody', async () => {
    const host = await makeHost('nonsense');
    const short = await host.command(['pair', '--code-file', '-', '--fingerprint', peer.kid], '123\n');
    expect(short.status).to.equal(65);
    const wrong = await host.command(['pair', '--code-file', '-', '--fingerprint', 'abc'], `${peer.invitation.code}\n`);
    expect(wrong.status).to.equal(65);
    expect(wrong.stderr).to.include('43 characters');
  });

  it('keeps its key until pairing succeeded, so that a lost answer can be asked for again', async () => {
    const host = await makeHost('lost', 'http://127.0.0.1:9');
    const lost = await host.pair(peer.invitation);
    expect(lost.status).to.equal(69);
    expect(lost.stderr).to.include('pairing_unreachable');
    const pending = await readFile(join(host.stateDir, 'identity.pending.json'), 'utf8');
    const again = await host.pair(peer.invitation);
    expect(again.status).to.equal(69);
    expect(await readFile(join(host.stateDir, 'identity.pending.json'), 'utf8')).to.equal(pending);
  });

  it('says what is wrong with its files, as a failure and not as a fault of its own', async () => {
    const host = await makeHost('files');
    await mkdir(host.stateDir, { mode: 0o700 });
    await writeFile(join(host.stateDir, 'identity.pending.json'), '{"version":', { mode: 0o600 });
    const damaged = await host.pair(peer.invitation);
    expect(damaged.status, damaged.stderr).to.equal(74);
    expect(damaged.stderr).to.match(/^error state_damaged: .*identity\.pending\.json/m);
    await chmod(join(host.stateDir, 'state.key'), 0o644);
    const exposed = await host.pair(peer.invitation);
    expect(exposed.status, exposed.stderr).to.equal(78);
    expect(exposed.stderr).to.match(/^error secret_file_exposed: .*state\.key/m);
  });
});
