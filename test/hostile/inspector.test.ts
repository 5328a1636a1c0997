// SIGUSR1 opens Node's inspector: a port on loopback through which any local user runs code as this one. The launchers switch it off.
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const launchers = { 'iam-agent': ['pair', 'http://127.0.0.1:1'], 'iam-control-plane': ['serve'] } as const;

async function until(test: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !test(); tries += 1) {
    if (tries > 200) throw new Error(`no ${what}`);
    await delay(50);
  }
}

describe('SIGUSR1', () => {
  let folder: Awaited<ReturnType<typeof import('../support/programs.ts').scratch>>;
  let child: ChildProcess;

  before(async () => {
    folder = await (await import('../support/programs.ts')).scratch();
  });

  afterEach(async () => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  });

  after(() => folder[Symbol.asyncDispose]());

  it('opens no debugger in the control plane', async () => {
    const script = fileURLToPath(new URL('../../bin/iam-control-plane.mjs', import.meta.url));
    const args = [script, ...launchers['iam-control-plane'], '--data-dir', folder.path, '--listen', '127.0.0.1:0'];
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    await silent(() => /listening on/.test(printed));
  });

  it('opens no debugger in the agent', async () => {
    const script = fileURLToPath(new URL('../../bin/iam-agent.mjs', import.meta.url));
    // Waits for the code at a prompt, so it lives until it is killed.
    const args = [script, ...launchers['iam-agent'], '--code-file', '-', '--config', `${folder.path}/none.yaml`];
    child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    await silent(() => true);
  });

  let printed = '';

  async function silent(ready: () => boolean): Promise<void> {
    printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    await until(ready, 'start of the program');
    child.kill('SIGUSR1');
    await delay(1_000);
    expect(printed).to.not.match(/debugger|inspector/i);
  }
});
