// The daemon's life: construct, then start; drain, then stop. What start took, stop gives back in the opposite order, also after a start
// that failed half way. The parts are made in compose.ts; what they decide is in job/ and link/.
import type { AgentConfig } from './config/load-config.ts';
import type { sessionIntroduction } from './introduction.ts';
import type { EventSink } from './events.ts';
import type { CallWaits } from './iam/limiter-snapshot.ts';
import type { Clock } from './job/clock.ts';
import type { Session } from './job/frame-in.ts';
import type { Jobs } from './job/jobs.ts';
import type { LocalRuns } from './local/local-runs.ts';
import type { Journal } from './job/journal.ts';
import type { TrustStore } from './job/trust-store.ts';
import type { TrustedTime } from './job/trusted-time.ts';
import type { Hashing } from '../protocol/hashing.ts';
import { encodeFrame, isCancel } from '../protocol/codec.ts';
import { limits } from '../protocol/limits.ts';
import { defaultBackoff } from './link/backoff.ts';
import { keepLink, type LinkControl, type LinkPorts, type LinkSession } from './link/link.ts';
import type { LinkSocket, Transport } from './link/transport.ts';
import type { FrameOut } from './job/frame-out.ts';

export interface AgentParts {
  readonly config: AgentConfig;
  readonly version: string;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly hashing: Hashing;
  readonly time: TrustedTime;
  readonly journal: Journal;
  readonly trust: TrustStore;
  readonly jobs: Jobs;
  /** What `iam-agent exec` asks for. */
  readonly runs: LocalRuns;
  /** Opens the local socket; the release that closes it is there already. */
  readonly serveLocal: () => Promise<void>;
  /** What the calls of each job wait for at this moment. */
  readonly callWaits: () => ReadonlyMap<string, CallWaits>;
  readonly transport: () => Promise<Transport>;
  /** Raises the session counter on disk and signs a token for it. */
  readonly nextToken: () => Promise<{ token: string; counter: number }>;
  /** Stops rows from starting. */
  readonly drain: AbortController;
  /** Cuts off calls under way. */
  readonly abort: AbortController;
  /** Resolves with what made the daemon unable to go on. */
  readonly fault: { readonly raise: (error: unknown) => void; readonly raised: Promise<unknown> };
  /** Releases in the order of taking; run backwards. */
  readonly releases: (() => Promise<void> | void)[];
}

/** Bytes waiting in the socket above which no more results are read from the journal, and below which they are again. */
const bufferHighBytes = 1024 * 1024;
const bufferLowBytes = 256 * 1024;
const bufferPollMs = 10;
const progressEveryMs = 1_000;
/** Bytes waiting in the socket above which nothing more is heard: the peer asks and does not listen. Far above what results may take. */
const floodBytes = 8 * 1024 * 1024;
/** While the process drains: a control plane that has not acknowledged anything for so long is not waited for. */
const quietMs = 5_000;

export class Agent {
  readonly #parts: AgentParts;
  readonly #linkOver = new AbortController();
  #link: Promise<void> = Promise.resolve();
  #session: Session | null = null;
  #forSessions: Promise<ForSessions> | null = null;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { jobs, runs, serveLocal, clock, events, fault, config } = this.#parts;
    const bounds = { ...defaultBackoff, maxWindowMs: config.controlPlane.reconnectMs };
    await jobs.recover();
    await runs.recover();
    jobs.onDurable = (record) => this.#session?.advanced(record);
    const ports = { clock, events, bounds, ...this.#dialled() };
    this.#link = keepLink(ports, this.#linkOver.signal).catch(fault.raise);
    // Only now: the wait before the first dial has begun, and this takes a while.
    await Promise.all([this.#load(), serveLocal()]);
  }

  /** What only a dial and its session need. */
  #load(): Promise<ForSessions> {
    return (this.#forSessions ??= loadForSessions(this.#parts.transport));
  }

  #dialled(): Pick<LinkPorts, 'transport' | 'nextToken' | 'openSession'> {
    let loaded: ForSessions | null = null;
    return {
      nextToken: async () => {
        loaded = await this.#load();
        return this.#parts.nextToken();
      },
      transport: { dial: async (options) => (await this.#load()).transport.dial(options) },
      openSession: (socket, counter, control) => {
        if (loaded === null) throw new Error('a session without a dial');
        return this.#openSession(loaded, socket, counter, control);
      },
    };
  }

  /** Rejects never; resolves when something happened that a restart must mend (the journal cannot be written). */
  get fault(): Promise<unknown> {
    return this.#parts.fault.raised;
  }

  /**
   * Takes no new job, starts no row, lets calls under way end, and then has what was made acknowledged if the link is up: all of it within
   * `config.drainMs`. What is left stays in the journal.
   */
  async drain(): Promise<void> {
    const { drain, abort, jobs, journal, runs, clock, config, events } = this.#parts;
    const startedMs = clock.monotonicMs();
    events('agent.draining', { jobs: jobs.open.length });
    drain.abort();
    this.#session?.drain();
    const late = new AbortController();
    const deadline = clock.sleep(config.drainMs, late.signal).then(
      () => abort.abort(),
      () => undefined,
    );
    await Promise.race([Promise.all([jobs.idle(), runs.idle()]), deadline]);
    await Promise.race([this.#deliver(), deadline]);
    late.abort();
    await deadline;
    // What was acknowledged last may still wait for a transaction. A journal that fails has told so by itself.
    await journal.commit([]).catch(() => undefined);
    const left = jobs.open.filter(({ state }) => state.phase === 'accepted').length;
    const bytes = jobs.spool.bytes;
    events('agent.drained', {
      jobs: left,
      bytes,
      inTime: !abort.signal.aborted,
      durationMs: clock.monotonicMs() - startedMs,
    });
  }

  /** Resolves when the control plane holds all that was made, or is not going to take it now. */
  async #deliver(): Promise<void> {
    const { clock, abort } = this.#parts;
    const session = this.#session;
    if (session === null) return;
    while (!abort.signal.aborted && this.#session === session && session.owesResults) {
      const heard = new AbortController();
      const silence = clock.sleep(quietMs, heard.signal).then(
        () => true,
        () => false,
      );
      await Promise.race([session.acknowledged(), silence]);
      heard.abort();
      if (await silence) return;
    }
  }

  async stop(): Promise<void> {
    const { releases, drain, abort } = this.#parts;
    drain.abort();
    abort.abort();
    this.#linkOver.abort();
    await this.#link;
    for (const release of releases.toReversed()) await release();
  }

  #openSession(loaded: ForSessions, socket: LinkSocket, counter: number, control: LinkControl): LinkSession {
    const { jobs, journal, hashing, time, trust, events, clock, fault, version, config, callWaits } = this.#parts;
    const over = new AbortController();
    const out = this.#frameOut(socket, over.signal);
    const session = new loaded.Session({
      jobs,
      journal,
      hashing,
      time,
      trust,
      events,
      out,
      drain: this.#parts.drain.signal,
      callWaits,
      introduction: loaded.sessionIntroduction(config.connections, { version, counter, hashing }),
      onWelcome: (welcome) => {
        control.heartbeat(welcome.heartbeat_ms);
        const skewMs = Date.parse(welcome.server_time) - clock.now();
        if (Math.abs(skewMs) > limits.clockSkewMs) events('link.clock_skew', { skewMs });
        events('link.welcomed', { session: counter, skewMs, jobs: welcome.jobs.length });
        // What only informs is left out while the control plane reads slower than we send.
        const progress = (): void => (socket.bufferedBytes < bufferHighBytes ? session.progress() : undefined);
        void repeat(clock, progressEveryMs, progress, over.signal);
      },
      onReconnect: (withinMs) => control.reconnect(withinMs),
      onFault: fault.raise,
    });
    return {
      begin: () => {
        this.#session = session;
        session.hello();
      },
      message: async (text) => {
        try {
          const code = (await session.message(text))?.code;
          while (!over.signal.aborted && socket.bufferedBytes > floodBytes) await clock.sleep(bufferPollMs);
          return code;
        } catch (error) {
          fault.raise(error);
          return 'internal';
        }
      },
      overtakes: isCancel,
      end: () => {
        over.abort();
        if (this.#session === session) this.#session = null;
        session.over();
      },
      settled: () => session.settled(),
    };
  }

  #frameOut(socket: LinkSocket, over: AbortSignal): FrameOut {
    const { clock } = this.#parts;
    return {
      get open() {
        return !over.aborted;
      },
      send: (frame, lines) => {
        if (!over.aborted) socket.send(encodeFrame(frame, lines));
      },
      ready: async () => {
        if (socket.bufferedBytes < bufferHighBytes) return;
        while (!over.aborted && socket.bufferedBytes > bufferLowBytes) await clock.sleep(bufferPollMs);
      },
    };
  }
}

interface ForSessions {
  readonly Session: typeof Session;
  readonly sessionIntroduction: typeof sessionIntroduction;
  readonly transport: Transport;
}

async function loadForSessions(openTransport: AgentParts['transport']): Promise<ForSessions> {
  const [frames, introduction, transport] = await Promise.all([
    import('./job/frame-in.ts'),
    import('./introduction.ts'),
    openTransport(),
  ]);
  return { Session: frames.Session, sessionIntroduction: introduction.sessionIntroduction, transport };
}

async function repeat(clock: Clock, everyMs: number, work: () => void, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(everyMs, signal);
      work();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
