// .ci/run in a package of its own: what it counts, and when it fails.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const source = join(import.meta.dirname, '../../.ci/run');

describe('.ci/run', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ci run '));
    for (const name of ['.ci', 'scripts']) mkdirSync(join(folder, name));
    copyFileSync(source, join(folder, '.ci/run'));
    writeFileSync(join(folder, 'scripts/setup.mjs'), 'console.log("setup ran");');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs it with scripts that print these lines and exit with these codes. */
  function run(suites: {
    readonly check?: number;
    readonly test: readonly [string, number];
    readonly slow: readonly [string, number];
  }) {
    const script = (text: string, code: number): string =>
      `node -e ${JSON.stringify(`process.stdout.write(Buffer.from('${Buffer.from(text).toString('hex')}','hex'));process.exitCode=${code}`)}`;
    const scripts = {
      check: script('checked\n', suites.check ?? 0),
      test: script(...suites.test),
      'test:slow': script(...suites.slow),
    };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'x', scripts }));
    // From another folder on purpose: it finds its own.
    const { status, stdout } = spawnSync('bash', [join(folder, '.ci/run')], {
      cwd: tmpdir(),
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, last: stdout.trimEnd().split('\n').at(-1), stdout };
  }

  it('sums the suites and passes when all of them pass', () => {
    const { status, last, stdout } = run({
      test: ['\n\n  a suite\n    ✔ 7 passing cars\n\n  120 passing (3s)\n\n', 0],
      slow: ['\n  3 passing (2m)\n', 0],
    });
    expect([status, last]).to.deep.equal([0, '123 passed, 0 failed, 0 skipped']);
    for (const step of ['setup', 'check', 'test', 'slow']) expect(stdout).to.include(`== ${step}: `);
  });

  it('fails with a failed test and still runs what follows', () => {
    const { status, last } = run({
      test: ['  10 passing (1s)\n  2 failing\n\n  1) x\n', 2],
      slow: ['  3 passing (1s)\n', 0],
    });
    expect([status, last]).to.deep.equal([1, '13 passed, 2 failed, 0 skipped']);
  });

  it('fails with a skipped test', () => {
    const { status, last } = run({ test: ['  10 passing (1s)\n  1 pending\n', 0], slow: ['  3 passing (1s)\n', 0] });
    expect([status, last]).to.deep.equal([1, '13 passed, 0 failed, 1 skipped']);
  });

  it('fails when a check fails, when a suite breaks, and when one ran nothing', () => {
    const slow = ['  3 passing (1s)\n', 0] as const;
    expect(run({ check: 1, test: ['  1 passing (1s)\n', 0], slow })).to.include({
      status: 1,
      last: '4 passed, 1 failed, 0 skipped',
    });
    expect(run({ test: ['SyntaxError\n', 1], slow })).to.include({ status: 1, last: '3 passed, 1 failed, 0 skipped' });
    expect(run({ test: ['', 0], slow })).to.include({ status: 1, last: '3 passed, 0 failed, 0 skipped' });
  });

  it('fails when nothing could be set up', () => {
    writeFileSync(join(folder, 'scripts/setup.mjs'), 'process.exitCode = 1;');
    expect(run({ test: ['', 0], slow: ['', 0] })).to.include({ status: 1, last: '0 passed, 1 failed, 0 skipped' });
  });
});
