// Against a real datagram socket, which Python holds because Node cannot.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { openNotify } from '../../../agent/io/notify-systemd.ts';
import { pythonPath } from '../../support/python.ts';

const module = pathToFileURL(join(import.meta.dirname, '../../../agent/io/notify-systemd.ts')).href;

const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(15)
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", "|"), flush=True)
`;

// What systemd 253 does with OpenFile=: the connected socket as descriptor 3, its name in the environment, then exec.
const opener = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
if s.fileno() != 3: os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="notify", WATCHDOG_USEC="30000000")
os.execv(sys.argv[2], [sys.argv[2], "--input-type=module", "-e", sys.argv[3]])
`;

describe('notifying systemd', () => {
  let folder: string;
  let socket: string;
  let receiver: ChildProcess;
  let lines: Interface;
  let received: string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'notify-'));
    socket = join(folder, 'notify.sock');
    const child = spawn(pythonPath(), ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    receiver = child;
    received = [];
    lines = createInterface(child.stdout).on('line', (line) => received.push(line));
    expect(await nextLines(1)).to.deep.equal(['bound']);
  });
  afterEach(async () => {
    const ended = receiver.exitCode === null ? once(receiver, 'exit') : null;
    receiver.kill('SIGKILL');
    await ended;
    lines.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function nextLines(count: number): Promise<string[]> {
    const deadline = performance.now() + 15_000;
    while (received.length < count) {
      if (performance.now() > deadline) throw new Error(`only ${received.length} of ${count} messages came`);
      await delay(10);
    }
    return received.splice(0, count);
  }

  it('writes to the descriptor that systemd opened', async () => {
    const script = `
      const { openNotify } = await import(${JSON.stringify(module)});
      const notify = openNotify(process.env);
      notify.ready(); notify.status('two\\njobs'); notify.watchdog(); notify.stopping();
      console.log(JSON.stringify({ kind: notify.kind, watchdogMs: notify.watchdogMs }));`;
    const messages = nextLines(4);
    const run = spawn(pythonPath(), ['-c', opener, socket, process.execPath, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(run.stdout, 'data')) as [Buffer];
    expect(JSON.parse(String(said))).to.deep.equal({ kind: 'descriptor', watchdogMs: 30_000 });
    expect(await messages).to.deep.equal(['READY=1', 'STATUS=two jobs', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it('runs the helper where there is only a socket, with nothing of our environment but what it needs', async () => {
    const failures: string[] = [];
    const env = {
      NOTIFY_SOCKET: socket,
      PATH: process.env['PATH'],
      AWS_SECRET_ACCESS_KEY: 's3cret',
      WATCHDOG_USEC: '5000',
    };
    const notify = openNotify(env, { onFailure: (state) => failures.push(state) });
    expect([notify.kind, notify.watchdogMs]).to.deep.equal(['helper', 5]);
    const messages = nextLines(1);
    notify.ready();
    await notify.close();
    const [line = ''] = await messages;
    expect(line.split('|')).to.include('READY=1').and.to.include(`MAINPID=${process.pid}`);
    expect(failures).to.deep.equal([]);
  });

  it('reports a state that could not be handed over, and goes on', async () => {
    const failures: string[] = [];
    const onFailure = (state: string): void => void failures.push(state);
    const notify = openNotify({ NOTIFY_SOCKET: join(folder, 'absent'), PATH: process.env['PATH'] }, { onFailure });
    notify.watchdog();
    await notify.close();
    const without = openNotify({ NOTIFY_SOCKET: socket, PATH: folder }, { onFailure });
    without.ready();
    await without.close();
    expect(failures).to.deep.equal(['watchdog', 'ready']);
  });

  it('is silent without systemd, and takes no descriptor that is not meant for it', async () => {
    for (const env of [
      {},
      { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'notify' },
      { LISTEN_PID: String(process.pid), LISTEN_FDS: '1', LISTEN_FDNAMES: 'other' },
      { LISTEN_PID: String(process.pid), LISTEN_FDS: '1', LISTEN_FDNAMES: 'other:notify' },
      { LISTEN_PID: String(process.pid), LISTEN_FDS: '9999', LISTEN_FDNAMES: `${'x:'.repeat(9_000)}notify` },
      { LISTEN_PID: String(process.pid), LISTEN_FDS: 'many', LISTEN_FDNAMES: 'notify' },
      { WATCHDOG_USEC: '1000000' },
    ]) {
      const notify = openNotify(env);
      notify.ready();
      notify.watchdog();
      await notify.close();
      expect([notify.kind, notify.watchdogMs], JSON.stringify(env).slice(0, 80)).to.deep.equal(['none', null]);
    }
  });

  it('leaves a watchdog alone that is meant for another process or is no number', () => {
    const base = { NOTIFY_SOCKET: socket };
    expect(openNotify({ ...base, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }).watchdogMs).to.equal(null);
    expect(openNotify({ ...base, WATCHDOG_USEC: '1000', WATCHDOG_PID: String(process.pid) }).watchdogMs).to.equal(1);
    for (const wrong of ['', '0', '-5', 'x'])
      expect(openNotify({ ...base, WATCHDOG_USEC: wrong }).watchdogMs).to.equal(null);
  });

  it('has the helper on the machine that tests it', () => {
    expect(spawnSync('systemd-notify', ['--version']).status).to.equal(0);
  });
});
