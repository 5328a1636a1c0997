// The programs that the demo starts. Each is remembered from its start to its end, so that nothing is left running however the demo ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const stopWithinMs = 8_000;

/** Something was not as the demo expects; its message says what. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets what the program prints, as it comes. */
  readonly echo?: (text: string) => void;
  readonly input?: string;
}

export class Running {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #closed: Promise<number | null>;
  #isClosed = false;
  #woken = Promise.withResolvers<void>();

  constructor(name: string, command: string, args: readonly string[], options: StartOptions) {
    this.#name = name;
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    const grown = (stream: 'stdout' | 'stderr', text: string): void => {
      this[stream] += text;
      options.echo?.(text);
      this.#wake();
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => grown('stdout', text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => grown('stderr', text));
    // A program that ends early breaks the pipe; its exit status tells of it.
    child.stdin.on('error', () => undefined);
    if (options.input !== undefined) child.stdin.end(options.input);
    this.#closed = new Promise((resolve) => {
      const ended = (status: number | null): void => {
        this.#isClosed = true;
        this.#wake();
        resolve(status);
      };
      child.once('close', ended);
      child.once('error', (error) => {
        this.stderr += error.message;
        ended(null);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get ended(): Promise<number | null> {
    return this.#closed;
  }

  lastWords(lines: number): string {
    const said = `${this.stdout}\n${this.stderr}`.split('\n').filter((line) => line !== '');
    return `${this.#name} said last:\n${said.slice(-lines).join('\n')}`;
  }

  /** What `find` sees in the output, once it sees something. */
  async until<Found>(find: () => Found | null, what: string, withinMs: number): Promise<Found> {
    const timeout = AbortSignal.timeout(withinMs);
    const late = once(timeout, 'abort');
    for (;;) {
      const found = find();
      if (found !== null) return found;
      if (this.#isClosed) throw new DemoError(`${this.#name} ended before ${what}; ${this.lastWords(8)}`);
      if (timeout.aborted) throw new DemoError(`${this.#name}: no ${what} within ${withinMs / 1000} s`);
      await Promise.race([this.#woken.promise, late]);
    }
  }

  /** SIGTERM, and SIGKILL for what does not end. Resolves with the exit status when the process is gone. */
  async stop(): Promise<number | null> {
    if (this.#isClosed) return this.#closed;
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), stopWithinMs);
    const status = await this.#closed;
    clearTimeout(late);
    return status;
  }

  #wake(): void {
    const woken = this.#woken;
    this.#woken = Promise.withResolvers<void>();
    woken.resolve();
  }
}

export class Processes {
  readonly #running = new Set<Running>();
  #closed = false;

  start(name: string, command: string, args: readonly string[], options: StartOptions): Running {
    if (this.#closed) throw new DemoError('stopped');
    const program = new Running(name, command, args, options);
    this.#running.add(program);
    void program.ended.then(() => this.#running.delete(program));
    return program;
  }

  /** Runs a program to its end. */
  async run(
    name: string,
    command: string,
    args: readonly string[],
    options: StartOptions & { readonly withinMs: number },
  ): Promise<Ended> {
    const program = this.start(name, command, args, { ...options, input: options.input ?? '' });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      void program.stop();
    }, options.withinMs);
    const status = await program.ended;
    clearTimeout(timer);
    if (late) throw new DemoError(`${name} did not end within ${options.withinMs / 1000} s`);
    return { status, stdout: program.stdout, stderr: program.stderr };
  }

  /** What those that still run said last: the first thing to look at when the demo fails. */
  lastWords(): string {
    return [...this.#running].map((program) => program.lastWords(15)).join('\n');
  }

  /** Stops all, newest first, and lets none start any more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const program of [...this.#running].toReversed()) await program.stop();
  }
}
