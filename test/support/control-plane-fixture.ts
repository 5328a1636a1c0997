// A real control plane on loopback in a temporary data directory, with a clock that tests can move, and the few calls that most tests make.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '../../control-plane/compose.ts';
import type { EventName } from '../../control-plane/events.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type Identity, type Invitation, pairAgent } from './agent-identity.ts';
import { Peer } from './agent-peer.ts';

export interface SeenEvent {
  readonly name: EventName;
  readonly fields: Record<string, unknown>;
}

export class Fixture {
  readonly dataDir: string;
  readonly events: SeenEvent[] = [];
  readonly #peers: Peer[] = [];
  #server: ControlPlane | null = null;
  /** Added to the machine's clock. */
  skewMs = 0;
  heartbeatMs = 30_000;
  keepAliveMs = 10_000;
  admin = '';
  url = '';

  private constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  static async start(settings: { heartbeatMs?: number; keepAliveMs?: number } = {}): Promise<Fixture> {
    const made = new Fixture(await mkdtemp(join(tmpdir(), 'control-plane-')));
    Object.assign(made, settings);
    await made.open();
    made.admin = (await readFile(join(made.dataDir, 'admin-token'), 'utf8')).trim();
    return made;
  }

  readonly now = (): number => Date.now() + this.skewMs;

  async open(): Promise<void> {
    const server = await startControlPlane({
      dataDir: this.dataDir,
      host: '127.0.0.1',
      port: 0,
      tls: null,
      publicUrl: null,
      heartbeatMs: this.heartbeatMs,
      resultRetentionDays: 30,
      keepAliveMs: this.keepAliveMs,
      now: this.now,
      emit: (name, fields) => this.events.push({ name, fields: { ...fields } }),
    });
    if (isRefusal(server)) throw new Error(server.detail);
    this.#server = server;
    this.url = server.url;
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.open();
  }

  async close(): Promise<void> {
    for (const peer of this.#peers) await peer.close();
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  faults(): SeenEvent[] {
    return this.events.filter(({ name }) => name === 'server.fault');
  }

  call(method: string, path: string, body?: unknown, token = this.admin): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (body === undefined) return fetch(`${this.url}${path}`, { method, headers });
    headers['content-type'] = 'application/json';
    return fetch(`${this.url}${path}`, { method, headers, body: JSON.stringify(body) });
  }

  async json<T = Record<string, unknown>>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
    const answer = await this.call(method, path, body, token);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  invite(name = 'host-1'): Promise<Invitation & { agent: string; expires_at: string }> {
    return this.json('POST', '/api/v1/agents', { name });
  }

  async pair(name = 'host-1'): Promise<Identity> {
    return pairAgent(await this.invite(name));
  }

  /** The control plane's address changes with a restart. */
  async dial(identity: Identity, counter: number): Promise<Peer> {
    const peer = await Peer.dial({ ...identity, url: this.url }, counter, this.now());
    this.#peers.push(peer);
    return peer;
  }

  postJob(lines: readonly string[], options: { key?: string; token?: string } = {}): Promise<Response> {
    return fetch(`${this.url}/api/v1/jobs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${options.token ?? this.admin}`,
        'content-type': 'application/x-ndjson',
        ...(options.key === undefined ? {} : { 'idempotency-key': options.key }),
      },
      body: lines.join('\n'),
    });
  }

  async createJob(rows: readonly string[] = [], change: Record<string, unknown> = {}): Promise<JobSeen> {
    const request = { agent: 'host-1', connection: 'prod', action: 'list_users', inputs: {}, ...change };
    const answer = await this.postJob([JSON.stringify(request), ...rows]);
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    return (await answer.json()) as JobSeen;
  }

  job(id: string): Promise<JobSeen> {
    return this.json('GET', `/api/v1/jobs/${id}`);
  }

  /** Polls until the job shows this status; bounded. */
  async until(id: string, status: string): Promise<JobSeen> {
    for (let tries = 0; tries < 200; tries += 1) {
      const job = await this.job(id);
      if (job.status === status) return job;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the job never came to ${status}: ${JSON.stringify(await this.job(id))}`);
  }
}

export interface JobSeen {
  readonly job: string;
  readonly agent: string;
  readonly status: string;
  readonly sub: string;
  readonly rows: { total: number; ended: number; failed: number; waiting_reason: string | null };
  readonly outcomes: Record<string, number> | null;
  readonly last_sequence: number;
  readonly results_lost: number;
  readonly refusal: { code: string; detail: string } | null;
  readonly cancel_requested: boolean;
  readonly finished_at: string | null;
}
