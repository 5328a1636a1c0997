// Starts a program of this package on the Node that the package pins, whatever Node the host has (18 and later can read this file).
// It must leave no process in between where that can be had: systemd and process groups should see the program itself.
import { spawn } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Oldest Node that runs this package: type stripping, node:sqlite and the rest are stable there. */
const oldestNode = [24, 15];

/**
 * Warnings about experimental parts of Node are not for operators, and SIGUSR1 would open a debugger port that can read every secret. Without a
 * bound (MiB) V8 takes more than 100 MiB for new objects; with a smaller one more of them grow old: docs/decisions/0014-what-a-row-costs.md.
 */
const common = ['--disable-warning=ExperimentalWarning', '--disable-sigusr1', '--max-semi-space-size=16'];

const exitConfiguration = 78;

/**
 * Runs `main` (relative to the package) with the arguments of this process, in this process if it can.
 * @param {{ script: string, main: string, flags: readonly string[] }} program `script` is the URL of the file that calls this.
 */
export async function launch({ script, main, flags: own }) {
  const flags = [...own, ...common];
  const node = chooseNode();
  if (node === null) {
    process.stderr.write(
      `${main.split('/')[0]}: expected Node ${oldestNode.join('.')} or later, found ${process.version} and no pinned Node in ` +
        `node_modules/${pinnedPackage()}; run npm ci in the folder of the package, or start it with a newer Node\n`,
    );
    process.exitCode = exitConfiguration;
    return;
  }
  if (sameFile(node, process.execPath) && flags.every((flag) => process.execArgv.includes(flag))) {
    await import(new URL(`../${main}`, import.meta.url).href);
    return;
  }
  const args = [...flags, fileURLToPath(script), ...process.argv.slice(2)];
  if (typeof process.execve === 'function') process.execve(node, [node, ...args], handedOn());
  else runChild(node, args);
}

function pinnedPackage() {
  return `node-${process.platform}-${process.arch}`;
}

/** The pinned Node; without it this one, if it is new enough; else null. */
function chooseNode() {
  const pinned = fileURLToPath(new URL(`../node_modules/${pinnedPackage()}/bin/node`, import.meta.url));
  try {
    accessSync(pinned, constants.X_OK);
    return pinned;
  } catch {
    const [major, minor] = process.versions.node.split('.').map(Number);
    return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]) ? process.execPath : null;
  }
}

function sameFile(left, right) {
  try {
    return realpathSync(left) === realpathSync(right);
  } catch {
    return false;
  }
}

/**
 * Node closes descriptors above 2 when it is replaced, so what the environment says about those that systemd opened would be wrong.
 * NODE_OPTIONS could load code into the program, or open a debugger.
 */
function handedOn() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(LISTEN_(PID|FDS|FDNAMES)|NODE_OPTIONS)$/.test(name)),
  );
}

/** A Node without execve: a child with the same standard streams, the signals passed on, and its end as ours. */
function runChild(node, args) {
  const child = spawn(node, args, { stdio: 'inherit', env: handedOn() });
  const forward = (signal) => {
    // On a terminal Ctrl-C reaches the child by itself; twice would mean "at once".
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  child.on('error', (error) => {
    process.stderr.write(`expected to start ${node}, found: ${error.message}\n`);
    process.exitCode = exitConfiguration;
  });
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}
