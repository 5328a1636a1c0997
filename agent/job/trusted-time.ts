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

  /**
   * For the latest start of one job, from now on: where the machine's clock was set back it goes on by the monotonic one, or the job could start
   * calls for as long as the clock was set back. Not for tokens: a clock that was ahead once would refuse them until the next start.
   */
  running(): () => number {
    const [startMs, startedMs] = [this.nowMs(), this.#clock.monotonicMs()];
    return () => Math.max(this.nowMs(), startMs + this.#clock.monotonicMs() - startedMs);
  }
}
