// The link's decisions over a transport that a test plays: no socket, simulated time.
import { expect } from 'chai';
import type { EventSink } from '../../../agent/events.ts';
import { keepLink, type LinkControl, type LinkPorts, type LinkSession } from '../../../agent/link/link.ts';
import type { Dialled, LinkHandlers, LinkSocket, Transport } from '../../../agent/link/transport.ts';
import { closeCodes } from '../../../protocol/close-codes.ts';
import type { ErrorCode } from '../../../protocol/error-codes.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

/** A socket in memory; `handlers` are what the peer says through. */
class PlayedSocket implements LinkSocket {
  readonly sent: string[] = [];
  readonly closes: (readonly [number, string] | 'terminated')[] = [];
  readonly bufferedBytes = 0;
  pings = 0;
  readonly handlers: LinkHandlers;

  constructor(handlers: LinkHandlers) {
    this.handlers = handlers;
  }

  pause(): void {}

  resume(): void {}

  send(text: string): void {
    this.sent.push(text);
  }

  ping(): void {
    this.pings += 1;
  }

  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
    this.handlers.closed(code, reason);
  }

  terminate(): void {
    this.closes.push('terminated');
    this.handlers.closed(1006, '');
  }
}

interface Played {
  readonly clock: SimulatedClock;
  readonly sockets: PlayedSocket[];
  readonly counters: number[];
  readonly dialledAtMs: number[];
  readonly events: (readonly [string, Readonly<Record<string, unknown>>])[];
  readonly controls: LinkControl[];
  readonly messages: string[];
  readonly stop: AbortController;
  run(): Promise<void>;
}

/** `dials` answers the dials in turn, the last one for ever; `onOpen` plays the peer. */
function play(
  dials: readonly ('open' | Exclude<Dialled, { kind: 'open' }>)[],
  options: {
    onOpen?: (played: Played, socket: PlayedSocket) => void;
    message?: (text: string) => Promise<ErrorCode | undefined>;
    maxDials?: number;
  } = {},
): Played {
  const clock = new SimulatedClock();
  const stop = new AbortController();
  const transport: Transport = {
    dial: ({ handlers }) => {
      const dial = played.dialledAtMs.length;
      played.dialledAtMs.push(clock.monotonicMs());
      if (played.dialledAtMs.length >= (options.maxDials ?? 50)) stop.abort();
      const answer = dials[Math.min(dial, dials.length - 1)] ?? 'open';
      if (answer !== 'open') return Promise.resolve(answer);
      const socket = new PlayedSocket(handlers);
      played.sockets.push(socket);
      return Promise.resolve({ kind: 'open', socket });
    },
  };
  const session = (socket: LinkSocket, control: LinkControl): LinkSession => ({
    begin: () => {
      played.controls.push(control);
      const [last] = played.sockets.slice(-1);
      if (last !== undefined && socket === last) options.onOpen?.(played, last);
    },
    message: async (text) => {
      played.messages.push(text);
      return (await options.message?.(text)) ?? undefined;
    },
    overtakes: (text) => text.startsWith('!'),
    end: () => played.messages.push('(end)'),
    settled: () => Promise.resolve(),
  });
  let counter = 0;
  const events: EventSink = (name, fields) => void played.events.push([name, fields]);
  const ports: LinkPorts = {
    clock,
    transport,
    events,
    nextToken: () => {
      counter += 1;
      played.counters.push(counter);
      return Promise.resolve({ token: `token ${counter}`, counter });
    },
    openSession: (socket, _counter, control) => session(socket, control),
  };
  const played: Played = {
    clock,
    sockets: [],
    counters: [],
    dialledAtMs: [],
    events: [],
    controls: [],
    messages: [],
    stop,
    run: () => clock.run(keepLink(ports, stop.signal)),
  };
  return played;
}

const unreachable: Dialled = { kind: 'failed', reason: 'ECONNREFUSED' };
const rejected = (code: ErrorCode, retryAfterMs: number | null = null): Exclude<Dialled, { kind: 'open' }> => ({
  kind: 'rejected',
  status: 403,
  code,
  retryAfterMs,
});

describe('the link', () => {
  it('dials for ever, with a counter that was raised for each dial', async () => {
    const played = play([unreachable], { maxDials: 40 });
    await played.run();
    expect(played.dialledAtMs).to.have.length(40);
    expect(played.counters).to.deep.equal(Array.from({ length: 40 }, (_, index) => index + 1));
    const gaps = played.dialledAtMs.slice(1).map((atMs, index) => atMs - (played.dialledAtMs[index] ?? 0));
    expect(Math.max(...gaps)).to.be.at.most(60_000);
    expect(gaps.slice(-20).some((gap) => gap > 5_000)).to.equal(true);
  });

  it('delays the first dial at random, within a second', async () => {
    const played = play([unreachable], { maxDials: 1 });
    await played.run();
    expect(played.dialledAtMs[0]).to.be.within(0, 1_000);
    expect(played.dialledAtMs[0]).not.to.equal(0);
  });

  it('waits as long as the control plane asks', async () => {
    const played = play([rejected('session_rejected', 300_000), unreachable], { maxDials: 2 });
    await played.run();
    expect((played.dialledAtMs[1] ?? 0) - (played.dialledAtMs[0] ?? 0)).to.be.at.least(300_000);
  });

  it('tries slowly what only an operator can mend, and never gives up', async () => {
    for (const code of ['agent_revoked', 'session_counter_reused'] as const) {
      const played = play([rejected(code)], { maxDials: 30 });
      await played.run();
      const span = (played.dialledAtMs.at(-1) ?? 0) - (played.dialledAtMs[0] ?? 0);
      expect(span / 29, code).to.be.greaterThan(15_000);
      expect(played.events.filter(([name]) => name === 'link.rejected')[0]?.[1]).to.include({ code });
    }
  });

  it('ends a link whose peer is silent after two missed answers, and dials again', async () => {
    const played = play(['open'], {
      onOpen: ({ controls, stop, sockets }) => {
        if (sockets.length === 2) stop.abort();
        else controls.at(-1)?.heartbeat(1_000);
      },
    });
    await played.run();
    expect(played.sockets[0]?.closes).to.deep.equal(['terminated']);
    expect(played.sockets[0]?.pings).to.equal(2);
    const lost = played.events.find(([name]) => name === 'link.lost');
    expect(lost?.[1]).to.include({ code: 'heartbeat_lost' });
  });

  it('keeps a link whose peer answers', async () => {
    let pongs = 0;
    const played = play(['open'], {
      onOpen: ({ controls, clock, stop }, socket) => {
        controls.at(-1)?.heartbeat(1_000);
        void (async () => {
          for (; pongs < 50; pongs += 1) {
            await clock.sleep(999);
            socket.handlers.pong();
          }
          stop.abort();
        })();
      },
    });
    await played.run();
    expect(pongs).to.equal(50);
    expect(played.sockets).to.have.length(1);
    expect(played.sockets[0]?.closes).to.deep.equal([[closeCodes.going_away, 'stopping']]);
  });

  it('handles messages one after the other, drops what came after the end, and dials only when the last is done', async () => {
    const done: string[] = [];
    const played = play(['open'], {
      onOpen: ({ sockets, stop }, socket) => {
        if (sockets.length === 2) {
          done.push('(second link)');
          stop.abort();
          return;
        }
        for (const text of ['a', 'b', 'c']) socket.handlers.message(text);
        queueMicrotask(() => queueMicrotask(() => socket.handlers.closed(1006, '')));
      },
      message: async (text) => {
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
        done.push(text);
        return undefined;
      },
    });
    await played.run();
    expect(done).to.deep.equal(['a', '(second link)']);
  });

  it('lets some messages overtake those that wait, in their order, and none the one that is being handled', async () => {
    const done: string[] = [];
    const played = play(['open'], {
      onOpen: ({ sockets, stop }, socket) => {
        if (sockets.length === 2) stop.abort();
        else for (const text of ['welcome', 'a', 'b', '!1', '!2', 'c']) socket.handlers.message(text);
      },
      message: async (text) => {
        await Promise.resolve();
        done.push(text);
        if (text === 'a') played.sockets[0]?.handlers.message('!3');
        return text === 'c' ? 'over_credit' : undefined;
      },
    });
    await played.run();
    expect(done).to.deep.equal(['welcome', '!1', '!2', 'a', '!3', 'b', 'c']);
  });

  it('closes with the code of what was wrong', async () => {
    const played = play(['open'], {
      onOpen: ({ sockets, stop }, socket) => (sockets.length === 2 ? stop.abort() : socket.handlers.message('bad')),
      message: (text) => Promise.resolve(text === 'bad' ? 'over_credit' : undefined),
    });
    await played.run();
    expect(played.sockets[0]?.closes).to.deep.equal([[closeCodes.protocol_error, 'over_credit']]);
    expect(played.events.find(([name]) => name === 'link.lost')?.[1]).to.include({ code: 'over_credit' });
  });

  it('comes back within the time that a planned restart gives', async () => {
    const played = play(['open'], {
      onOpen: ({ sockets, stop, controls }) =>
        sockets.length === 2 ? stop.abort() : controls.at(-1)?.reconnect(5_000),
    });
    await played.run();
    expect(played.dialledAtMs[1]).to.be.at.most((played.dialledAtMs[0] ?? 0) + 5_000 + 2_000);
  });

  it('does not dial before its counter is on disk, and ends when it cannot be', async () => {
    const log: string[] = [];
    const clock = new SimulatedClock();
    const nextToken = async (): Promise<{ token: string; counter: number }> => {
      await clock.sleep(500);
      log.push('counter');
      if (log.length > 4) throw new Error('disk full');
      return { token: 't', counter: log.length };
    };
    const transport: Transport = { dial: () => (log.push('dial'), Promise.resolve(unreachable)) };
    const openSession = (): never => expect.fail('nothing opened');
    const link = keepLink(
      { clock, transport, events: () => undefined, nextToken, openSession },
      new AbortController().signal,
    );
    const ended: unknown = await clock.run(link.catch((error: unknown) => error));
    expect(ended).to.be.instanceOf(Error).with.property('message', 'disk full');
    expect(log).to.deep.equal(['counter', 'dial', 'counter', 'dial', 'counter']);
  });

  it('is told to stop while it waits, dials or is open, and ends without another dial', async () => {
    const waiting = play([unreachable]);
    waiting.stop.abort();
    await waiting.run();
    expect(waiting.dialledAtMs).to.deep.equal([]);
    const dialling = play([unreachable], { maxDials: 1 });
    await dialling.run();
    expect(dialling.dialledAtMs).to.have.length(1);
    const opened = play(['open'], { maxDials: 1 });
    await opened.run();
    expect(opened.sockets[0]?.closes).to.deep.equal([[closeCodes.going_away, 'stopping']]);
    expect(opened.messages).to.deep.equal(['(end)']);
  });
});
