// The two programs as real processes. Their output goes to a file of the world, so that it is there as evidence and costs this process nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Mutation } from './mutation.ts';

const root = new URL('../../', import.meta.url);
const mains = { agent: 'agent/main.ts', plane: 'control-plane/main.ts' } as const;
export type ProgramName = keyof typeof mains;

/** Where a program kills itself; see preload/crash.ts. */
export interface CrashPoint {
  readonly place: 'commit' | 'send' | 'request' | 'answer';
  readonly when: 'before' | 'after';
  readonly nth: number;
}

export interface StartOptions {
  readonly args: readonly string[];
  readonly logFile: string;
  readonly crash: CrashPoint | null;
  readonly mutation: Mutation | null;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class RunningProgram {
  readonly exited: Promise<Ended>;
  readonly crash: CrashPoint | null;
  /** Set when `kill` ended it, and not its own crash point. */
  killedFromOutside = false;
  readonly #child: ChildProcess;

  constructor(name: ProgramName, { args, logFile, crash, mutation }: StartOptions) {
    this.crash = crash;
    const log = openSync(logFile, 'a', 0o600);
    const preloads = [...(crash === null ? [] : ['crash']), ...(mutation === null ? [] : ['mutate'])];
    const imports = preloads.flatMap((file) => [
      '--import',
      pathToFileURL(fileURLToPath(new URL(`preload/${file}.ts`, import.meta.url))).href,
    ]);
    // As bin/iam-agent.mjs starts it: nothing that the agent reads can become code.
    const flags = name === 'agent' ? ['--disallow-code-generation-from-strings', '--expose-gc'] : [];
    this.#child = spawn(process.execPath, [...flags, ...imports, fileURLToPath(new URL(mains[name], root)), ...args], {
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        FAULTS_CRASH: crash === null ? '' : `${crash.place}:${crash.when}:${crash.nth}`,
        FAULTS_MUTANT: mutation === null ? '' : JSON.stringify(mutation),
      },
    });
    closeSync(log);
    // However this process ends, nothing that it started lives on.
    const end = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', end);
    this.#child.once('exit', () => process.off('exit', end));
    this.exited = once(this.#child, 'exit').then(([code, signal]): Ended => ({ code, signal }));
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends the signal in this turn of the event loop. False when it had ended before. */
  kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): boolean {
    if (!this.alive || !this.#child.kill(signal)) return false;
    this.killedFromOutside = true;
    return true;
  }
}
