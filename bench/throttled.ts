// A thousand rows against an endpoint with a hidden token bucket, side by side: `iam-agent exec` that knows nothing of the bucket, the same way to
// AWS once it has learned it, the AWS SDK's two retry modes and boto3's adaptive one. Every client has a process and a bucket of its own, all at
// the same time, since they wait most of it. `node bench/throttled.ts [--json]`
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { pythonPath } from '../test/support/python.ts';

export interface ThrottledOptions {
  readonly rows: number;
  /** Calls under way at once, of every client. */
  readonly inFlight: number;
  /** The hidden bucket. */
  readonly tokensPerSecond: number;
  readonly burst: number;
  /** How long an answer takes. */
  readonly latencyMs: number;
  /** False: only the agent's own figures. */
  readonly baselines: boolean;
}

export const defaultOptions: ThrottledOptions = {
  rows: 1000,
  inFlight: 16,
  tokensPerSecond: 20,
  burst: 40,
  latencyMs: 50,
  baselines: true,
};

interface Figures {
  /** The least time in which the bucket allows the calls that succeeded, over the time from the first request to the last of them. */
  readonly vs_bucket: number;
  /** Part of all calls that the bucket refused. */
  readonly refused_share: number;
  readonly failed_rows: number;
}

export interface ThrottledFigures {
  readonly throttled_vs_bucket: number;
  readonly throttled_refused_share: number;
  readonly throttled_failed_rows: number;
  /** Once the bucket is learned. */
  readonly warm: Figures;
  readonly baselines: Readonly<Record<string, Figures>>;
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What a client needs on disk: keys, rows, a configuration of somebody who does not know the bucket. */
class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'bench-throttled-'));
  readonly secret = join(this.path, 'secret');
  readonly rows = join(this.path, 'rows.csv');

  constructor(rows: number) {
    writeFileSync(this.secret, 'AKIDEXAMPLE000000000', { mode: 0o600 });
    writeFileSync(this.rows, `user\n${Array.from({ length: rows }, (_none, row) => `user-${row}\n`).join('')}`);
  }

  config(url: string, inFlight: number): string {
    const path = join(this.path, 'config.yaml');
    const limits = `{ max_calls_per_second: 1000, in_flight: ${inFlight} }`;
    const keys = `{ access_key_file: ./secret, secret_key_file: ./secret }`;
    writeFileSync(
      path,
      `control_plane: { url: http://127.0.0.1:1 }\nstate_dir: ./state\nconnections:\n  - label: bench\n    credentials: ${keys}\n    endpoints: { iam: ${url}, sts: ${url} }\n    limits: ${limits}\n`,
      { mode: 0o600 },
    );
    return path;
  }
}

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  // 1: some rows failed, which is a figure and not a fault.
  if (code !== 0 && code !== 1) throw new Error(`${child.spawnargs.join(' ')} ended with ${code}: ${errors}`);
  return text;
}

interface Client {
  readonly name: string;
  readonly start: (url: string) => ChildProcess;
  readonly failedRows: (output: string) => number;
}

const told = (text: string): number => (JSON.parse(text) as { failed: number }).failed;

function clients({ rows, inFlight, baselines }: ThrottledOptions, folder: Folder): Client[] {
  const node = (name: string, words: readonly string[]): ChildProcess =>
    spawn(process.execPath, [file(name), ...words]);
  const exec: Client = {
    name: 'ours',
    start: (url) => {
      const words = ['exec', 'list_access_keys', '--config', folder.config(url, inFlight), '--connection', 'bench'];
      const what = ['--set', 'Username={{ user }}', '--rows', folder.rows, '--concurrency', String(inFlight)];
      return node('../agent/main.ts', [...words, ...what]);
    },
    // The endpoint gives every user one key.
    failedRows: (text) => rows - text.split('"has_error":false').length + 1,
  };
  const client = (mode: string): Client => ({
    name: mode,
    start: (url) => {
      const words = ['--mode', mode, '--url', url, '--rows', String(rows), '--secret', folder.secret];
      return node('throttled-client.ts', [...words, '--in-flight', String(inFlight)]);
    },
    failedRows: told,
  });
  const boto3: Client = {
    name: 'boto3_adaptive',
    start: (url) => spawn(pythonPath(), [file('throttled_boto3.py'), url, String(rows), String(inFlight)]),
    failedRows: told,
  };
  const own = [exec, client('ours_warm')];
  return baselines ? [...own, client('sdk_standard'), client('sdk_adaptive'), boto3] : own;
}

async function run(client: Client, url: string, options: ThrottledOptions): Promise<[string, Figures]> {
  const { burst, tokensPerSecond } = options;
  const failedRows = client.failedRows(await output(client.start(url)));
  const answer = await fetch(`${url}/counts`);
  const counts = (await answer.json()) as Record<'accepted' | 'refused' | 'firstAtMs' | 'lastAtMs', number>;
  const { accepted, refused, firstAtMs, lastAtMs } = counts;
  const leastMs = (Math.max(0, accepted - burst) / tokensPerSecond) * 1000;
  const figures = {
    vs_bucket: round(leastMs / (lastAtMs - firstAtMs)),
    refused_share: round(refused / (accepted + refused)),
    failed_rows: failedRows,
  };
  return [client.name, figures];
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** Takes about a minute and a quarter with the defaults. @throws Error when a client cannot be run. */
export async function measure(options: Partial<ThrottledOptions> = {}): Promise<ThrottledFigures> {
  const all = { ...defaultOptions, ...options };
  const folder = new Folder(all.rows);
  const chosen = clients(all, folder);
  const { tokensPerSecond, burst, latencyMs } = all;
  const words = ['--ports', String(chosen.length), '--rate', String(tokensPerSecond)];
  const bucket = ['--burst', String(burst), '--latency-ms', String(latencyMs)];
  const endpoint = spawn(process.execPath, [file('throttled-endpoint.ts'), ...words, ...bucket], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(endpoint.stdout, 'data')) as [Buffer];
    const ports = JSON.parse(line.toString()) as number[];
    const found = await Promise.all(
      chosen.map(async (client, index) => await run(client, `http://127.0.0.1:${ports[index]}`, all)),
    );
    return figuresOf(Object.fromEntries(found));
  } finally {
    endpoint.stdin.end();
    rmSync(folder.path, { recursive: true });
  }
}

function figuresOf(found: Readonly<Record<string, Figures>>): ThrottledFigures {
  const { ours, ours_warm: warm, ...baselines } = found;
  if (ours === undefined || warm === undefined) throw new Error('the agent was not measured');
  return {
    throttled_vs_bucket: ours.vs_bucket,
    throttled_refused_share: ours.refused_share,
    throttled_failed_rows: ours.failed_rows,
    warm,
    baselines,
  };
}

function table(figures: ThrottledFigures): string {
  const ours: Figures = {
    vs_bucket: figures.throttled_vs_bucket,
    refused_share: figures.throttled_refused_share,
    failed_rows: figures.throttled_failed_rows,
  };
  const rows = { ours, 'ours, warm': figures.warm, ...figures.baselines };
  const line = (cells: readonly string[]): string =>
    `${cells.map((cell, at) => (at === 0 ? cell.padEnd(16) : cell.padStart(14))).join('')}\n`;
  const body = Object.entries(rows).map(([name, { vs_bucket, refused_share, failed_rows }]) =>
    line([name, vs_bucket.toFixed(3), refused_share.toFixed(3), String(failed_rows)]),
  );
  return line(['', 'vs bucket', 'refused', 'failed rows']) + body.join('');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { json: { type: 'boolean' } } });
  const figures = await measure();
  process.stderr.write(table(figures));
  if (values.json === true) process.stdout.write(`${JSON.stringify(figures)}\n`);
}
