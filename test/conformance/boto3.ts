// Runs boto3-oracle.py: one Python process, one JSON line a call, answers matched by id. It shares no code with what it judges.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { pythonPath } from '../support/python.ts';
import { parseExact } from './exact-json.ts';
import type { Parameters, Plan } from './plan.ts';

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

/** Member names by structure. */
export type Structures = Readonly<Record<string, readonly string[]>>;

export interface Started {
  /** boto3's method name of every operation of both services. */
  readonly names: Readonly<Record<'iam' | 'sts', Readonly<Record<string, string>>>>;
  /** The methods that boto3 has a paginator for. */
  readonly paginated: readonly string[];
  /** Members that boto3 has and the SDK does not have yet. */
  readonly dropped: readonly string[];
}

/** Inputs with which an operation succeeds in moto, and with which it does not. */
export interface Arranged {
  readonly success: Parameters | null;
  readonly failures: readonly Parameters[];
}

export class Boto3Oracle {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (line: string) => void>();
  #next = 1;

  constructor() {
    const script = fileURLToPath(new URL('../support/boto3-oracle.py', import.meta.url));
    const env = {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      TZ: 'UTC',
    };
    this.#child = spawn(pythonPath(), [script], { stdio: ['pipe', 'pipe', 'inherit'], env });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const id = Number(/^\{"id": (\d+)/.exec(line)?.[1]);
      this.#waiting.get(id)?.(line);
      this.#waiting.delete(id);
    });
    this.#child.on('exit', () => {
      for (const answer of this.#waiting.values()) answer('{"crash": "the oracle process ended"}');
      this.#waiting.clear();
    });
  }

  async call(call: OracleCall): Promise<OracleAnswer> {
    return (await this.#ask({ ...call }, JSON.parse)) as OracleAnswer;
  }

  /** The same; numbers that a double would change are raw. */
  async callExact(call: OracleCall): Promise<OracleAnswer> {
    return (await this.#ask({ ...call }, parseExact)) as OracleAnswer;
  }

  /** To be asked before any plan: `known` is the members of the structures that the SDK has; plans hold no others. */
  async start(known: Readonly<Record<'iam' | 'sts', Structures>>): Promise<Started> {
    return await this.#must({ known, endpoint: 'http://127.0.0.1:1' });
  }

  /** Everything to compare for an operation; `mixed` answers of all oddities together are added to the fixed ones. */
  async plan(service: 'iam' | 'sts', operation: string, seed: number, mixed: number): Promise<Plan> {
    return await this.#must({ plan: operation, service, seed, mixed, endpoint: 'http://127.0.0.1:1' });
  }

  /** The operations that the installed moto has. */
  async implemented(): Promise<readonly string[]> {
    const question = { arrange: null, service: 'iam', endpoint: 'http://127.0.0.1:1' };
    return (await this.#must<{ operations: readonly string[] }>(question)).operations;
  }

  /** Makes in moto what the operation needs. */
  async arrange(operation: string, endpoint: string): Promise<Arranged> {
    return await this.#must({ arrange: operation, service: 'iam', endpoint });
  }

  /** What botocore's XML parser makes of a text: `result` is the tree. */
  async parseXml(xml: string): Promise<OracleAnswer> {
    return (await this.#ask({ xml }, JSON.parse)) as OracleAnswer;
  }

  async #must<T>(question: Readonly<Record<string, unknown>>): Promise<T> {
    const answer = (await this.#ask(question, parseExact)) as OracleAnswer;
    if (answer.result === undefined) throw new Error(answer.error ?? answer.crash);
    return answer.result as T;
  }

  async #ask(question: Readonly<Record<string, unknown>>, parse: (line: string) => unknown): Promise<unknown> {
    const id = this.#next;
    this.#next += 1;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.set(id, resolve);
    this.#child.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
    const { id: _own, ...answer } = parse(await promise) as Record<string, unknown>;
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
