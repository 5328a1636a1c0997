// Keeps transactions that could be one from being many: under load they begin a little apart, so that what comes meanwhile shares a sync. A few
// are free after a pause, so that what comes alone does not wait.
import { setTimeout as delay } from 'node:timers/promises';

const apartMs = 4;
const freeAtOnce = 4;

export class Pace {
  #free = freeAtOnce;
  #countedMs = performance.now();

  /** Resolves when the next transaction may begin. */
  async turn(): Promise<void> {
    this.#count();
    if (this.#free < 1) {
      await delay((1 - this.#free) * apartMs);
      this.#count();
    }
    this.#free -= 1;
  }

  #count(): void {
    const nowMs = performance.now();
    this.#free = Math.min(freeAtOnce, this.#free + (nowMs - this.#countedMs) / apartMs);
    this.#countedMs = nowMs;
  }
}
