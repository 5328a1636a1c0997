import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { acquireStateLock, type StateLock } from '../../../agent/io/state-lock.ts';
import { isRefusal, type Refusal } from '../../../protocol/error-codes.ts';

const module = pathToFileURL(join(import.meta.dirname, '../../../agent/io/state-lock.ts')).href;

describe('the lock of the state directory', () => {
  let folder: string;
  let children: ChildProcess[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'state lock '));
    children = [];
  });
  afterEach(async () => {
    for (const child of children) await killed(child);
    rmSync(folder, { recursive: true, force: true });
  });

  async function killed(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async function holderProcess(directory: string): Promise<ChildProcess> {
    const script = `
      const { acquireStateLock } = await import(${JSON.stringify(module)});
      const lock = await acquireStateLock(process.argv[1]);
      console.log(lock.kind);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    expect(String(text).trim()).to.equal('state_lock');
    return child;
  }

  async function held(directory: string): Promise<StateLock> {
    const lock = await acquireStateLock(directory);
    if (isRefusal(lock)) throw new Error(lock.detail);
    return lock;
  }

  async function refused(directory: string): Promise<Refusal> {
    const lock = await acquireStateLock(directory);
    if (isRefusal(lock)) return lock;
    lock.release();
    throw new Error('the lock was given');
  }

  it('makes the directory for its owner only, and is given once in a process too', async () => {
    const directory = join(folder, 'new', 'state');
    const lock = await held(directory);
    expect(statSync(directory).mode & 0o777).to.equal(0o700);
    expect((await refused(directory)).code).to.equal('state_locked');
    lock.release();
    lock.release();
    (await held(directory)).release();
  });

  it('names the process that holds it, and is free the moment that one is killed', async () => {
    const child = await holderProcess(folder);
    const refusal = await refused(folder);
    expect(refusal.code).to.equal('state_locked');
    expect(refusal.detail).to.include(`process ${child.pid}`).and.to.include(folder);
    await killed(child);
    (await held(folder)).release();
  });

  it('trusts the kernel, not the file that names the holder', async () => {
    writeFileSync(join(folder, 'agent.pid'), `${process.pid}\n`);
    (await held(folder)).release();
    await holderProcess(folder);
    for (const content of ['', 'x', '-1', '99999999', '0']) {
      writeFileSync(join(folder, 'agent.pid'), content);
      expect((await refused(folder)).detail).to.include('another process');
    }
  });

  it('goes to exactly one of many that start together', async () => {
    const script = `
      const { acquireStateLock } = await import(${JSON.stringify(module)});
      const lock = await acquireStateLock(process.argv[1]);
      console.log(lock.kind === 'state_lock' ? 'held' : lock.code);
      process.stdin.resume();`;
    const words: Promise<string>[] = [];
    for (let index = 0; index < 6; index += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.push(child);
      words.push(once(child.stdout, 'data').then(([text]) => String(text).trim()));
    }
    const said = (await Promise.all(words)).sort();
    expect(said).to.deep.equal(['held', ...Array.from({ length: 5 }, () => 'state_locked')]);
  });

  it('says that a path cannot be a state directory', async () => {
    writeFileSync(join(folder, 'file'), '');
    const refusal = await refused(join(folder, 'file', 'state'));
    expect(refusal.code).to.equal('state_damaged');
    writeFileSync(join(folder, 'agent.lock'), 'this is no database, and never was one'.repeat(100));
    expect((await refused(folder)).code).to.equal('state_damaged');
  });
});
