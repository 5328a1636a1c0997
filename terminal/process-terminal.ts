// The Terminal of this process. Made once, by a program's main file.
import process from 'node:process';
import { type ExitCode, exitStatus } from './exit-codes.ts';
import type { StopReason, Terminal } from './terminal.ts';

export function processTerminal(): Terminal {
  const stop = new AbortController();
  const stopFor = (reason: StopReason): void => stop.abort(reason);
  // `once`: after the first signal the default action is back, so a second Ctrl-C ends a command that is slow to stop.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopFor('signal'));
  // `… | head` closes our output: stop quietly instead of dying with an unhandled EPIPE.
  process.stdout.on('error', () => stopFor('output_closed'));
  process.stderr.on('error', () => undefined);
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: stop.signal,
    exit(code: ExitCode): void {
      process.exitCode = exitStatus(code);
    },
  };
}
