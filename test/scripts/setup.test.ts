// scripts/setup.mjs in packages of its own, with stand-ins for npm and Python: what it decides, not what registries answer.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const script = join(import.meta.dirname, '../../scripts/setup.mjs');
const lock = (version: string): string =>
  JSON.stringify({
    packages: {
      '': { name: 'x' },
      'node_modules/a': { version, integrity: `sha512-${version}` },
      'node_modules/for-another-machine': { version, integrity: 'sha512-o', optional: true },
    },
  });
const installed = (version: string): string =>
  JSON.stringify({ packages: { 'node_modules/a': { version, integrity: `sha512-${version}` } } });

describe('setup', () => {
  let folder: string;
  let bin: string;
  const place = (name: string): string => join(folder, name);

  function put(name: string, content: string): void {
    mkdirSync(join(place(name), '..'), { recursive: true });
    writeFileSync(place(name), content);
  }

  function program(name: string, lines: string): void {
    put(`programs/${name}`, `#!/bin/sh\n${lines}\n`);
    chmodSync(place(`programs/${name}`), 0o755);
  }

  function run(args: readonly string[] = [], extra: Record<string, string> = {}) {
    const env = { PATH: `${bin}:/usr/bin:/bin`, LOG: place('log'), ...extra };
    const { status, stdout, stderr } = spawnSync(process.execPath, [place('scripts/setup.mjs'), ...args], {
      env,
      encoding: 'utf8',
      timeout: 60_000,
    });
    const calls = existsSync(place('log')) ? readFileSync(place('log'), 'utf8').trim().split('\n') : [];
    rmSync(place('log'), { force: true });
    return { status, stdout, stderr, calls };
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'set up '));
    bin = place('programs');
    mkdirSync(place('scripts'));
    copyFileSync(script, place('scripts/setup.mjs'));
    put('package-lock.json', lock('1.0.0'));
    put('test/requirements.txt', 'example==1.0\n');
    put('installed.json', installed('1.0.0'));
    program(
      'npm',
      'echo "npm $*" >> "$LOG"; mkdir -p node_modules && cp installed.json node_modules/.package-lock.json',
    );
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('installs once, and again when the lockfile has changed', () => {
    expect(run())
      .to.include({ status: 0, stderr: '' })
      .and.deep.include({ calls: ['npm ci'] });
    expect(run().calls).to.deep.equal([]);
    put('package-lock.json', lock('1.0.1'));
    put('installed.json', installed('1.0.1'));
    expect(run().calls).to.deep.equal(['npm ci']);
    rmSync(place('node_modules'), { recursive: true });
    expect(run().calls).to.deep.equal(['npm ci']);
  });

  it('installs again when something is there that the lockfile does not have, or was left half done', () => {
    put('node_modules/.package-lock.json', installed('1.0.0').replace('}}', '},"node_modules/b":{"version":"1"}}'));
    expect(run().calls).to.deep.equal(['npm ci']);
    put('node_modules/.package-lock.json', '{"packages"');
    expect(run().calls).to.deep.equal(['npm ci']);
  });

  it('fails with a sentence when npm fails, is missing, or installs something else', () => {
    program('npm', 'exit 3');
    expect(run()).to.include({ status: 1, stderr: 'setup: npm ci failed; its output is above\n' });
    program('npm', ':');
    expect(run().stderr).to.include('is not what package-lock.json says');
    rmSync(place('programs/npm'));
    bin = place('nothing');
    const { status, stderr } = spawnSync(process.execPath, [place('scripts/setup.mjs')], {
      env: { PATH: place('nothing') },
      encoding: 'utf8',
    });
    expect([status, stderr.split(':').slice(0, 2).join(':')]).to.deep.equal([1, 'setup: npm cannot be started']);
  });

  describe('of Python', () => {
    const fits = 'if [ "$1" = -c ]; then exit 0; fi';
    const makes = `if [ "$2" = venv ]; then mkdir -p .venv/bin; cp "$0" .venv/bin/python; fi`;

    beforeEach(() => put('node_modules/.package-lock.json', installed('1.0.0')));

    it('takes the one of the machine when it fits, and says which', () => {
      program('python3', `echo "python3 $1 $2" >> "$LOG"; ${fits}; exit 1`);
      const { status, stdout, calls } = run(['--python']);
      expect([status, stdout]).to.deep.equal([0, 'setup: Python for the tests: python3\n']);
      expect(calls.some((call) => call.includes('venv'))).to.equal(false);
    });

    it('makes .venv when it does not fit, and keeps it', () => {
      program(
        'python3',
        `case "$0" in */.venv/*) [ "$2" = pip ] && touch done; [ -e done ] || exit 1; exit 0;; esac
         echo "python3 $1 $2" >> "$LOG"; if [ "$1" = -c ]; then echo "example is 0.9, not 1.0" >&2; exit 1; fi; ${makes}; exit 0`,
      );
      const first = run(['--python']);
      expect(first.status, first.stderr).to.equal(0);
      expect(first.stdout).to.include('example is 0.9, not 1.0').and.to.include(place('.venv/bin/python'));
      expect(first.calls.at(-1)).to.equal('python3 -m venv');
      const second = run(['--python']);
      expect(second.calls).to.deep.equal([]);
      expect(second.stdout).to.equal(`setup: Python for the tests: ${place('.venv/bin/python')}\n`);
    });

    it('fails with a sentence when pip fails or the one that was named does not fit', () => {
      program('python3', `case "$0" in */.venv/*) exit 1;; esac; [ "$1" = -c ] && exit 1; ${makes}; exit 0`);
      expect(run(['--python'])).to.include({ status: 1 });
      expect(run(['--python']).stderr).to.match(/pip install .*failed/);
      program('other', 'echo "No module named moto" >&2; exit 1');
      const { status, stderr } = run(['--python'], { IAM_AGENT_PYTHON: place('programs/other') });
      expect(status).to.equal(1);
      expect(stderr).to.include('IAM_AGENT_PYTHON').and.to.include('No module named moto');
    });
  });
});
