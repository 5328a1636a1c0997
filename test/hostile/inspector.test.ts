// SIGUSR1 opens Node's inspector: a port on loopback through which any local user runs code as this one. The launchers switch it off.
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ControlPlanePeer } from '../support/control-plane-peer.ts';
import { Host, scratch } from '../support/programs.ts';

describe('SIGUSR1', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlanePeer;
  let child: ChildProcess;
  let printed = '';

  before(async () => {
    folder = await scratch();
    plane = await ControlPlanePeer.start();
  });

  afterEach(async () => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  });

  after(async () => {
    await plane.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function start(launcher: string, args: readonly string[], ready: RegExp): Promise<void> {
    const script = fileURLToPath(new URL(`../../bin/${launcher}.mjs`, import.meta.url));
    printed = '';
    child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    for (let tries = 0; !ready.test(printed); tries += 1) {
      if (tries > 200) throw new Error(`not ready: ${printed}`);
      await delay(50);
    }
  }

  async function afterSignal(): Promise<string> {
    child.kill('SIGUSR1');
    await delay(1_000);
    return printed;
  }

  it('opens no debugger in the control plane', async () => {
    await start('iam-control-plane', ['serve', '--data-dir', folder.path, '--listen', '127.0.0.1:0'], /listening on/);
    expect(await afterSignal()).to.not.match(/debugger|inspector/i);
  });

  it('opens no debugger in the agent', async () => {
    const host = await Host.make(`${folder.path}/host`, plane.url, { endpoint: 'http://127.0.0.1:9' });
    expect((await host.pair(plane.invitation)).status).to.equal(0);
    await start('iam-agent', ['run', '--config', host.config], /link\.welcomed/);
    expect(await afterSignal()).to.not.match(/debugger|inspector/i);
  });
});
