// The launchers as they are, in a package of their own in a folder with a space, with a stand-in for the program.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';

const source = join(import.meta.dirname, '../../bin');
const pinned = `node-${process.platform}-${process.arch}`;

const program = `
import { stdin, stdout } from 'node:process';
let evaluates = true;
try { new Function('return 1')(); } catch { evaluates = false; }
const report = { args: process.argv.slice(2), execPath: process.execPath, evaluates, pid: process.pid, listen: process.env.LISTEN_FDS ?? null };
if (process.argv[2] === 'wait') {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {
    stdout.write(signal + '\\n');
    if (signal === 'SIGTERM') process.exit(42);
  });
  setInterval(() => {}, 1000);
}
if (process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
if (process.argv[2] === 'echo') stdin.pipe(stdout);
else stdout.write(JSON.stringify(report) + '\\n');
if (process.argv[2] === 'exit') process.exitCode = Number(process.argv[3]);
`;

/** The older Node of the machine, if it has one: there the launcher has no execve and keeps a child. */
const olderNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path)) ?? process.execPath;

describe('the launchers', () => {
  let folder: string;
  let children: ChildProcess[];

  beforeEach(() => {
    children = [];
    folder = mkdtempSync(join(tmpdir(), 'launch er '));
    mkdirSync(join(folder, 'bin'));
    for (const name of ['launch.mjs', 'iam-agent.mjs', 'iam-control-plane.mjs'])
      copyFileSync(join(source, name), join(folder, 'bin', name));
    for (const name of ['agent', 'control-plane']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'main.ts'), program);
    }
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    mkdirSync(join(folder, 'node_modules', pinned, 'bin'), { recursive: true });
    symlinkSync(process.execPath, join(folder, 'node_modules', pinned, 'bin', 'node'));
  });
  afterEach(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  function start(args: readonly string[], node = process.execPath, command = 'iam-agent') {
    const child = spawn(node, [join(folder, 'bin', `${command}.mjs`), ...args], {
      stdio: 'pipe',
      env: { ...process.env, LISTEN_FDS: '1' },
    });
    children.push(child);
    return child;
  }

  async function run(args: readonly string[], node?: string, command?: string) {
    const child = start(args, node, command);
    child.stdin.end('through');
    const [out, err, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null, string | null]>,
    ]);
    return { out, err, code, signal, pid: child.pid };
  }

  for (const node of new Set([process.execPath, olderNode])) {
    const name = node === process.execPath ? 'the pinned Node' : 'another Node';

    it(`runs the agent on the pinned Node without code from strings, started by ${name}`, async () => {
      const { out, err, code, pid } = await run(['a b', '--c', ''], node);
      const report = JSON.parse(out) as Record<string, unknown>;
      expect(report['args']).to.deep.equal(['a b', '--c', '']);
      expect(realpathSync(String(report['execPath']))).to.equal(realpathSync(process.execPath));
      expect(report['evaluates']).to.equal(false);
      expect(report['listen']).to.equal(null);
      // Where this Node can be replaced there is no process in between.
      if (node === process.execPath) expect(report['pid']).to.equal(pid);
      expect([err, code]).to.deep.equal(['', 0]);
    });

    it(`hands on standard input, exit code and a death by signal, started by ${name}`, async () => {
      expect(await run(['echo'], node)).to.include({ out: 'through', code: 0 });
      expect((await run(['exit', '77'], node)).code).to.equal(77);
      expect(await run(['die'], node)).to.include({ code: null, signal: 'SIGKILL' });
    });

    it(`hands on signals, started by ${name}`, async () => {
      const child = start(['wait'], node);
      let seen = '';
      child.stdout.on('data', (chunk: Buffer) => (seen += String(chunk)));
      const until = async (word: string): Promise<void> => {
        while (!seen.includes(word)) await once(child.stdout, 'data', { signal: AbortSignal.timeout(15_000) });
      };
      await until('args');
      child.kill('SIGHUP');
      await until('SIGHUP');
      child.kill('SIGINT');
      await until('SIGINT');
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).to.deep.equal([42, null]);
      expect(seen.match(/SIG[A-Z]+/g)).to.deep.equal(['SIGHUP', 'SIGINT', 'SIGTERM']);
    });
  }

  it('runs the control plane', async () => {
    const { out, code } = await run(['serve'], undefined, 'iam-control-plane');
    expect(JSON.parse(out)).to.deep.include({ args: ['serve'], evaluates: true });
    expect(code).to.equal(0);
  });

  it('stays in its process when Node and flags already are right', async () => {
    const flags = [
      '--disallow-code-generation-from-strings',
      '--expose-gc',
      '--disable-warning=ExperimentalWarning',
      '--disable-sigusr1',
      '--max-semi-space-size=16',
    ];
    const child = spawn(process.execPath, [...flags, join(folder, 'bin', 'iam-agent.mjs')], {
      env: { ...process.env, LISTEN_FDS: '1' },
    });
    children.push(child);
    const [out] = await Promise.all([text(child.stdout), once(child, 'close')]);
    expect(JSON.parse(out)).to.deep.include({ listen: '1', pid: child.pid });
  });

  it('runs on itself without a pinned Node, or says what is missing and exits with 78', async () => {
    rmSync(join(folder, 'node_modules'), { recursive: true });
    expect((await run([])).code).to.equal(0);
    // An older Node, as far as the launcher can tell.
    writeFileSync(
      join(folder, 'old.cjs'),
      "Object.defineProperty(process, 'versions', { value: { node: '24.14.9' } });",
    );
    const child = spawn(process.execPath, ['--require', join(folder, 'old.cjs'), join(folder, 'bin', 'iam-agent.mjs')]);
    children.push(child);
    const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number]>]);
    expect(code).to.equal(78);
    expect(err).to.include('Node 24.15').and.to.include(pinned).and.to.include('npm ci');
  });
});
