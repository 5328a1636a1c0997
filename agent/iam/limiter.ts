// The rate of calls to one account by one principal. AWS publishes none, so it is measured: between two refusals the hidden bucket went from
// empty to empty, and the calls accepted in that time are its refill. Pace a little under that, lean slowly over it, measure again at the
// next refusal. In simulated time this was checked against steady, shared and changing buckets.
import type { Clock } from '../job/clock.ts';

export interface BucketLimits {
  readonly callsPerSecond: number;
  readonly maxCallsPerSecond: number;
  readonly burst: number;
}

/** A call that took a token; hand it back with what came of it. */
interface Permit {
  readonly takenAtMs: number;
}

export interface TokenBucket {
  /** Waits for a token, first come first served. Rejects with the signal's reason. */
  take(signal?: AbortSignal): Promise<Permit>;
  accepted(permit: Permit): void;
  throttled(permit: Permit): void;
  /** Calls a second at present. */
  readonly rate: number;
  /** Calls that could start at once. */
  readonly tokens: number;
  /** Refusals so far. */
  readonly throttles: number;
  /** Calls that wait for a token. */
  readonly waiting: number;
}

const slowest = 0.2;
/** Pace right after a measurement, and where leaning begins to be careful, as parts of what was measured. */
const under = 0.93;
const over = 1.07;
const leanMs = 60_000;
/** Growth a second while nothing is known: the start, and beyond what was measured. */
const probe = 0.02;
const blindCut = 0.7;
/** A measurement over less than this says nothing. */
const shortestMs = 2000;
const fewest = 5;

interface Measured {
  readonly rate: number;
  readonly atMs: number;
}

class MeasuringBucket implements TokenBucket {
  readonly #limits: BucketLimits;
  readonly #clock: Clock;
  #rate: number;
  #tokens: number;
  #filledAtMs: number;
  #lastCutMs: number | null = null;
  #acceptedSinceCut = 0;
  #measured: Measured | null = null;
  #turn: Promise<void> = Promise.resolve();
  #throttles = 0;
  #waiting = 0;

  constructor(limits: BucketLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#rate = Math.min(limits.callsPerSecond, limits.maxCallsPerSecond);
    this.#tokens = Math.max(1, limits.burst);
    this.#filledAtMs = clock.monotonicMs();
  }

  get rate(): number {
    return this.#rate;
  }

  get tokens(): number {
    const passedMs = Math.max(0, this.#clock.monotonicMs() - this.#filledAtMs);
    return Math.min(Math.max(1, this.#limits.burst), this.#tokens + (passedMs / 1000) * this.#rate);
  }

  get throttles(): number {
    return this.#throttles;
  }

  get waiting(): number {
    return this.#waiting;
  }

  async take(signal?: AbortSignal): Promise<Permit> {
    signal?.throwIfAborted();
    const before = this.#turn;
    const { promise: mine, resolve: leave } = Promise.withResolvers<void>();
    this.#turn = before.then(() => mine);
    this.#waiting += 1;
    try {
      await untilAborted(before, signal);
      for (;;) {
        signal?.throwIfAborted();
        this.#fill();
        if (this.#tokens >= 1) break;
        // A timer's grain makes a shorter wait a busy loop.
        await this.#clock.sleep(Math.max(1, ((1 - this.#tokens) / this.#rate) * 1000), signal);
      }
      this.#tokens -= 1;
      return { takenAtMs: this.#clock.monotonicMs() };
    } finally {
      this.#waiting -= 1;
      leave();
    }
  }

  #fill(): void {
    const now = this.#clock.monotonicMs();
    const passedMs = Math.max(0, now - this.#filledAtMs);
    // Only a rate that was in use may grow: idle time proves nothing.
    if (this.#tokens < 1) this.#lean(now, passedMs);
    this.#tokens = Math.min(Math.max(1, this.#limits.burst), this.#tokens + (passedMs / 1000) * this.#rate);
    this.#filledAtMs = now;
  }

  #lean(now: number, passedMs: number): void {
    const grown = this.#rate * (1 + (probe * passedMs) / 1000);
    const known = this.#measured;
    if (known === null || this.#rate >= known.rate * over) this.#set(grown);
    else this.#set(Math.max(this.#rate, known.rate * (under + ((over - under) * (now - known.atMs)) / leanMs)));
  }

  #set(rate: number): void {
    this.#rate = Math.min(this.#limits.maxCallsPerSecond, Math.max(slowest, rate));
  }

  accepted(permit: Permit): void {
    if (this.#lastCutMs === null || permit.takenAtMs >= this.#lastCutMs) this.#acceptedSinceCut += 1;
  }

  throttled(permit: Permit): void {
    this.#throttles += 1;
    const now = this.#clock.monotonicMs();
    // One cut an emptying: calls that were under way at the cut belong to it.
    if (this.#lastCutMs !== null && permit.takenAtMs <= this.#lastCutMs) return;
    const sinceMs = this.#lastCutMs === null ? null : now - this.#lastCutMs;
    if (sinceMs !== null && sinceMs >= shortestMs && this.#acceptedSinceCut >= fewest) {
      // Idle time within the interval would make the measure too small: half is the most that one refusal takes.
      const rate = Math.min(this.#rate, Math.max(this.#rate / 2, (this.#acceptedSinceCut / sinceMs) * 1000));
      this.#measured = { rate, atMs: now };
      this.#set(rate * under);
    } else {
      this.#measured = null;
      this.#set(this.#rate * blindCut);
    }
    this.#lastCutMs = now;
    this.#acceptedSinceCut = 0;
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
