// Runs boto3-oracle.py: one Python process, one JSON line a call, answers matched by id. It shares no code with what it judges.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { pythonPath } from '../support/python.ts';

export interface OracleCall {
  readonly service: 'iam' | 'sts';
  readonly endpoint: string;
  /** snake_case, as boto3 has it. */
  readonly method: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly paginate?: { readonly MaxItems?: number; readonly PageSize?: number };
  /** Attempts in all; boto3's default is 5, ours here 1. */
  readonly attempts?: number;
  readonly timeout?: number;
}

/** Exactly one of the three is there: what boto3 returned, raised as its own error, or died of. */
export interface OracleAnswer {
  readonly result?: Record<string, unknown>;
  readonly error?: string;
  readonly crash?: string;
}

export class Boto3Oracle {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (answer: OracleAnswer) => void>();
  #next = 1;

  constructor() {
    const script = fileURLToPath(new URL('../support/boto3-oracle.py', import.meta.url));
    const env = { ...process.env, AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null', TZ: 'UTC' };
    this.#child = spawn(pythonPath(), [script], { stdio: ['pipe', 'pipe', 'inherit'], env });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { id, ...answer } = JSON.parse(line) as OracleAnswer & { id: number };
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
    this.#child.on('exit', () => {
      for (const answer of this.#waiting.values()) answer({ crash: 'the oracle process ended' });
      this.#waiting.clear();
    });
  }

  async call(call: OracleCall): Promise<OracleAnswer> {
    return await this.#ask({ ...call });
  }

  /** What botocore's XML parser makes of a text: `result` is the tree. */
  async parseXml(xml: string): Promise<OracleAnswer> {
    return await this.#ask({ xml });
  }

  async #ask(question: Readonly<Record<string, unknown>>): Promise<OracleAnswer> {
    const id = this.#next;
    this.#next += 1;
    const { promise, resolve } = Promise.withResolvers<OracleAnswer>();
    this.#waiting.set(id, resolve);
    this.#child.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
    return await promise;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
