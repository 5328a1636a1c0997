// Keeps one link to the control plane for as long as the daemon lives. No failure makes it give up: what only an operator can mend is tried
// again slowly, because the operator may mend it at the other end. Before each dial the session counter is raised on disk.
import { closeCodes } from '../../protocol/close-codes.ts';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { EventSink } from '../events.ts';
import type { Clock } from '../job/clock.ts';
import { Backoff, type BackoffBounds, defaultBackoff } from './backoff.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Dialled, LinkSocket, Transport } from './transport.ts';

/** What the link does with one open socket; made anew for each. */
export interface LinkSession {
  /** Says hello. */
  begin(): void;
  /** One message. A refusal's code closes the link. */
  message(text: string): Promise<ErrorCode | undefined>;
  /** A message that goes before those that wait to be handled. */
  overtakes(text: string): boolean;
  /** The link is gone; nothing is sent any more. */
  end(): void;
  /** Resolves when nothing of what came is on its way to the disk; asked after the last message was handled. */
  settled(): Promise<void>;
}

export interface LinkControl {
  /** The interval that the control plane asked for. */
  heartbeat(intervalMs: number): void;
  /** Closes this link and dials again after a random part of `withinMs`. */
  reconnect(withinMs: number): void;
}

export interface LinkPorts {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly events: EventSink;
  /** Raises the session counter durably and signs a token for it. */
  readonly nextToken: () => Promise<{ token: string; counter: number }>;
  readonly openSession: (socket: LinkSocket, counter: number, control: LinkControl) => LinkSession;
  readonly bounds?: BackoffBounds;
}

const hopeless: ReadonlySet<ErrorCode> = new Set(['agent_revoked', 'session_counter_reused']);

/** Runs until the signal. Rejects only when the counter cannot be raised: then the disk fails. */
export async function keepLink(ports: LinkPorts, signal: AbortSignal): Promise<void> {
  const { clock, events } = ports;
  const backoff = new Backoff(() => clock.random(), ports.bounds ?? defaultBackoff);
  let waitMs = backoff.nextMs();
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    events('link.dialling', { attempt, delayMs: waitMs });
    if (!(await slept(clock, waitMs, signal))) return;
    const link = new Link(ports);
    const dialled = await link.dial(signal);
    if (signal.aborted && dialled.kind !== 'open') return;
    if (dialled.kind === 'open') {
      events('link.connected', { session: link.counter, attempt });
      const ended = await link.serve(dialled.socket, signal);
      backoff.linkLived(ended.livedMs);
      if (ended.code === 'agent_revoked') backoff.slowest();
      waitMs = backoff.nextMs(ended.reconnectMs);
      attempt = 0;
      if (!signal.aborted) {
        const { code, closeCode, livedMs } = ended;
        events('link.lost', { session: link.counter, code, closeCode, durationMs: livedMs, retryInMs: waitMs });
      }
    } else {
      if (dialled.kind === 'rejected' && hopeless.has(dialled.code)) backoff.slowest();
      waitMs = backoff.nextMs(dialled.kind === 'rejected' ? dialled.retryAfterMs : null);
      if (dialled.kind === 'rejected')
        events('link.rejected', { code: dialled.code, status: dialled.status, retryInMs: waitMs });
      else events('link.unreachable', { attempt, reason: dialled.reason, retryInMs: waitMs });
    }
  }
}

interface Ended {
  readonly livedMs: number;
  readonly closeCode: number;
  readonly code: ErrorCode | undefined;
  readonly reconnectMs: number | null;
}

/** One dial and, if it opens, one link until it closes. */
class Link {
  counter = 0;
  readonly #ports: LinkPorts;
  readonly #closed: Promise<number>;
  #close: (code: number) => void = () => undefined;
  #receive: (text: string) => void = () => undefined;
  #heard: () => void = () => undefined;
  #reconnectMs: number | null = null;

  constructor(ports: LinkPorts) {
    this.#ports = ports;
    this.#closed = new Promise((resolve) => (this.#close = resolve));
  }

  async dial(signal: AbortSignal): Promise<Dialled> {
    const { token, counter } = await this.#ports.nextToken();
    this.counter = counter;
    return this.#ports.transport.dial({
      token,
      signal,
      handlers: {
        message: (text) => this.#receive(text),
        pong: () => this.#heard(),
        closed: (code) => this.#close(code),
      },
    });
  }

  async serve(socket: LinkSocket, signal: AbortSignal): Promise<Ended> {
    const { clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    const over = new AbortController();
    const beat = new Beat(socket, clock, () => {
      code = 'heartbeat_lost';
      socket.terminate();
    });
    let code: ErrorCode | undefined;
    const session = this.#ports.openSession(socket, this.counter, {
      heartbeat: (intervalMs) => beat.welcomed(intervalMs),
      reconnect: (withinMs) => {
        this.#reconnectMs = clock.random() * withinMs;
        socket.close(closeCodes.going_away, 'reconnect');
      },
    });
    this.#heard = () => beat.heard();
    const inbox = new Inbox(socket, session, async (text) => {
      beat.heard();
      if (over.signal.aborted) return;
      const refused = await session.message(text);
      if (refused === undefined) return;
      code = refused;
      socket.close(closeCodes.protocol_error, refused);
    });
    this.#receive = (text) => inbox.add(text);
    beat.start();
    const goodbye = (): void => socket.close(closeCodes.going_away, 'stopping');
    signal.addEventListener('abort', goodbye, { once: true });
    if (signal.aborted) goodbye();
    session.begin();
    const closeCode = await this.#closed;
    over.abort();
    beat.stop();
    session.end();
    // What this link still had under way is on disk, or was dropped, before the next hello says what this host holds.
    await inbox.idle();
    await session.settled();
    signal.removeEventListener('abort', goodbye);
    code ??= codeOfClose(closeCode);
    return { livedMs: clock.monotonicMs() - startedMs, closeCode, code, reconnectMs: this.#reconnectMs };
  }
}

function codeOfClose(closeCode: number): ErrorCode | undefined {
  if (closeCode === closeCodes.session_replaced) return 'session_replaced';
  return closeCode === closeCodes.agent_revoked ? 'agent_revoked' : undefined;
}

/** How long a peer that answers pings may take to say welcome. */
const welcomeWithinMs = 60_000;
/** The interval of pings until welcome names one. */
const firstIntervalMs = 15_000;

/** Pings from the first moment on: a link can die between the upgrade and the welcome too. */
class Beat {
  readonly #heartbeat: Heartbeat;
  readonly #clock: Clock;
  readonly #lost: () => void;
  #pings = new AbortController();
  readonly #welcome = new AbortController();

  constructor(socket: LinkSocket, clock: Clock, lost: () => void) {
    this.#heartbeat = new Heartbeat(socket, clock);
    this.#clock = clock;
    this.#lost = lost;
  }

  start(): void {
    void this.#heartbeat.run(firstIntervalMs, this.#lost, this.#pings.signal);
    this.#clock.sleep(welcomeWithinMs, this.#welcome.signal).then(this.#lost, () => undefined);
  }

  welcomed(intervalMs: number): void {
    this.stop();
    this.#pings = new AbortController();
    void this.#heartbeat.run(intervalMs, this.#lost, this.#pings.signal);
  }

  heard(): void {
    this.#heartbeat.heard();
  }

  stop(): void {
    this.#welcome.abort();
    this.#pings.abort();
  }
}

/** Characters that wait to be handled above which the socket is not read any more, and below which it is again. */
const inboxHighChars = 4 * 1024 * 1024;
const inboxLowChars = 1024 * 1024;

/**
 * Handles one text after the other, in the order they came, but for those that overtake: they go before all that has not begun. What comes
 * faster than it is handled waits in the network, not in memory.
 */
class Inbox {
  readonly #waiting: string[] = [];
  /** How many of them, at the front, have overtaken. */
  #ahead = 0;
  #waitingChars = 0;
  #paused = false;
  #work: Promise<void> | null = null;
  readonly #socket: LinkSocket;
  readonly #session: Pick<LinkSession, 'overtakes'>;
  readonly #handle: (text: string) => Promise<void>;

  constructor(socket: LinkSocket, session: Pick<LinkSession, 'overtakes'>, handle: (text: string) => Promise<void>) {
    this.#socket = socket;
    this.#session = session;
    this.#handle = handle;
  }

  add(text: string): void {
    this.#waitingChars += text.length;
    if (!this.#paused && this.#waitingChars > inboxHighChars) {
      this.#paused = true;
      this.#socket.pause();
    }
    if (this.#session.overtakes(text)) {
      this.#waiting.splice(this.#ahead, 0, text);
      this.#ahead += 1;
    } else this.#waiting.push(text);
    // The first text that comes is begun here and now, so nothing overtakes a welcome.
    this.#work ??= this.#handleAll();
  }

  async idle(): Promise<void> {
    await this.#work;
  }

  async #handleAll(): Promise<void> {
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift()) {
      this.#ahead = Math.max(0, this.#ahead - 1);
      await this.#handle(text);
      this.#waitingChars -= text.length;
      if (this.#paused && this.#waitingChars < inboxLowChars) {
        this.#paused = false;
        this.#socket.resume();
      }
    }
    this.#work = null;
  }
}

async function slept(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return !signal.aborted;
  } catch {
    return false;
  }
}
