// The demo as a stranger runs it: it tells what the README promises, says so with its exit status, and leaves nothing behind.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = fileURLToPath(new URL('../../scripts/demo/demo.ts', import.meta.url));
const sevenActions = [
  'get_access_key_last_used',
  'create_access_key',
  'delete_access_key',
  'list_access_keys',
  'update_access_key',
  'attach_user_policy',
  'list_policies',
];
const runWithinMs = 120_000;
const goneWithinMs = 20_000;

interface Demo {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

describe('the demo', function () {
  this.timeout(runWithinMs + goneWithinMs);
  let temporary: string;
  let running: Demo | null = null;

  beforeEach(async () => {
    // The space shows that no command of the demo breaks at one.
    temporary = await mkdtemp(join(tmpdir(), 'demo test '));
  });

  afterEach(async () => {
    running?.child.kill('SIGKILL');
    await running?.ended;
    running = null;
    await rm(temporary, { recursive: true, force: true });
  });

  function start(args: readonly string[] = []): Demo {
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(process.execPath, [script, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    running = { child, output: () => output, ended: once(child, 'close').then(([code]) => code as number | null) };
    return running;
  }

  async function until(demo: Demo, text: string): Promise<void> {
    const late = AbortSignal.timeout(runWithinMs);
    while (!demo.output().includes(text)) {
      if (late.aborted || demo.child.exitCode !== null) throw new Error(`no "${text}" in:\n${demo.output()}`);
      await delay(20);
    }
  }

  async function expectNothingLeft(): Promise<void> {
    expect(await readdir(temporary)).to.deep.equal([]);
    expect(await processesNaming(temporary)).to.deep.equal([]);
  }

  it('runs the seven actions, one refusal and one expected error, and leaves nothing behind', async () => {
    const demo = start();
    expect(await demo.ended, demo.output()).to.equal(0);
    const told = demo.output();
    for (const action of sevenActions) expect(told).to.match(new RegExp(`run ${action} [^]* ${action} +\\d/\\d`));
    expect(told).to.match(/3 +aws_error +An error occurred \(NoSuchEntity\) when calling the ListAccessKeys operation/);
    expect(told).to.include('error action_not_allowed').and.to.include('"- attach_user_policy"');
    expect(told).to.include('the account agrees');
    expect(told).to.match(/✓ not in \d+ places/);
    expect(told).to.match(/jobs +8: all seven actions, and one refused/);
    expect(told).to.match(/errors +1 expected .*, 0 unexpected/);
    expect(told, 'no colours but on a terminal').not.to.include('\u001B');
    await expectNothingLeft();
  });

  for (const [signal, when, status] of [
    ['SIGINT', 'List Access Keys:', 130],
    ['SIGTERM', 'Start a control plane', 143],
  ] as const) {
    it(`clears up on ${signal} in the middle`, async () => {
      const demo = start();
      await until(demo, when);
      expect(await processesNaming(temporary)).not.to.deep.equal([]);
      demo.child.kill(signal);
      expect(await demo.ended, demo.output()).to.equal(status);
      expect(demo.output()).to.include(`stopped by ${signal}`);
      await expectNothingLeft();
    });
  }

  it('says what is wrong and fails when the IAM server does not answer', async () => {
    const demo = start(['--iam-endpoint', 'http://127.0.0.1:9']);
    expect(await demo.ended).to.equal(1);
    expect(demo.output()).to.include('demo: the demo account could not be prepared');
    await expectNothingLeft();
  });

  it('does not run on AWS itself', async () => {
    const demo = start(['--iam-endpoint', 'https://iam.amazonaws.com']);
    expect(await demo.ended).to.equal(2);
    expect(demo.output()).to.include('test servers only');
  });

  it('refuses a Node that is too old in words', () => {
    const pretend = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'22.18.0'})`;
    const { status, stderr } = spawnSync(process.execPath, ['--import', pretend, script], { encoding: 'utf8' });
    expect(status).to.equal(78);
    expect(stderr).to.match(/^demo: expected Node 24\.15 or later, found 22\.18\.0; .*npm run demo/);
  });
});

/** Command lines that name this text: every program of the demo has its folder in its arguments. */
async function processesNaming(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(text)) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}
