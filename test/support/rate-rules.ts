// Other rules for the rate of calls, to compare the agent's with: two textbook ones (AIMD, CUBIC), and the adaptive modes of the AWS SDK and of
// botocore, written after their sources with a clock that can be simulated.
import { createTokenBucket, type BucketLimits } from '../../agent/iam/limiter.ts';
import { decideRetry } from '../../agent/iam/retry.ts';
import type { Clock } from '../../agent/job/clock.ts';

/** What a rule decides: when a call may go, and what an answer teaches. */
export interface RateRule {
  take(): Promise<RuleAnswer>;
  /** Milliseconds until a refused call is made again, `attempts` attempts after the first began; null: it has failed. */
  retryAfter(attempts: number, elapsedMs: number): number | null;
  /** A row ended well after so many attempts. */
  succeeded(attempts: number): void;
}

interface RuleAnswer {
  accepted(): void;
  throttled(): void;
}

export type MakeRule = (clock: Clock, limits: BucketLimits) => RateRule;

const ourRetries = (clock: Clock): Pick<RateRule, 'retryAfter' | 'succeeded'> => ({
  retryAfter: (attempts, elapsedMs) => {
    const tries = { attempts, elapsedMs, budgetMs: 120_000, random: clock.random(), askedMs: null };
    const decision = decideRetry('throttled', 'safe', tries);
    return decision.kind === 'again' ? decision.afterMs : null;
  },
  succeeded: () => undefined,
});

export const ours: MakeRule = (clock, limits) => {
  const bucket = createTokenBucket(limits, clock);
  return {
    take: async () => {
      const permit = await bucket.take();
      return { accepted: () => bucket.accepted(permit), throttled: () => bucket.throttled(permit) };
    },
    ...ourRetries(clock),
  };
};

/** A plain token bucket; how its rate changes is the rule. Each emptying of the hidden bucket counts once. */
class PacedRule {
  protected readonly clock: Clock;
  protected readonly limits: BucketLimits;
  protected rate: number;
  #tokens: number;
  #filledAtMs: number;
  #cutAtMs = -Infinity;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, limits: BucketLimits) {
    this.clock = clock;
    this.limits = limits;
    this.rate = limits.callsPerSecond;
    this.#tokens = limits.burst;
    this.#filledAtMs = clock.monotonicMs();
  }

  take(): Promise<RuleAnswer> {
    const mine = this.#turn.then(async () => await this.#token());
    this.#turn = mine;
    return mine;
  }

  async #token(): Promise<RuleAnswer> {
    for (;;) {
      const now = this.clock.monotonicMs();
      const passed = (now - this.#filledAtMs) / 1000;
      this.#filledAtMs = now;
      if (this.#tokens < 1) this.rate = Math.min(this.limits.maxCallsPerSecond, this.grown(now, passed));
      this.#tokens = Math.min(this.limits.burst, this.#tokens + passed * this.rate);
      if (this.#tokens >= 1) break;
      await this.clock.sleep(Math.max(1, ((1 - this.#tokens) / this.rate) * 1000));
    }
    this.#tokens -= 1;
    const takenAtMs = this.clock.monotonicMs();
    return { accepted: () => undefined, throttled: () => this.#throttled(takenAtMs) };
  }

  #throttled(takenAtMs: number): void {
    if (takenAtMs <= this.#cutAtMs) return;
    this.#cutAtMs = this.clock.monotonicMs();
    this.#tokens = 0;
    this.rate = Math.max(0.2, this.cut(this.#cutAtMs));
  }

  protected grown(_nowMs: number, _passedSeconds: number): number {
    return this.rate;
  }

  protected cut(_nowMs: number): number {
    return this.rate;
  }
}

/** Additive increase, multiplicative decrease, after a slow start: the rule of TCP Reno, with a second for a round trip. */
class Aimd extends PacedRule {
  #started = false;

  protected override grown(_nowMs: number, passedSeconds: number): number {
    return this.#started ? this.rate + passedSeconds : this.rate * 2 ** passedSeconds;
  }

  protected override cut(): number {
    this.#started = true;
    return this.rate / 2;
  }
}

/** RFC 9438's window function, of the rate, after a slow start. */
class Cubic extends PacedRule {
  #last: { readonly max: number; readonly atMs: number } | null = null;

  protected override grown(nowMs: number, passedSeconds: number): number {
    if (this.#last === null) return this.rate * 2 ** passedSeconds;
    const k = Math.cbrt((this.#last.max * 0.3) / 0.4);
    return Math.max(this.rate, 0.4 * ((nowMs - this.#last.atMs) / 1000 - k) ** 3 + this.#last.max);
  }

  protected override cut(nowMs: number): number {
    this.#last = { max: this.rate, atMs: nowMs };
    return this.rate * 0.7;
  }
}

const paced =
  (Rule: new (clock: Clock, limits: BucketLimits) => PacedRule): MakeRule =>
  (clock, limits) => {
    const rule = new Rule(clock, limits);
    return { take: async () => await rule.take(), ...ourRetries(clock) };
  };

export const aimd = paced(Aimd);
export const cubic = paced(Cubic);

/** Both adaptive modes retry by the same numbers: three attempts, a second doubled with full jitter, 500 tokens of which a retry takes five. */
function threeAttempts(clock: Clock): Pick<RateRule, 'retryAfter' | 'succeeded'> {
  const most = 500;
  let quota = most;
  return {
    retryAfter: (attempts) => {
      if (attempts >= 3 || quota < 5) return null;
      quota -= 5;
      return clock.random() * Math.min(1000 * 2 ** (attempts - 1), 20_000);
    },
    succeeded: (attempts) => {
      quota = Math.min(most, quota + (attempts > 1 ? 5 : 1));
    },
  };
}

/** Sources: @smithy/core, submodules/retry/util-retry/DefaultRateLimiter and AdaptiveRetryStrategy. */
export const sdkAdaptive: MakeRule = (clock) => {
  const nowSeconds = (): number => clock.monotonicMs() / 1000;
  const minFillRate = 0.5;
  const rates = { fill: minFillRate, lastMax: 0, measured: 0, capacity: 1, tokens: 0 };
  const seen = { requests: 0, throttleAt: nowSeconds(), bucketAt: Math.floor(nowSeconds()), filledAt: 0 };
  let enabled = false;
  const refill = (): void => {
    const now = nowSeconds();
    if (seen.filledAt !== 0) rates.tokens = Math.min(rates.capacity, rates.tokens + (now - seen.filledAt) * rates.fill);
    seen.filledAt = now;
  };
  const measure = (): void => {
    const half = Math.floor(nowSeconds() * 2) / 2;
    seen.requests += 1;
    if (half <= seen.bucketAt) return;
    rates.measured = (seen.requests / (half - seen.bucketAt)) * 0.8 + rates.measured * 0.2;
    seen.requests = 0;
    seen.bucketAt = half;
  };
  const update = (throttled: boolean): void => {
    measure();
    let calculated: number;
    if (throttled) {
      rates.lastMax = enabled ? Math.min(rates.measured, rates.fill) : rates.measured;
      seen.throttleAt = nowSeconds();
      calculated = rates.lastMax * 0.7;
      enabled = true;
    } else {
      const window = Math.cbrt((rates.lastMax * 0.3) / 0.4);
      calculated = 0.4 * (nowSeconds() - seen.throttleAt - window) ** 3 + rates.lastMax;
    }
    const next = Math.min(calculated, 2 * rates.measured);
    refill();
    rates.fill = Math.max(next, minFillRate);
    rates.capacity = Math.max(next, 1);
    rates.tokens = Math.min(rates.tokens, rates.capacity);
  };
  const take: RateRule['take'] = async () => {
    if (enabled) {
      refill();
      while (rates.tokens < 1) {
        await clock.sleep(Math.max(1, ((1 - rates.tokens) / rates.fill) * 1000));
        refill();
      }
      rates.tokens -= 1;
    }
    return { accepted: () => update(false), throttled: () => update(true) };
  };
  return { take, ...threeAttempts(clock) };
};

/** Sources: botocore/retries/adaptive.py (ClientRateLimiter, RateClocker), throttling.py (CubicCalculator), bucket.py (TokenBucket). */
export const botocoreAdaptive: MakeRule = (clock) => {
  const nowSeconds = (): number => clock.monotonicMs() / 1000;
  const minRate = 0.5;
  const bucket = { fill: 1, capacity: 1, tokens: 0, filledAt: nowSeconds() };
  const clocker = { rate: 0, lastBucket: Math.floor(nowSeconds()), count: 0 };
  const cubicState = { max: 0, k: 0, lastFail: nowSeconds() };
  const waiting: (() => void)[] = [];
  let enabled = false;
  const refill = (): void => {
    const now = nowSeconds();
    bucket.tokens = Math.min(bucket.capacity, bucket.tokens + (now - bucket.filledAt) * bucket.fill);
    bucket.filledAt = now;
  };
  const record = (): number => {
    const half = Math.floor(nowSeconds() * 2) / 2;
    clocker.count += 1;
    if (half > clocker.lastBucket) {
      clocker.rate = (clocker.count / (half - clocker.lastBucket)) * 0.8 + clocker.rate * 0.2;
      clocker.count = 0;
      clocker.lastBucket = half;
    }
    return clocker.rate;
  };
  const received = (throttled: boolean): void => {
    const measured = record();
    let next: number;
    if (throttled) {
      const current = enabled ? Math.min(measured, bucket.fill) : measured;
      Object.assign(cubicState, { max: current, k: Math.cbrt((current * 0.3) / 0.4), lastFail: nowSeconds() });
      next = current * 0.7;
      enabled = true;
    } else next = 0.4 * (nowSeconds() - cubicState.lastFail - cubicState.k) ** 3 + cubicState.max;
    const rate = Math.min(next, 2 * measured);
    refill();
    bucket.fill = Math.max(rate, minRate);
    bucket.capacity = rate >= 1 ? rate : 1;
    bucket.tokens = Math.min(bucket.tokens, bucket.capacity);
    waiting.shift()?.();
  };
  const take: RateRule['take'] = async () => {
    if (enabled) {
      refill();
      while (bucket.tokens < 1) {
        const { promise: notified, resolve } = Promise.withResolvers<void>();
        const woken = new AbortController();
        waiting.push(resolve);
        const sleepMs = Math.max(1, ((1 - bucket.tokens) / bucket.fill) * 1000);
        const slept = clock.sleep(sleepMs, woken.signal).catch(() => undefined);
        await Promise.race([slept, notified]);
        woken.abort(new Error('woken'));
        const at = waiting.indexOf(resolve);
        if (at !== -1) waiting.splice(at, 1);
        refill();
      }
      bucket.tokens -= 1;
    }
    return { accepted: () => received(false), throttled: () => received(true) };
  };
  return { take, ...threeAttempts(clock) };
};
