// What the kernel says of a process, and a child that prints one line of JSON.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick is. */
const ticksPerSecond = 100;

/** Processor time of all threads so far, user and system. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold blanks; after it comes field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** `VmRSS` is what is resident now, `VmHWM` the most that ever was. */
export function memoryKib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (found === null) throw new Error(`the kernel gives no ${field}`);
  return Number(found[1]);
}

export interface Running {
  readonly pid: number;
  /** The next line that it prints. */
  line(): Promise<string>;
  /** Writes one line to it. */
  tell(line: string): void;
  stop(): Promise<void>;
}

/** A program of the bench; its messages for people go to our standard error. */
export function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (child.pid === undefined || child.stdout === null) throw new Error(`${command} did not start`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close');
  return {
    pid: child.pid,
    async line() {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${command} ${args.join(' ')} ended without an answer`);
      return next.value;
    },
    tell: (line) => void child.stdin?.write(`${line}\n`),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs a program that prints one line of JSON and ends. */
export async function result<T>(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<T> {
  const running = start(command, args, env);
  try {
    return JSON.parse(await running.line()) as T;
  } finally {
    await running.stop();
  }
}

/** Asks every process that this one started to end. */
export function stopChildren(): void {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  for (const pid of children === '' ? [] : children.split(' ')) process.kill(Number(pid), 'SIGTERM');
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  if (found === undefined) throw new Error('no values');
  return found;
}
