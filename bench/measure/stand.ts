// Everything that a row passes through, as real processes on loopback: the stub endpoint, a control plane, and a paired agent with its journal
// on and its limiter set so high that it never waits.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { accessKey, ControlPlane, Host, type Program, secretKey } from '../../test/support/programs.ts';
import { type Running, start } from './process-figures.ts';

export const inFlight = 16;
const rowsPerChunkOfBody = 10_000;
const pollMs = 20;

export const processFile = (name: string): string => fileURLToPath(new URL(`../process/${name}`, import.meta.url));

/** A job with rows: each lists the access keys of the user that it names. */
export const rowsJob = { action: 'list_access_keys', inputs: { Username: '{{ user }}' } };

interface JobSeen {
  readonly job: string;
  readonly status: string;
  readonly rows: { readonly total: number; readonly ended: number; readonly failed: number };
  readonly last_sequence: number;
}

export class Stub {
  readonly url: string;
  readonly #running: Running;

  private constructor(running: Running, url: string) {
    this.#running = running;
    this.url = url;
  }

  static async start(): Promise<Stub> {
    const running = start(process.execPath, [processFile('stub-endpoint.ts')]);
    const { url } = JSON.parse(await running.line()) as { url: string };
    return new Stub(running, url);
  }

  async pages(): Promise<number> {
    const answer = await fetch(`${this.url}/pages`);
    return ((await answer.json()) as { pages: number }).pages;
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }
}

export class Stand {
  readonly stub: Stub;
  readonly controlPlane: ControlPlane;
  readonly #host: Host;
  readonly #folder: string;
  #agent: Program;

  private constructor(stub: Stub, folder: string, controlPlane: ControlPlane, host: Host) {
    this.stub = stub;
    this.controlPlane = controlPlane;
    this.#folder = folder;
    this.#host = host;
    this.#agent = host.run();
  }

  static async open(): Promise<Stand> {
    const folder = await mkdtemp(join(tmpdir(), 'bench-stand-'));
    const stub = await Stub.start();
    const controlPlane = await new ControlPlane(join(folder, 'control-plane')).start();
    const invitation = await controlPlane.invite('host-1');
    const host = await makeHost(join(folder, 'host'), invitation.url, stub.url);
    const paired = await host.pair(invitation);
    if (paired.status !== 0) throw new Error(`pairing failed: ${paired.stderr}`);
    const stand = new Stand(stub, folder, controlPlane, host);
    await stand.#agent.logged('link.welcomed');
    return stand;
  }

  /** A fresh process of the same agent. */
  async restartAgent(): Promise<void> {
    await this.#agent.kill('SIGTERM');
    this.#agent = this.#host.run();
    await this.#agent.logged('link.welcomed');
  }

  get adminToken(): string {
    return readFileSync(join(this.controlPlane.folder, 'admin-token'), 'utf8').trim();
  }

  get agentPid(): number {
    return pidOf(this.#agent);
  }

  get controlPlanePid(): number {
    if (this.controlPlane.program === null) throw new Error('the control plane does not run');
    return pidOf(this.controlPlane.program);
  }

  /** Makes a job and returns its id. The body streams, so that a million rows are never one text. */
  async create(job: object, rows = 0): Promise<string> {
    const head = `${JSON.stringify({ agent: 'host-1', connection: 'prod', ttl_seconds: 600, ...job })}\n`;
    const answer = await this.controlPlane.api('/api/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: ReadableStream.from(body(head, rows)),
      duplex: 'half',
    });
    if (answer.status !== 201) throw new Error(`no job: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as JobSeen).job;
  }

  /** Resolves when every result of the job is stored and it has ended well. */
  async stored(job: string, timeoutMs: number): Promise<JobSeen> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const answer = await this.controlPlane.api(`/api/v1/jobs/${job}`);
      const seen = (await answer.json()) as JobSeen;
      if (seen.status === 'completed' && seen.rows.failed === 0) return seen;
      if (seen.status === 'completed' || performance.now() > deadline)
        throw new Error(`the job did not end well in time: ${JSON.stringify(seen)}`);
      await delay(pollMs);
    }
  }

  async close(): Promise<void> {
    await this.#agent.kill('SIGTERM');
    await this.controlPlane.kill('SIGTERM');
    await this.stub.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function pidOf(program: Program): number {
  const { pid } = program.child;
  if (pid === undefined) throw new Error('a program did not start');
  return pid;
}

function* body(head: string, rows: number): Generator<Uint8Array> {
  yield Buffer.from(head);
  for (let first = 0; first < rows; first += rowsPerChunkOfBody) {
    const count = Math.min(rowsPerChunkOfBody, rows - first);
    yield Buffer.from(Array.from({ length: count }, (_none, at) => `{"user":"user-${first + at}"}\n`).join(''));
  }
}

/** As an operator writes it, but for the rates. */
export async function makeHost(
  folder: string,
  controlPlaneUrl: string,
  endpoint: string,
  level: 'info' | 'debug' = 'info',
): Promise<Host> {
  const host = await Host.make(folder, controlPlaneUrl, { endpoint });
  await writeFile(join(folder, 'access_key'), accessKey, { mode: 0o600 });
  await writeFile(join(folder, 'secret_key'), secretKey, { mode: 0o600 });
  const unlimited = 'calls_per_second: 100000, max_calls_per_second: 100000, burst: 100000';
  const lines = [
    `control_plane: { url: ${JSON.stringify(controlPlaneUrl)} }`,
    'state_dir: ./state',
    `log: { level: ${level}, format: json }`,
    'connections:',
    '  - label: prod',
    '    credentials: { access_key_file: ./access_key, secret_key_file: ./secret_key }',
    '    allow: ["*"]',
    `    endpoints: { iam: ${JSON.stringify(endpoint)}, sts: ${JSON.stringify(endpoint)} }`,
    `    limits: { ${unlimited}, in_flight: ${inFlight} }`,
  ];
  await writeFile(host.config, `${lines.join('\n')}\n`, { mode: 0o600 });
  return host;
}
