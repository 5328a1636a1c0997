// One agent's link. Frames are handled one after the other, so that nothing in here runs twice at once; each handler's write checks in its own
// transaction that this session still speaks. The agent is treated as hostile: what it may make us hold or do is bounded in this file.
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { decodeFrameToControlPlane } from '../protocol/codec.ts';
import { type ErrorCode, isRefusal } from '../protocol/error-codes.ts';
import type { FrameToControlPlane } from '../protocol/frames-to-control-plane.ts';
import type { JobId } from '../protocol/ids.ts';
import type { CloseReason } from './close-codes.ts';
import { Dispatch } from './dispatch.ts';
import { faultOf } from './events.ts';
import { accepted, finished, progress, quarantined, rejected, rowsAgain } from './job-answers.ts';
import { Link } from './link.ts';
import { Pace } from './pace.ts';
import { type ResultsFrame, storeResults } from './result-log.ts';
import {
  type FrameOutcome,
  type SessionContext,
  type SessionDeps,
  type SessionIdentity,
  done,
} from './session-context.ts';
import { saveSeen } from './store/agents.ts';
import { welcome } from './welcome.ts';

/** Frames read ahead; beyond it the socket is not read. */
const queuedFrames = 16;
const badFramesAllowed = 1;
const ignoredFramesAllowed = 10_000;
/** Row requests that one session may make; each makes us read and send a chunk. */
const rowRequestsAllowed = 10_000;
const missedAnswersAllowed = 2;
const helloTimeoutMs = 10_000;

type Inbound = { readonly frame: FrameToControlPlane; readonly lines: readonly string[] };

export class AgentSession {
  readonly identity: SessionIdentity;
  readonly ended: Promise<void>;
  readonly #context: SessionContext;
  readonly #socket: WebSocket;
  readonly #dispatch: Dispatch;
  readonly #queue: Inbound[] = [];
  readonly #cancels: JobId[] = [];
  readonly #pace = new Pace();
  readonly #openedAt: number;
  #silent: NodeJS.Timeout | null;
  #working: Promise<void> | null = null;
  #welcomed = false;
  #badFrames = 0;
  #ignored = 0;
  #rowRequests = 0;
  #missedAnswers = 0;

  constructor(deps: SessionDeps, socket: WebSocket, identity: SessionIdentity, stream: Duplex) {
    const link = new Link(socket, stream);
    this.identity = identity;
    this.#socket = socket;
    this.#context = { ...deps, identity, link };
    this.#dispatch = new Dispatch(this.#context);
    this.#openedAt = deps.now();
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => {
      this.#missedAnswers = 0;
    });
    // A peer that dials and then says nothing holds no place here.
    this.#silent = setTimeout(() => this.close({ kind: 'protocol_error', code: 'frame_unexpected' }), helloTimeoutMs);
    const heartbeat = setInterval(() => this.#beat(), deps.heartbeatMs);
    this.ended = link.closed.then((code) => this.#end(code, heartbeat));
    deps.emit('session.opened', { agent: identity.agent, session: identity.counter });
  }

  /** A job may be waiting, or the agent may be served again. */
  wake(): void {
    if (this.#welcomed) this.#dispatch.wake();
  }

  /** Cancel has its own lane: it needs no credit, only the welcome before it. */
  cancel(wireId: JobId): void {
    if (this.#welcomed) this.#context.link.send({ type: 'cancel', job: wireId });
    else this.#cancels.push(wireId);
  }

  /** A planned end: the agent is told within which time to come back. */
  goAway(withinMs: number): void {
    if (this.#welcomed) this.#context.link.send({ type: 'reconnect', within_ms: withinMs });
    this.close({ kind: 'going_away' });
  }

  close(reason: CloseReason): void {
    this.#queue.length = 0;
    this.#context.link.close(reason);
  }

  #receive(data: unknown, isBinary: boolean): void {
    if (!this.#context.link.open) return;
    const decoded = isBinary || !Buffer.isBuffer(data) ? null : decodeFrameToControlPlane(data.toString('utf8'));
    if (decoded === null) return this.#bad('frame_malformed');
    if (isRefusal(decoded)) return this.#bad(decoded.code);
    if (decoded.kind === 'unknown_type') return this.#ignore('frame_malformed');
    if (decoded.unknownFields > 0) this.#ignore('frame_malformed');
    this.#queue.push({ frame: decoded.frame, lines: decoded.lines });
    if (this.#queue.length >= queuedFrames) this.#socket.pause();
    this.#start();
  }

  #start(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
      if (this.#queue.length > 0 && this.#context.link.open) this.#start();
    });
  }

  async #work(): Promise<void> {
    const { link, emit, identity } = this.#context;
    try {
      while (link.open && this.#queue.length > 0) {
        for (const outcome of await this.#handleNext()) this.#settle(outcome);
        await link.drained();
        if (link.open && this.#socket.isPaused && this.#queue.length < queuedFrames / 2) this.#socket.resume();
      }
    } catch (error) {
      emit('server.fault', { name: 'session', agent: identity.agent, fault: faultOf(error) });
      this.close({ kind: 'protocol_error', code: 'internal' });
    }
  }

  /** The next frame; results frames that have come behind it share its transaction. */
  async #handleNext(): Promise<FrameOutcome[]> {
    const [first] = this.#queue;
    if (first === undefined) return [];
    if (first.frame.type === 'results') await this.#pace.turn(first.lines.length);
    const results: ResultsFrame[] = [];
    for (let next = this.#queue[0]; next?.frame.type === 'results' && this.#welcomed; next = this.#queue[0]) {
      results.push({ frame: next.frame, lines: next.lines });
      this.#queue.shift();
    }
    if (results.length === 0) {
      this.#queue.shift();
      return [await this.#handle(first.frame)];
    }
    const [next] = this.#queue;
    if (next?.frame.type !== 'job.finished') return storeResults(this.#context, results);
    // The last word behind the last results: asked for together, their transactions are one.
    this.#queue.shift();
    const [stored, ended] = await Promise.all([storeResults(this.#context, results), this.#handle(next.frame)]);
    return [...stored, ended];
  }

  async #handle(frame: FrameToControlPlane): Promise<FrameOutcome> {
    const context = this.#context;
    const dispatch = this.#dispatch;
    if ((frame.type === 'hello') === this.#welcomed) return { kind: 'bad', code: 'frame_unexpected' };
    switch (frame.type) {
      case 'hello': {
        const outcome = await welcome(context, dispatch, frame);
        this.#welcomed = outcome.kind === 'done';
        if (this.#welcomed) this.#heard();
        // What came while the welcome was being made was told to nobody.
        if (this.#welcomed) for (const job of this.#cancels.splice(0)) this.cancel(job);
        this.wake();
        return outcome;
      }
      case 'job.accepted':
        return accepted(context, dispatch, frame);
      case 'job.rejected':
        return rejected(context, dispatch, frame);
      case 'job.quarantined':
        return quarantined(context, dispatch, frame);
      case 'job.finished':
        return finished(context, dispatch, frame);
      case 'job.progress':
        return progress(context, frame);
      case 'rows.request':
        this.#rowRequests += 1;
        if (this.#rowRequests > rowRequestsAllowed) return { kind: 'broken', code: 'frame_unexpected' };
        return rowsAgain(context, dispatch, frame);
      case 'credit':
        dispatch.credit(frame);
        return done;
      case 'draining':
        dispatch.drain();
        return done;
      case 'results':
        return { kind: 'bad', code: 'frame_unexpected' };
      default:
        return frame satisfies never;
    }
  }

  #settle(outcome: FrameOutcome): void {
    switch (outcome.kind) {
      case 'done':
        return;
      case 'ignored':
        return this.#ignore(outcome.code);
      case 'bad':
        return this.#bad(outcome.code);
      case 'broken':
        return this.close({ kind: 'protocol_error', code: outcome.code });
      case 'stale':
        return this.close({ kind: 'session_replaced' });
      default:
        outcome satisfies never;
    }
  }

  #ignore(code: ErrorCode): void {
    this.#ignored += 1;
    const { emit, identity } = this.#context;
    if (this.#ignored > ignoredFramesAllowed) this.close({ kind: 'protocol_error', code: 'frame_unexpected' });
    // The first, and then every hundredth: a flood of them is no flood of log lines.
    if (this.#ignored % 100 === 1)
      emit('frame.ignored', { agent: identity.agent, session: identity.counter, code, count: this.#ignored });
  }

  #bad(code: ErrorCode): void {
    this.#badFrames += 1;
    const { emit, identity } = this.#context;
    emit('frame.refused', { agent: identity.agent, session: identity.counter, code });
    if (this.#badFrames > badFramesAllowed) this.close({ kind: 'protocol_error', code });
  }

  #heard(): void {
    if (this.#silent !== null) clearTimeout(this.#silent);
    this.#silent = null;
  }

  #beat(): void {
    if (this.#missedAnswers >= missedAnswersAllowed) return this.close({ kind: 'heartbeat_lost' });
    this.#missedAnswers += 1;
    this.#context.link.ping();
  }

  async #end(closeCode: number, heartbeat: NodeJS.Timeout): Promise<void> {
    clearInterval(heartbeat);
    this.#heard();
    const { emit, identity, now, store } = this.#context;
    const { agent, counter: session } = identity;
    await this.#working;
    await this.#dispatch.settled();
    emit('session.closed', { agent, session, closeCode, durationMs: now() - this.#openedAt });
    await saveSeen(store.db, agent, now()).catch((error: unknown) => {
      emit('server.fault', { name: 'session', agent, fault: faultOf(error) });
    });
  }
}
