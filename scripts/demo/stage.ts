// Where the demo plays: one temporary folder, the two programs, the relay between them. It runs the project's commands exactly as it prints
// them, and gives everything back in the end.
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keys } from './account.ts';
import { DemoError, type Ended, type Processes, type Running } from './processes.ts';
import { folderName, type Say } from './say.ts';
import type { WireTap } from './wire-tap.ts';

export const programs = { agent: 'bin/iam-agent.mjs', controlPlane: 'bin/iam-control-plane.mjs' } as const;

const withinMs = 30_000;

export interface StageParts {
  readonly root: string;
  readonly folder: string;
  readonly processes: Processes;
  readonly tap: WireTap;
  readonly say: Say;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Envelope {
  readonly row: number;
  readonly has_error: boolean;
  readonly error_code?: string;
  readonly error: string | null;
  readonly [member: string]: unknown;
}

export interface JobRun {
  readonly job: string;
  readonly ended: Ended;
  readonly envelopes: readonly Envelope[];
}

interface CommandOptions {
  /** Not printed: the demo looks something up for its own checks. */
  readonly silent?: boolean;
  readonly input?: string;
  /** What is shown before the command, when its input comes through a pipe. */
  readonly before?: string;
}

export class Stage {
  readonly #parts: StageParts;
  agent: Running | null = null;
  controlPlane: Running | null = null;

  constructor(parts: StageParts) {
    this.#parts = parts;
  }

  /** A path in the folder, in the form in which commands are printed. */
  static at(...parts: readonly string[]): string {
    return [folderName, ...parts].join('/');
  }

  path(...parts: readonly string[]): string {
    return join(this.#parts.folder, ...parts);
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(join(this.path(name), '..'), { recursive: true, mode: 0o700 });
    await writeFile(this.path(name), text, { mode: 0o600 });
  }

  async append(name: string, text: string): Promise<void> {
    await appendFile(this.path(name), text);
  }

  read(name: string): Promise<string> {
    return readFile(this.path(name), 'utf8');
  }

  async command(program: keyof typeof programs, args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    const { say, processes } = this.#parts;
    if (options.silent !== true) {
      say.command([programs[program], ...args], options.before === undefined ? {} : { before: options.before });
    }
    const echo = options.silent === true ? {} : { echo: (text: string) => say.program(text) };
    const input = options.input === undefined ? {} : { input: options.input };
    const name = `${programs[program]} ${args[0] ?? ''}`;
    return processes.run(name, process.execPath, this.#argv(program, args), {
      ...this.#where(),
      ...echo,
      ...input,
      withinMs,
    });
  }

  async serve(args: readonly string[]): Promise<string> {
    const { say, tap, processes } = this.#parts;
    say.command([programs.controlPlane, 'serve', ...args], { after: '&' });
    const argv = this.#argv('controlPlane', ['serve', ...args]);
    this.controlPlane = processes.start('the control plane', process.execPath, argv, this.#where());
    const { controlPlane } = this;
    const url = await controlPlane.until(
      () => /^listening on (\S+)$/m.exec(controlPlane.stdout)?.[1] ?? null,
      '"listening on"',
      withinMs,
    );
    tap.targetPort = Number(new URL(url).port);
    return url;
  }

  /** Starts the daemon and waits until the control plane welcomed it. */
  async runAgent(args: readonly string[]): Promise<void> {
    const { say, processes } = this.#parts;
    say.command([programs.agent, 'run', ...args], { after: '&' });
    const agent = processes.start('the agent', process.execPath, this.#argv('agent', ['run', ...args]), this.#where());
    this.agent = agent;
    await agent.until(() => (agent.stdout.includes('"link.welcomed"') ? true : null), 'event link.welcomed', withinMs);
  }

  async stopAgent(): Promise<void> {
    const { agent } = this;
    this.agent = null;
    const status = await agent?.stop();
    if (status !== 0) throw new DemoError(`the agent ended with ${String(status)}, expected 0:\n${agent?.stderr}`);
  }

  /** `iam-control-plane run … --follow`, and its results as they were stored. */
  async job(action: string, args: readonly string[], format: string): Promise<JobRun> {
    const dataDir = ['--data-dir', Stage.at('control-plane')];
    const words = ['run', action, '--agent', 'host-1', '--connection', 'prod', ...args, '--follow', '--format', format];
    const ended = await this.command('controlPlane', [...words, ...dataDir]);
    const job = /^job (\S+)$/m.exec(ended.stderr)?.[1];
    if (job === undefined) throw new DemoError(`${action}: no job was made:\n${ended.stderr}`);
    const results = ['jobs', 'results', job, '--quiet', ...dataDir];
    const { stdout } = await this.command('controlPlane', results, { silent: true });
    const lines = stdout.split('\n').filter((line) => line !== '');
    return { job, ended, envelopes: lines.map((line) => JSON.parse(line) as Envelope) };
  }

  #argv(program: keyof typeof programs, args: readonly string[]): readonly string[] {
    const { root, folder } = this.#parts;
    const real = args.map((word) => (word.startsWith(folderName) ? folder + word.slice(folderName.length) : word));
    return [join(root, programs[program]), ...real];
  }

  #where(): { readonly cwd: string; readonly env: StageParts['env'] } {
    return { cwd: this.#parts.root, env: this.#parts.env };
  }
}

/** Keys that nobody has seen before, in the form of AWS. */
export function makeKeys(): Keys {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const id = Array.from(randomBytes(16), (byte) => letters[byte % letters.length]).join('');
  return { accessKeyId: `AKIA${id}`, secretAccessKey: randomBytes(30).toString('base64') };
}

/** The host's configuration. `allow` comes last, one line an entry, so that a line can be added to it. */
export function hostConfiguration(url: string, endpoint: string, allow: readonly string[]): string {
  return [
    'control_plane:',
    `  url: ${JSON.stringify(url)}`,
    'state_dir: ./state',
    'log: { format: json }',
    'connections:',
    '  - label: prod',
    '    region: us-east-1',
    '    credentials: { access_key_file: ./access_key, secret_key_file: ./secret_key }',
    `    endpoints: { iam: ${JSON.stringify(endpoint)}, sts: ${JSON.stringify(endpoint)} }`,
    '    allow:',
    ...allow.map((entry) => `      - ${entry}`),
    '',
  ].join('\n');
}
