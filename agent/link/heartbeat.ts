// Finds links that are dead and do not say so (a firewall that forgot them, a host that went away): two pings without an answer end the link.
import type { Clock } from '../job/clock.ts';
import type { LinkSocket } from './transport.ts';

const maxMissed = 2;

export class Heartbeat {
  #missed = 0;
  readonly #socket: LinkSocket;
  readonly #clock: Clock;

  constructor(socket: LinkSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  /** Anything that came from the peer shows that it lives. */
  heard(): void {
    this.#missed = 0;
  }

  /** Pings until aborted. `lost` is called once, when two answers were missed. */
  async run(intervalMs: number, lost: () => void, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#clock.sleep(intervalMs, signal);
        if (this.#missed >= maxMissed) {
          lost();
          return;
        }
        this.#missed += 1;
        this.#socket.ping();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
