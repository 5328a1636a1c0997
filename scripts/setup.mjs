// Installs what the checkout needs, once: the packages of the lockfile and, with --python, a Python for the tests that compare with boto3,
// moto and Jinja2. Plain JavaScript, because it runs on whatever Node starts it (18 and later) before the pinned one is there.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const requirements = join(root, 'test', 'requirements.txt');
const ownPython = join(root, '.venv', 'bin', 'python');
const minuteMs = 60_000;

class SetupError extends Error {}

/** Runs a command in the checkout, its output on ours. */
function run(command, args, { timeoutMs, env = process.env }) {
  process.stdout.write(`setup: ${command} ${args.join(' ')}\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', timeout: timeoutMs, env });
  if (error?.code === 'ETIMEDOUT')
    throw new SetupError(`${command} did not finish within ${timeoutMs / minuteMs} minutes`);
  if (error) throw new SetupError(`${command} cannot be started: ${error.message}`);
  return status === 0;
}

function must(command, args, options) {
  if (!run(command, args, options)) throw new SetupError(`${command} ${args.join(' ')} failed; its output is above`);
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages ?? {};
  } catch {
    return null;
  }
}

/** True when node_modules holds exactly what the lockfile says; npm writes its own list of what is there as its last step. */
function packagesAreCurrent() {
  const wanted = readLock(join(root, 'package-lock.json'));
  const present = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === null || present === null) return false;
  const same = ([name, { version, integrity }]) =>
    wanted[name] !== undefined && wanted[name].version === version && wanted[name].integrity === integrity;
  // Optional packages for other machines are in the lockfile only.
  const missing = Object.entries(wanted).filter(
    ([name, { optional }]) => name !== '' && optional !== true && present[name] === undefined,
  );
  return missing.length === 0 && Object.entries(present).every(same);
}

function ensurePackages() {
  if (packagesAreCurrent()) return;
  // Within an npm script npm says where it is itself.
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  must(command, [...first, 'ci'], { timeoutMs: 15 * minuteMs });
  if (!packagesAreCurrent()) throw new SetupError('npm ci ended, but node_modules is not what package-lock.json says');
}

/** Every pinned package is there in its version and can be imported. */
const probe = `
import importlib.metadata as m, re, sys
for line in open(sys.argv[1], encoding="utf-8"):
    found = re.match(r"([A-Za-z0-9]+)(?:\\[[^]]*\\])?==(\\S+)", line)
    if found and m.version(found[1]) != found[2]: sys.exit(f"{found[1]} is {m.version(found[1])}, not {found[2]}")
import boto3, flask, jinja2, moto
`;

/** Null when this Python fits, else why not. */
function pythonFault(python) {
  const { status, stderr, error } = spawnSync(python, ['-c', probe, requirements], {
    cwd: root,
    encoding: 'utf8',
    timeout: minuteMs,
  });
  if (error) return error.code === 'ENOENT' ? 'no such program' : error.message;
  return status === 0 ? null : (stderr.trim().split('\n').at(-1) ?? 'it failed');
}

function aptInstall(...packages) {
  const advice = `install ${packages.join(' and ')} with the system's package manager`;
  if (process.getuid?.() !== 0) throw new SetupError(advice);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    run('apt-get', ['update', '--quiet'], { timeoutMs: 5 * minuteMs, env });
    must('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', ...packages], {
      timeoutMs: 10 * minuteMs,
      env,
    });
  } catch (error) {
    throw new SetupError(`${error.message}; ${advice}`);
  }
}

function makeVenv() {
  if (spawnSync('python3', ['--version']).error) aptInstall('python3', 'python3-venv');
  const make = () =>
    run('python3', ['-m', 'venv', '--clear', '--system-site-packages', '.venv'], { timeoutMs: 5 * minuteMs });
  if (make()) return;
  // Debian's Python comes without the part that puts pip into a new environment.
  aptInstall('python3-venv');
  if (!make()) throw new SetupError('python3 -m venv failed; its output is above');
}

function ensurePython() {
  const named = process.env.IAM_AGENT_PYTHON;
  if (named !== undefined) {
    const fault = pythonFault(named);
    if (fault !== null) throw new SetupError(`IAM_AGENT_PYTHON names ${named}, which does not fit: ${fault}`);
    return named;
  }
  const present = existsSync(ownPython) ? ownPython : 'python3';
  const fault = pythonFault(present);
  if (fault === null) return present;
  process.stdout.write(`setup: ${present} does not fit (${fault}); making .venv\n`);
  makeVenv();
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--quiet', '-r', requirements];
  must(ownPython, pip, { timeoutMs: 10 * minuteMs });
  const left = pythonFault(ownPython);
  if (left !== null) throw new SetupError(`.venv was made, but does not fit: ${left}`);
  return ownPython;
}

try {
  ensurePackages();
  if (process.argv.includes('--python')) process.stdout.write(`setup: Python for the tests: ${ensurePython()}\n`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}
