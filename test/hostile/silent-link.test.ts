// A link that opened and then says nothing (a firewall forgot it between the upgrade and the welcome) must not hold the agent for ever.
import { expect } from 'chai';
import type { Clock } from '../../agent/job/clock.ts';
import { keepLink } from '../../agent/link/link.ts';
import type { LinkHandlers, LinkSocket } from '../../agent/link/transport.ts';

/** Time passes as fast as it is waited for. */
class HastyClock implements Clock {
  #nowMs = 0;
  #waiting: { readonly atMs: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0.5;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ atMs: this.#nowMs + ms, wake: resolve });
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (let step = 0; this.#nowMs < endMs && step < 10_000; step += 1) {
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const next = this.#waiting.toSorted((a, b) => a.atMs - b.atMs)[0];
      this.#nowMs = Math.min(endMs, next?.atMs ?? endMs);
      const due = this.#waiting.filter(({ atMs }) => atMs <= this.#nowMs);
      this.#waiting = this.#waiting.filter((one) => !due.includes(one));
      for (const { wake } of due) wake();
    }
  }
}

function silentSocket(handlers: LinkHandlers): LinkSocket {
  const gone = (): void => handlers.closed(1006, '');
  const nothing = (): void => undefined;
  return {
    send: nothing,
    ping: nothing,
    pause: nothing,
    resume: nothing,
    bufferedBytes: 0,
    close: gone,
    terminate: gone,
  };
}

describe('a link that is silent from its start', () => {
  it('is given up, and another one dialled', async () => {
    const clock = new HastyClock();
    const stop = new AbortController();
    let dials = 0;
    const session = {
      begin: () => undefined,
      message: () => Promise.resolve(undefined),
      overtakes: () => false,
      end: () => undefined,
      settled: () => Promise.resolve(),
    };
    const kept = keepLink(
      {
        clock,
        events: () => undefined,
        nextToken: () => Promise.resolve({ token: 'token', counter: 1 }),
        openSession: () => session,
        transport: {
          dial({ handlers }) {
            dials += 1;
            return Promise.resolve({ kind: 'open', socket: silentSocket(handlers) });
          },
        },
      },
      stop.signal,
    );
    await clock.pass(30 * 60_000);
    stop.abort();
    await clock.pass(60_000);
    await kept;
    expect(dials, 'dials in half an hour').to.be.above(1);
  });
});
