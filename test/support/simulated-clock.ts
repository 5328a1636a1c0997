// Time that passes only when nothing else can happen: the earliest sleeper is woken, then the clock stands at its time. Hours of pacing run in
// milliseconds, and the same seed gives the same run.
import type { Clock } from '../../agent/job/clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export class SimulatedClock implements Clock {
  #nowMs = 0;
  #seed: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(seed = 1) {
    this.#seed = seed;
  }

  now(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  random(): number {
    // mulberry32
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { atMs: this.#nowMs + Math.max(0, ms), wake: resolve };
    const onAbort = (): void => {
      this.#sleepers.delete(sleeper);
      reject(signal?.reason as Error);
    };
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', onAbort, { once: true });
    await promise;
    signal?.removeEventListener('abort', onAbort);
  }

  /** Runs until `work` is done. Work that sleeps must be the only work there is. */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { done: false };
    const finish = (): void => {
      state.done = true;
    };
    work.then(finish, finish);
    while (!state.done) {
      await settle();
      if (!state.done && this.#sleepers.size === 0) await settle();
      this.#wakeNext();
    }
    return await work;
  }

  #wakeNext(): void {
    let next: Sleeper | null = null;
    for (const sleeper of this.#sleepers) if (next === null || sleeper.atMs < next.atMs) next = sleeper;
    if (next === null) return;
    this.#sleepers.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.wake();
  }
}

/** Lets every promise that can go on do so. */
async function settle(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  await promise;
}
