// The time that decides about tokens: never less than any time seen before, across restarts too, so a clock set back gains nothing.
import type { Clock } from './clock.ts';

export class TrustedTime {
  #highWaterMs: number;
  readonly #clock: Clock;

  constructor(clock: Clock, highWaterMs: number) {
    this.#clock = clock;
    this.#highWaterMs = highWaterMs;
  }

  /** Milliseconds since the Unix epoch. */
  nowMs(): number {
    this.#highWaterMs = Math.max(this.#highWaterMs, this.#clock.now());
    return this.#highWaterMs;
  }
}
