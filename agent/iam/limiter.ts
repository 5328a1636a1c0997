// The token bucket of one principal: calls take a token each, first come first served, at the rate that is learned from what AWS answers.
import type { Clock } from '../job/clock.ts';
import { LearnedRate, type RateLimits } from './learned-rate.ts';

export interface BucketLimits extends RateLimits {
  /** Calls that may start at once after a pause. */
  readonly burst: number;
}

/** A call that took a token; hand it back with what came of it. */
export interface Permit {
  readonly takenAtMs: number;
}

export interface TokenBucket {
  /** A token that is there, when nobody waits for one; else null. */
  takeNow(): Permit | null;
  /** Waits for a token, first come first served. Rejects with the signal's reason. */
  take(signal?: AbortSignal): Promise<Permit>;
  accepted(permit: Permit): void;
  throttled(permit: Permit): void;
  /** Another user of the bucket has this ceiling: the lowest of all holds. */
  keepWithin(maxCallsPerSecond: number): void;
  /** Calls a second at present. */
  readonly rate: number;
  /** Calls that could start at once. */
  readonly tokens: number;
  /** Refusals so far. */
  readonly throttles: number;
}

class MeasuringBucket implements TokenBucket {
  readonly #burst: number;
  readonly #clock: Clock;
  readonly #rate: LearnedRate;
  #tokens: number;
  #filledAtMs: number;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #throttles = 0;

  constructor(limits: BucketLimits, clock: Clock) {
    this.#burst = Math.max(1, limits.burst);
    this.#clock = clock;
    this.#rate = new LearnedRate(limits);
    this.#tokens = this.#burst;
    this.#filledAtMs = clock.monotonicMs();
  }

  get rate(): number {
    return this.#rate.perSecond;
  }

  get tokens(): number {
    this.#fill(this.#clock.monotonicMs());
    return this.#tokens;
  }

  get throttles(): number {
    return this.#throttles;
  }

  keepWithin(maxCallsPerSecond: number): void {
    this.#rate.keepWithin(maxCallsPerSecond);
  }

  takeNow(): Permit | null {
    if (this.#waiting > 0) return null;
    const now = this.#clock.monotonicMs();
    this.#fill(now);
    if (this.#tokens < 1) return null;
    this.#tokens -= 1;
    return { takenAtMs: now };
  }

  async take(signal?: AbortSignal): Promise<Permit> {
    signal?.throwIfAborted();
    const permit = this.takeNow();
    if (permit !== null) return permit;
    this.#waiting += 1;
    const before = this.#turn;
    const { promise: mine, resolve: leave } = Promise.withResolvers<void>();
    this.#turn = before.then(() => mine);
    try {
      await untilAborted(before, signal);
      signal?.throwIfAborted();
      this.#fill(this.#clock.monotonicMs());
      while (this.#tokens < 1) await this.#wait(signal);
      this.#tokens -= 1;
      return { takenAtMs: this.#clock.monotonicMs() };
    } finally {
      this.#waiting -= 1;
      leave();
    }
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const fromMs = this.#clock.monotonicMs();
    // A timer's grain makes a shorter wait a busy loop.
    await this.#clock.sleep(Math.max(1, ((1 - this.#tokens) / this.rate) * 1000), signal);
    const now = this.#clock.monotonicMs();
    this.#rate.waited(now - fromMs);
    this.#fill(now);
  }

  #fill(now: number): void {
    const passedMs = Math.max(0, now - this.#filledAtMs);
    const tokens = this.#tokens + (passedMs / 1000) * this.rate;
    // Full, and still nobody came.
    if (tokens > this.#burst + 1) this.#rate.idled();
    this.#tokens = Math.min(this.#burst, tokens);
    this.#filledAtMs = now;
  }

  accepted({ takenAtMs }: Permit): void {
    this.#rate.accepted(takenAtMs);
  }

  throttled({ takenAtMs }: Permit): void {
    this.#throttles += 1;
    const now = this.#clock.monotonicMs();
    if (!this.#rate.refused(takenAtMs, now)) return;
    this.#filledAtMs = now;
    this.#tokens = 0;
  }
}

async function untilAborted(turn: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await turn;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([turn, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export function createTokenBucket(limits: BucketLimits, clock: Clock): TokenBucket {
  return new MeasuringBucket(limits, clock);
}
