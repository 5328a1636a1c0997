// The Terminal of this process. Made once, by a program's main file.
import process from 'node:process';
import { type ExitCode, exitStatus } from './exit-codes.ts';
import type { StopReason, Terminal } from './terminal.ts';

export function processTerminal(): Terminal {
  const stop = new AbortController();
  const stopFor = (reason: StopReason): void => stop.abort(reason);
  const signals = ['SIGINT', 'SIGTERM'] as const;
  // After the first signal the default action is back for both, so a second one of either kind ends a command that is slow to stop, at once.
  const stopOnce = (): void => {
    for (const signal of signals) process.off(signal, stopOnce);
    stopFor('signal');
  };
  for (const signal of signals) process.on(signal, stopOnce);
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
