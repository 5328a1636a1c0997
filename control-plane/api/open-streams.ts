// How many result streams are open, by API token and in all. A stream costs a socket, a listener and a page of memory for as long as its reader
// likes, so no caller may open more and more of them.
import { type Refusal, refuse } from '../../protocol/error-codes.ts';

export interface StreamLimits {
  readonly perToken: number;
  readonly total: number;
}

export const streamLimits: StreamLimits = { perToken: 100, total: 1_000 };

export class OpenStreams {
  readonly #limits: StreamLimits;
  readonly #open = new Map<string, number>();
  #total = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  /** What gives the place back (once, however often it is called), or why there is none. */
  take(token: string): (() => void) | Refusal {
    const { perToken, total } = this.#limits;
    const own = this.#open.get(token) ?? 0;
    if (own >= perToken)
      return refuse(
        'too_many_requests',
        `expected at most ${perToken} open result streams of one token, found ${own}; close some, or try again later`,
      );
    if (this.#total >= total)
      return refuse(
        'too_many_requests',
        `expected at most ${total} open result streams in all, found ${this.#total}; try again later`,
      );
    this.#open.set(token, own + 1);
    this.#total += 1;
    let held = true;
    return () => {
      if (held) this.#release(token);
      held = false;
    };
  }

  #release(token: string): void {
    const left = (this.#open.get(token) ?? 1) - 1;
    if (left > 0) this.#open.set(token, left);
    else this.#open.delete(token);
    this.#total -= 1;
  }
}
