// A scripted agent for tests of the control plane: it speaks the protocol through protocol/ over a real socket, and does exactly what a test
// tells it, right or wrong.
import { type RawData, WebSocket } from 'ws';
import { nodeHashing } from '../../node/hashing.ts';
import { decodeFrameToAgent, encodeFrame } from '../../protocol/codec.ts';
import { chainAll, chainStart } from '../../protocol/digest-chain.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type FinishedClaims, signFinished } from '../../protocol/finished-statement.ts';
import type { FrameToAgent } from '../../protocol/frames-to-agent.ts';
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import type { Digest, JobId } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { tokenDigest, verifyJob } from '../../protocol/job-token.ts';
import { activeKeys } from '../../protocol/key-set.ts';
import { rowEndLine } from '../../protocol/result-envelope.ts';
import { type Identity, dialWith, sessionToken } from './agent-identity.ts';

const waitMs = 5_000;

interface Received {
  readonly frame: FrameToAgent;
  readonly lines: readonly string[];
}

type FrameOf<T extends FrameToAgent['type']> = Extract<FrameToAgent, { type: T }>;

/** One open link. Frames that came are kept until a test takes them. */
export class Peer {
  readonly identity: Identity;
  readonly counter: number;
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly received: Received[] = [];
  #wake: (() => void)[] = [];

  constructor(identity: Identity, counter: number, socket: WebSocket) {
    this.identity = identity;
    this.counter = counter;
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#ring();
      });
    });
    socket.on('error', () => {});
    socket.on('message', (data: RawData) => this.#take(data));
  }

  #take(data: RawData): void {
    const decoded = decodeFrameToAgent((data as Buffer).toString('utf8'));
    if (decoded.kind !== 'frame') throw new Error(`the control plane sent ${JSON.stringify(decoded)}`);
    this.received.push({ frame: decoded.frame, lines: decoded.lines });
    this.#ring();
  }

  #ring(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  static async dial(identity: Identity, counter: number, nowMs: number): Promise<Peer> {
    return new Peer(identity, counter, await dialWith(identity.url, await sessionToken(identity, counter, nowMs)));
  }

  send(frame: FrameToControlPlane, lines: readonly string[] = []): void {
    this.socket.send(encodeFrame(frame, lines));
  }

  /** Takes the next frame of a type, with what came before it left in place; fails after a bounded wait. */
  async next<T extends FrameToAgent['type']>(type: T): Promise<{ frame: FrameOf<T>; lines: readonly string[] }> {
    const until = Date.now() + waitMs;
    for (;;) {
      const index = this.received.findIndex(({ frame }) => frame.type === type);
      const [found] = index < 0 ? [] : this.received.splice(index, 1);
      if (found !== undefined) return found as { frame: FrameOf<T>; lines: readonly string[] };
      const left = until - Date.now();
      if (left <= 0 || this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`no ${type} frame came; waiting: ${this.received.map(({ frame }) => frame.type).join(' ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  has(type: FrameToAgent['type']): boolean {
    return this.received.some(({ frame }) => frame.type === type);
  }

  /**
   * Some round trips, after which what was sent before has been handled: the control plane of these tests lives in this process, so its work
   * goes on with every turn of the same event loop.
   */
  async settled(): Promise<void> {
    for (let round = 0; round < 6 && this.socket.readyState === WebSocket.OPEN; round += 1) {
      await this.roundTrip();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async roundTrip(): Promise<void> {
    const pong = new Promise<void>((resolve) => this.socket.once('pong', () => resolve()));
    this.socket.ping(undefined, undefined, () => {});
    await Promise.race([pong, this.closed]);
  }

  async hello(jobs: Extract<FrameToControlPlane, { type: 'hello' }>['jobs'] = []): Promise<FrameOf<'welcome'>> {
    this.send({
      type: 'hello',
      protocol: 1,
      agent_version: '0.1.0',
      session: this.counter,
      key_set_version: this.identity.keySet.version,
      connections: [{ label: 'prod', region: 'us-east-1', actions: ['list_users'] }],
      catalogue_digest: nodeHashing.sha256('catalogue'),
      jobs,
    });
    return (await this.next('welcome')).frame;
  }

  credit(jobs: number, chunks: number): void {
    this.send({ type: 'credit', jobs, chunks });
  }

  /** Takes a job frame and verifies it as an agent would. */
  async job(): Promise<PeerJob> {
    const { frame } = await this.next('job');
    const { agent, controlPlane, keySet } = this.identity;
    const verified = await verifyJob(frame.token, { agent, controlPlane, keys: activeKeys(keySet) });
    if (isRefusal(verified)) throw new Error(verified.detail);
    return new PeerJob(this, verified.claims, tokenDigest(nodeHashing, frame.token), frame.token);
  }

  async close(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}

/** The agent's side of one job: its chain, and the frames about it. */
export class PeerJob {
  readonly claims: JobClaims;
  readonly id: JobId;
  readonly digest: Digest;
  readonly token: string;
  readonly lines: string[] = [];
  peer: Peer;

  constructor(peer: Peer, claims: JobClaims, digest: Digest, token: string) {
    this.peer = peer;
    this.claims = claims;
    this.id = claims.jti;
    this.digest = digest;
    this.token = token;
  }

  accept(): void {
    this.peer.send({ type: 'job.accepted', job: this.id, token_digest: this.digest });
  }

  headAt(sequence: number): Digest {
    return chainAll(nodeHashing, chainStart(nodeHashing, this.id), this.lines.slice(0, sequence));
  }

  /** One envelope and its row_end for each row. */
  runRows(from: number, count: number): void {
    for (let row = from; row < from + count; row += 1) {
      this.lines.push(
        JSON.stringify({ row, envelope: { result: { UserName: `user-${row}` }, error: null, has_error: false } }),
      );
      this.lines.push(rowEndLine(row, 1, 'succeeded'));
    }
  }

  /** Entries `first` to `last` (from 1) in one frame. */
  sendResults(first: number, last = this.lines.length): void {
    this.peer.send(
      { type: 'results', job: this.id, first_sequence: first, head: this.headAt(last) },
      this.lines.slice(first - 1, last),
    );
  }

  async finish(change: Partial<FinishedClaims> = {}): Promise<void> {
    const { key, kid, agent, controlPlane } = this.peer.identity;
    const claims: FinishedClaims = {
      iss: agent,
      aud: controlPlane,
      jti: this.id,
      token_digest: this.digest,
      status: 'completed',
      rows: { succeeded: this.claims.rows.count },
      last_sequence: this.lines.length,
      head: this.headAt(this.lines.length),
      iat: Math.floor(Date.now() / 1_000),
      ...change,
    };
    this.peer.send({ type: 'job.finished', job: this.id, statement: await signFinished(claims, key, kid) });
  }

  /** Rows, results, statement; resolves when the control plane has acknowledged the end. */
  async complete(): Promise<void> {
    this.runRows(0, this.claims.rows.count);
    for (let first = 1; first <= this.lines.length; first += 50)
      this.sendResults(first, Math.min(first + 49, this.lines.length));
    await this.finish();
    await this.peer.next('job.finished.ack');
  }
}
