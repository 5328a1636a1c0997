// A control plane that does what a test tells it: pairs, welcomes, and sends any bytes. It signs with real keys and speaks through protocol/,
// so a hostile or broken control plane can be played to a real agent.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { nodeHashing } from '../../node/hashing.ts';
import { decodeFrameToControlPlane, encodeFrame } from '../../protocol/codec.ts';
import { chainAll, chainStart, chunkDigest } from '../../protocol/digest-chain.ts';
import type { FrameToAgent } from '../../protocol/frames-to-agent.ts';
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import {
  type AgentId,
  agentIdSchema,
  controlPlaneId,
  type JobId,
  jobIdSchema,
  type KeyId,
} from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { signJob } from '../../protocol/job-token.ts';
import { type PrivateKey, privateKeySchema, type PublicKey } from '../../protocol/jws.ts';
import type { KeySet } from '../../protocol/key-set.ts';
import { keyId, pairRequestSchema, signPairing } from '../../protocol/pairing.ts';
import { protocolVersion, subprotocol } from '../../protocol/version.ts';

type ToControlPlane<T extends FrameToControlPlane['type']> = Extract<FrameToControlPlane, { type: T }>;

export interface SeenFrame {
  readonly frame: FrameToControlPlane;
  readonly lines: readonly string[];
  /** Which socket of this peer it came over, from 1. */
  readonly link: number;
}

export function makeKey(): PrivateKey {
  const { kty, crv, x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return privateKeySchema.parse({ kty, crv, x, d });
}

function publicOf({ kty, crv, x }: PrivateKey): PublicKey {
  return { kty, crv, x };
}

const waitMs = 10_000;
let ids = 0;

/** A fresh version 7 UUID, in order. */
export function makeJobId(): JobId {
  ids += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  const tail = ids.toString(16).padStart(12, '0');
  return jobIdSchema.parse(`${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`);
}

export class ControlPlanePeer {
  readonly key: PrivateKey;
  readonly kid: KeyId;
  readonly agent: AgentId = agentIdSchema.parse('host-1');
  readonly frames: SeenFrame[] = [];
  links = 0;
  /** The close codes of links that are over. */
  readonly closes: number[] = [];
  /** What `welcome` says of jobs; changed by tests. */
  jobs: Extract<FrameToAgent, { type: 'welcome' }>['jobs'] = [];
  welcomes = true;
  heartbeatMs = 5_000;
  readonly #server: Server;
  #socket: WebSocket | null = null;
  #changed: (() => void)[] = [];

  private constructor(key: PrivateKey, kid: KeyId, server: Server) {
    this.key = key;
    this.kid = kid;
    this.#server = server;
  }

  static async start(): Promise<ControlPlanePeer> {
    const key = makeKey();
    const kid = await keyId(publicOf(key));
    const server = createServer();
    const peer = new ControlPlanePeer(key, kid, server);
    peer.#serve();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get id() {
    return controlPlaneId(this.kid);
  }

  get keySet(): KeySet {
    return { iss: this.id, version: 1, keys: [{ kid: this.kid, key: publicOf(this.key), status: 'active' }] };
  }

  get invitation(): { code: string; fingerprint: string } {
    return { code: 'ABCDE-FGHIJ-KLMNO-PQRST-UVWXY-Z', fingerprint: this.kid };
  }

  claims(rows: readonly string[], change: Partial<JobClaims> = {}): JobClaims {
    const iat = Math.floor(Date.now() / 1000);
    return {
      iss: this.id,
      aud: this.agent,
      jti: makeJobId(),
      iat,
      exp: iat + 300,
      not_after: iat + 3_600,
      sub: 'someone@example.com',
      action: 'list_access_keys',
      connection: 'prod',
      inputs: { Username: '{{ user }}' },
      rows: {
        count: rows.length,
        chunks: rows.length === 0 ? [] : [{ rows: rows.length, digest: chunkDigest(nodeHashing, rows) }],
      },
      options: {},
      ...change,
    };
  }

  sign(claims: JobClaims): Promise<string> {
    return signJob(claims, this.key, this.kid);
  }

  send(frame: FrameToAgent, lines: readonly string[] = []): void {
    this.sendText(encodeFrame(frame, lines));
  }

  sendText(text: string): void {
    this.#socket?.send(text);
  }

  /** Signs, sends and feeds a job; resolves with its id. */
  async sendJob(rows: readonly string[], change: Partial<JobClaims> = {}): Promise<JobClaims> {
    const claims = this.claims(rows, change);
    this.send({ type: 'job', token: await this.sign(claims) });
    if (rows.length > 0) this.send({ type: 'rows', job: claims.jti, chunk: 0 }, rows);
    return claims;
  }

  seen<T extends FrameToControlPlane['type']>(type: T): (SeenFrame & { frame: ToControlPlane<T> })[] {
    return this.frames.filter((one): one is SeenFrame & { frame: ToControlPlane<T> } => one.frame.type === type);
  }

  /** The `count`th frame of a type, waited for. */
  async frame<T extends FrameToControlPlane['type']>(
    type: T,
    count = 1,
  ): Promise<SeenFrame & { frame: ToControlPlane<T> }> {
    await this.until(() => this.seen(type).length >= count, `${count}. ${type} frame`);
    const found = this.seen(type)[count - 1];
    if (found === undefined) throw new Error('unreachable');
    return found;
  }

  async until(test: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + waitMs;
    while (!test()) {
      if (Date.now() > deadline)
        throw new Error(`no ${what}; seen: ${this.frames.map(({ frame }) => frame.type).join(' ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#changed.push(() => (clearTimeout(timer), resolve()));
      });
    }
  }

  /** Signs and sends the token of a job whose rows come in these chunks; `sendChunk` sends those. */
  async sendToken(chunks: readonly (readonly string[])[], change: Partial<JobClaims> = {}): Promise<JobClaims> {
    const signed = chunks.map((rows) => ({ rows: rows.length, digest: chunkDigest(nodeHashing, rows) }));
    const count = chunks.reduce((sum, rows) => sum + rows.length, 0);
    const claims = this.claims([], { rows: { count, chunks: signed }, ...change });
    this.send({ type: 'job', token: await this.sign(claims) });
    return claims;
  }

  sendChunk(job: JobId, chunk: number, rows: readonly string[]): void {
    this.send({ type: 'rows', job, chunk }, rows);
  }

  /** Every entry line of a job, as it came, each sequence once. */
  entries(job: JobId): string[] {
    const found: string[] = [];
    for (const { frame, lines } of this.seen('results')) {
      if (frame.job === job)
        for (const [index, line] of lines.entries()) found[frame.first_sequence - 1 + index] ??= line;
    }
    return found;
  }

  /** Acknowledges every entry of the job that has come, and its last word if that has. */
  acknowledge(job: JobId): void {
    const lines = this.entries(job);
    const head = chainAll(nodeHashing, chainStart(nodeHashing, job), lines);
    this.send({ type: 'results.ack', job, sequence: lines.length, head });
    if (this.seen('job.finished').some(({ frame }) => frame.job === job))
      this.send({ type: 'job.finished.ack', job, head });
  }

  /** Stops and starts reading what the agent sends. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  cut(): void {
    this.#socket?.terminate();
  }

  async stop(): Promise<void> {
    this.#socket?.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(): void {
    const sockets = new WebSocketServer({
      noServer: true,
      handleProtocols: () => subprotocol,
      maxPayload: 1024 * 1024,
    });
    this.#server.on('request', (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        void this.#pair(body).then((answer) => response.setHeader('content-type', 'application/json').end(answer));
      });
    });
    this.#server.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (opened) => this.#open(opened));
    });
  }

  async #pair(body: string): Promise<string> {
    const { key } = pairRequestSchema.parse(JSON.parse(body));
    const claims = { iss: this.id, agent: this.agent, agent_key: await keyId(key), key_set: this.keySet };
    return JSON.stringify({ root: publicOf(this.key), answer: await signPairing(claims, this.key, this.kid) });
  }

  #open(socket: WebSocket): void {
    this.links += 1;
    const link = this.links;
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', (code) => this.closes.push(code));
    socket.on('message', (data: Buffer) => {
      const decoded = decodeFrameToControlPlane(data.toString('utf8'));
      if (decoded.kind !== 'frame')
        throw new Error(`the agent sent what the codec refuses: ${data.toString('utf8', 0, 200)}`);
      this.frames.push({ frame: decoded.frame, lines: decoded.lines, link });
      if (decoded.frame.type === 'hello' && this.welcomes) this.#welcome();
      for (const wake of this.#changed.splice(0)) wake();
    });
  }

  #welcome(): void {
    this.send({
      type: 'welcome',
      protocol: protocolVersion,
      server_time: new Date().toISOString(),
      heartbeat_ms: this.heartbeatMs,
      key_set_steps: [],
      jobs: this.jobs,
    });
  }
}
