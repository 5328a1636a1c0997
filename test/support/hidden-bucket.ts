// What AWS might do: a token bucket whose rate and size nobody tells. The rate may change, and others may use the bucket too.
import type { Clock } from '../../agent/job/clock.ts';

export interface HiddenBucketOptions {
  /** Tokens a second, by milliseconds since the bucket was made. */
  readonly rateAt: (ms: number) => number;
  readonly burst: number;
}

export class HiddenBucket {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #options: HiddenBucketOptions;
  readonly #startMs: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(clock: Pick<Clock, 'monotonicMs'>, options: HiddenBucketOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#tokens = options.burst;
    this.#startMs = clock.monotonicMs();
    this.#filledAtMs = this.#startMs;
  }

  /** False: refused; a refusal takes no token. */
  take(): boolean {
    const now = this.#clock.monotonicMs();
    const rate = this.#options.rateAt(now - this.#startMs);
    this.#tokens = Math.min(this.#options.burst, this.#tokens + ((now - this.#filledAtMs) / 1000) * rate);
    this.#filledAtMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
