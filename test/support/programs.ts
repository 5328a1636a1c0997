// The two programs as real processes, in folders of their own. What a test starts ends with the test, whatever happens in between.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const accessKey = 'AKIAIOSFODNN7EXAMPLE';
export const secretKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

const mains = {
  agent: fileURLToPath(new URL('../../agent/main.ts', import.meta.url)),
  controlPlane: fileURLToPath(new URL('../../control-plane/main.ts', import.meta.url)),
};
const waitMs = 15_000;

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LogLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A program that runs until it is stopped; everything it prints is kept. */
export class Program {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  #watchers: (() => void)[] = [];

  /** `within` is a command that runs the one it is given, for example in another mount namespace, in the same process. */
  constructor(
    main: keyof typeof mains,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    within: readonly string[] = [],
  ) {
    // As the launchers start them: nothing that the agent reads can become code. (The control plane's schema validator compiles its own.)
    const own = main === 'agent' ? ['--disallow-code-generation-from-strings'] : [];
    const flags = [...own, '--expose-gc', '--max-semi-space-size=16'];
    const [command, ...before] = [...within, process.execPath];
    this.child = spawn(command, [...before, ...flags, mains[main], ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const grown = (): void => {
      for (const watcher of this.#watchers) watcher();
    };
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => ((this.stdout += text), grown()));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => ((this.stderr += text), grown()));
    this.exited = once(this.child, 'close').then(([code]) => (grown(), code as number | null));
  }

  /** Resolves when what was printed fulfils `test`; rejects with the output when it does not in time or the program ends. */
  async until(test: (program: this) => boolean, what: string): Promise<void> {
    const deadline = AbortSignal.timeout(waitMs);
    while (!test(this)) {
      if (deadline.aborted || this.child.exitCode !== null)
        throw new Error(`no ${what}:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#watchers = this.#watchers.filter((one) => one !== wake);
          deadline.removeEventListener('abort', wake);
          resolve();
        };
        this.#watchers.push(wake);
        deadline.addEventListener('abort', wake);
      });
    }
  }

  logs(event?: string): LogLine[] {
    const lines = this.stdout.split('\n').filter((line) => line.startsWith('{'));
    return lines
      .map((line) => JSON.parse(line) as LogLine)
      .filter((line) => event === undefined || line.event === event);
  }

  async logged(event: string, count = 1): Promise<LogLine[]> {
    await this.until(() => this.logs(event).length >= count, `event ${event}`);
    return this.logs(event);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.exited;
  }
}

/** Runs a program to its end. */
async function runToEnd(
  main: keyof typeof mains,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  const program = new Program(main, args, options.env);
  program.child.stdin?.end(options.input ?? '');
  const timer = setTimeout(() => program.child.kill('SIGKILL'), 60_000);
  const status = await program.exited;
  clearTimeout(timer);
  return { status, stdout: program.stdout, stderr: program.stderr };
}

/** A folder for everything that one test makes. */
export async function scratch(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'iam-agent-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface HostOptions {
  readonly endpoint: string;
  readonly allow?: readonly string[];
  /** More settings of `control_plane`. */
  readonly controlPlane?: string;
  /** More lines of the connection, as YAML at its depth. */
  readonly more?: string;
  readonly callsPerSecond?: number;
  /** Longest wait before the next dial; short where a test cuts the link again and again. */
  readonly reconnectSeconds?: number;
}

/** A host with a configuration and AWS keys that only it holds. */
export class Host {
  readonly folder: string;
  readonly config: string;

  constructor(folder: string) {
    this.folder = folder;
    this.config = join(folder, 'config.yaml');
  }

  static async make(folder: string, controlPlaneUrl: string, options: HostOptions): Promise<Host> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const host = new Host(folder);
    const rate = options.callsPerSecond ?? 1_000;
    await writeFile(join(folder, 'access_key'), accessKey, { mode: 0o600 });
    await writeFile(join(folder, 'secret_key'), secretKey, { mode: 0o600 });
    const lines = [
      `control_plane: { url: ${JSON.stringify(controlPlaneUrl)}, reconnect_seconds: ${options.reconnectSeconds ?? 60}${options.controlPlane ?? ''} }`,
      'state_dir: ./state',
      'log: { level: debug, format: json }',
      'connections:',
      '  - label: prod',
      '    region: us-east-1',
      '    credentials: { access_key_file: ./access_key, secret_key_file: ./secret_key }',
      `    allow: ${JSON.stringify(options.allow ?? ['*'])}`,
      `    endpoints: { iam: ${JSON.stringify(options.endpoint)}, sts: ${JSON.stringify(options.endpoint)} }`,
      `    limits: { calls_per_second: ${rate}, max_calls_per_second: ${rate}, burst: ${rate}, in_flight: 4 }`,
      '    read_back_seconds: 1',
      options.more ?? '',
    ];
    await writeFile(host.config, `${lines.join('\n')}\n`, { mode: 0o600 });
    return host;
  }

  get stateDir(): string {
    return join(this.folder, 'state');
  }

  run(env?: NodeJS.ProcessEnv, within?: readonly string[]): Program {
    return new Program('agent', ['run', '--config', this.config], env, within);
  }

  command(args: readonly string[], input?: string): Promise<Finished> {
    return runToEnd('agent', [...args, '--config', this.config], input === undefined ? {} : { input });
  }

  async pair(invitation: { code: string; fingerprint: string }): Promise<Finished> {
    return this.command(['pair', '--code-file', '-', '--fingerprint', invitation.fingerprint], `${invitation.code}\n`);
  }
}

export interface Invitation {
  readonly agent: string;
  readonly code: string;
  readonly fingerprint: string;
  readonly url: string;
}

/** A real control plane with its data in a folder; restarted, it comes back on the same port. */
export class ControlPlane {
  readonly folder: string;
  program: Program | null = null;
  /** For the client commands, for example the authority of a certificate. */
  env: NodeJS.ProcessEnv = {};
  /** For the server: its environment, and the command to run it in. */
  serverEnv: NodeJS.ProcessEnv = {};
  serverWithin: readonly string[] = [];
  #listen = '127.0.0.1:0';

  constructor(folder: string) {
    this.folder = folder;
  }

  async start(...more: readonly string[]): Promise<this> {
    const args = ['serve', '--data-dir', this.folder, '--listen', this.#listen, ...more];
    const program = new Program('controlPlane', args, this.serverEnv, this.serverWithin);
    this.program = program;
    await program.until(() => /listening on/.test(program.stdout), 'line "listening on"');
    this.#listen = new URL(this.url).host;
    return this;
  }

  get url(): string {
    return readFileSync(join(this.folder, 'endpoint'), 'utf8').trim();
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.program?.kill(signal);
  }

  command(args: readonly string[], input?: string): Promise<Finished> {
    return runToEnd('controlPlane', [...args, '--data-dir', this.folder], {
      env: this.env,
      ...(input === undefined ? {} : { input }),
    });
  }

  async invite(agent: string): Promise<Invitation> {
    const added = await this.command(['agents', 'add', agent, '--json']);
    if (added.status !== 0) throw new Error(`agents add failed: ${added.stderr}`);
    return JSON.parse(added.stdout) as Invitation;
  }

  /** The REST API, with the operator's own token. */
  async api(path: string, init: RequestInit = {}): Promise<Response> {
    const token = readFileSync(join(this.folder, 'admin-token'), 'utf8').trim();
    const headers = { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string> | undefined) };
    return fetch(new URL(path, this.url), { ...init, headers, signal: init.signal ?? AbortSignal.timeout(30_000) });
  }

  get isRunning(): boolean {
    return existsSync(join(this.folder, 'endpoint')) && this.program?.child.exitCode === null;
  }
}
