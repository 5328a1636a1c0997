// Keeps transactions that could be one from being many: while much comes, they begin a little apart, so that what comes meanwhile shares a sync.
// What comes alone waits for nothing.
import { setTimeout as delay } from 'node:timers/promises';

const apartMs = 4;
/** Over about so long it is counted what comes. */
const countedOverMs = 8;
/** So many entries within that time are much: 2,500 a second. */
const much = 20;

export class Pace {
  #recent = 0;
  #countedMs = performance.now();
  #begunMs = -Infinity;

  /** Resolves when the next transaction may begin; `entries` is what it has now. */
  async turn(entries: number): Promise<void> {
    const nowMs = performance.now();
    this.#recent = this.#recent * Math.exp((this.#countedMs - nowMs) / countedOverMs) + entries;
    this.#countedMs = nowMs;
    const waitMs = this.#begunMs + apartMs - nowMs;
    if (this.#recent >= much && waitMs > 0) await delay(waitMs);
    this.#begunMs = performance.now();
  }
}
