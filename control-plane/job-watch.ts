// What is known of jobs in memory only: the last progress an agent told, and who waits for something to change. Nothing here is a promise;
// whoever was woken reads the store.
import type { JobId } from '../protocol/ids.ts';

export interface Progress {
  readonly done: number;
  readonly failed: number;
  readonly waiting: number;
  readonly reason: string;
  readonly callsPerSecond?: number;
  readonly leftMs?: number;
}

export interface Listener {
  /** True when the job changed since the last wait (or since `listen`), false after `timeoutMs` or when `signal` aborts. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  close(): void;
}

interface Bell {
  rung: boolean;
  wake: (() => void) | null;
}

/** An agent tells once a second. What one said that has been silent for longer no longer holds: it is away, or busy. */
const heldForMs = 15_000;

export class JobWatch {
  readonly #bells = new Map<JobId, Set<Bell>>();
  readonly #progress = new Map<JobId, { readonly told: Progress; readonly atMs: number }>();
  readonly #nowMs: () => number;

  /** `nowMs`: milliseconds that never go back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  tell(job: JobId, progress: Progress): void {
    this.#progress.set(job, { told: progress, atMs: this.#nowMs() });
  }

  /** What the job's agent said last; null when that is too long ago. */
  progress(job: JobId): Progress | null {
    const last = this.#progress.get(job);
    return last === undefined || this.#nowMs() - last.atMs > heldForMs ? null : last.told;
  }

  /** The job has ended: what its agent said last no longer holds. */
  forget(job: JobId): void {
    this.#progress.delete(job);
  }

  notify(job: JobId): void {
    for (const bell of this.#bells.get(job) ?? []) {
      bell.rung = true;
      bell.wake?.();
    }
  }

  /** Listen before reading the store, so that no change falls in between. */
  listen(job: JobId): Listener {
    const bell: Bell = { rung: false, wake: null };
    const bells = this.#bells.get(job) ?? new Set();
    bells.add(bell);
    this.#bells.set(job, bells);
    return {
      changed: (timeoutMs, signal) => waitFor(bell, timeoutMs, signal),
      close: () => {
        bells.delete(bell);
        if (bells.size === 0 && this.#bells.get(job) === bells) this.#bells.delete(job);
      },
    };
  }
}

async function waitFor(bell: Bell, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  if (!bell.rung && !signal.aborted) {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        bell.wake = null;
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener('abort', done, { once: true });
      bell.wake = done;
    });
  }
  const { rung } = bell;
  bell.rung = false;
  return rung;
}
