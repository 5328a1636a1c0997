// `iam-control-plane serve` as a process: its one line, its exit status, and what is left after it was killed.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Identity, type Invitation, pairAgent } from '../support/agent-identity.ts';
import { Peer } from '../support/agent-peer.ts';

const main = fileURLToPath(new URL('../../control-plane/main.ts', import.meta.url));
const waitMs = 10_000;

class Serve {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [main, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = once(this.child, 'close').then(([code]: unknown[]) => code);
  }

  async url(): Promise<string> {
    for (
      const until = Date.now() + waitMs;
      Date.now() < until;
      await new Promise((resolve) => setTimeout(resolve, 20))
    ) {
      const found = /^listening on (\S+)\n$/.exec(this.stdout)?.[1];
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) break;
    }
    throw new Error(`it did not get ready: ${this.stdout}${this.stderr}`);
  }

  async kill(signal: NodeJS.Signals): Promise<unknown> {
    this.child.kill(signal);
    return this.exited;
  }
}

describe('iam-control-plane serve', () => {
  let dataDir: string;
  let started: Serve[];
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'serve-'));
    started = [];
  });
  afterEach(async () => {
    for (const serve of started) await serve.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  const serve = (...args: string[]): Serve => {
    const made = new Serve(['--data-dir', dataDir, ...args]);
    started.push(made);
    return made;
  };

  const api = async <T>(url: string, method: string, path: string, body?: string): Promise<T> => {
    const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
    const type = path.endsWith('/jobs') ? 'application/x-ndjson' : 'application/json';
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) };
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as T;
  };

  it('prints one line, logs JSON to standard error, and stops with 0 and a goodbye to agents', async () => {
    const running = serve('--listen', '127.0.0.1:0', '--public-url', 'https://soar.example.com/');
    const url = await running.url();
    expect((await readFile(join(dataDir, 'endpoint'), 'utf8')).trim()).to.equal(url);
    const invitation = await api<Invitation>(url, 'POST', '/api/v1/agents', '{"name":"web-1"}');
    expect(invitation.url).to.equal('https://soar.example.com');
    const peer = await Peer.dial(await pairAgent({ ...invitation, url }), 1, Date.now());
    await peer.hello();
    expect(await running.kill('SIGTERM')).to.equal(0);
    expect((await peer.closed).code).to.equal(1001);
    expect(running.stdout).to.equal(`listening on ${url}\n`);
    const events = running.stderr
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).to.include.members(['server.started', 'pairing.finished', 'session.welcomed', 'server.stopped']);
    expect(running.stderr).to.not.include(invitation.code);
  });

  it('refuses plain HTTP on other addresses, half a TLS pair, a port in use and a directory in use', async () => {
    const refused = async (args: string[], status: number, expected: RegExp): Promise<void> => {
      const one = serve(...args);
      expect(await one.exited).to.equal(status);
      expect(one.stderr).to.match(expected);
      expect(one.stdout).to.equal('');
    };
    await refused(['--listen', '0.0.0.0:0'], 78, /configuration_invalid: .*TLS/);
    await refused(['--listen', '127.0.0.1:0', '--tls-cert', '/none'], 78, /configuration_invalid: .*go together/);
    const url = await serve('--listen', '127.0.0.1:0').url();
    await refused(['--listen', '127.0.0.1:0'], 75, /state_locked/);
    const other = new Serve(['--data-dir', join(dataDir, 'other'), '--listen', new URL(url).host]);
    started.push(other);
    expect(await other.exited).to.equal(78);
    expect(other.stderr).to.match(/configuration_invalid: cannot listen/);
  });

  it('serves TLS', async () => {
    const [cert, key] = [join(dataDir, 'cert.pem'), join(dataDir, 'key.pem')];
    const request = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '1', '-subj', '/CN=localhost'];
    execFileSync('openssl', [...request, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const url = await serve('--listen', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key).url();
    expect(url).to.match(/^https:/);
    const ca = await readFile(cert, 'utf8');
    const status = await new Promise((resolve, reject) => {
      get(`${url}/healthz`, { ca, agent: false }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode));
      }).once('error', reject);
    });
    expect(status).to.equal(200);
  });

  it('loses and repeats nothing when it is killed in the middle of a stream of results', async function () {
    this.timeout(60_000);
    let running = serve('--listen', '127.0.0.1:0');
    let url = await running.url();
    const invitation = await api<Invitation>(url, 'POST', '/api/v1/agents', '{"name":"web-1"}');
    const identity: Identity = await pairAgent(invitation);
    const rows = Array.from({ length: 2_000 }, (_, row) => `{"row":${row}}`);
    const head = '{"agent":"web-1","connection":"p","action":"list_users","inputs":{}}';
    const { job } = await api<{ job: string }>(url, 'POST', '/api/v1/jobs', [head, ...rows].join('\n'));
    let peer = await Peer.dial(identity, 1, Date.now());
    await peer.hello();
    peer.credit(1, 2);
    const token = await peer.job();
    token.accept();
    await peer.next('rows');
    token.runRows(0, 2_000);
    let acked = 0;
    for (let session = 2; acked < token.lines.length; session += 1) {
      // Some acks are read and some are not; then it dies with frames on their way.
      const stopAt = acked + 700;
      for (let first = acked + 1; first <= token.lines.length; first += 50) token.sendResults(first, first + 49);
      while (acked < Math.min(stopAt, token.lines.length)) {
        const { frame } = await peer.next('results.ack');
        expect(frame.head, 'what is acknowledged is what was sent').to.equal(token.headAt(frame.sequence));
        acked = frame.sequence;
      }
      await running.kill('SIGKILL');
      await peer.close();
      running = serve('--listen', '127.0.0.1:0');
      url = await running.url();
      peer = await Peer.dial({ ...identity, url }, session, Date.now());
      const welcome = await peer.hello([
        { job: token.id, token_digest: token.digest, next_chunk: null, last_sequence: 4_000 },
      ]);
      const stored = welcome.jobs[0]?.last_sequence ?? 0;
      expect(stored, 'an acknowledged entry is there').to.be.at.least(acked);
      expect(welcome.jobs[0]?.head).to.equal(token.headAt(stored));
      acked = stored;
      token.peer = peer;
    }
    await token.finish();
    await peer.next('job.finished.ack');
    const admin = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
    const results = await fetch(`${url}/api/v1/jobs/${job}/results`, { headers: { authorization: `Bearer ${admin}` } });
    expect(await results.text()).to.equal(token.lines.map((line) => `${line}\n`).join(''));
    await peer.close();
  });
});
