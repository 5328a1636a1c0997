// A signal for the calls under way: it aborts with the caller's own, and when the owner closes. Calls with the same signal of their caller share
// one, which is forgotten when the last of them ends. AbortSignal.any would do the same, but it leaves a weak reference on the long-lived
// signal for every call, and a million rows would leave a million.

interface Shared {
  readonly controller: AbortController;
  readonly follow: () => void;
  users: number;
}

export class CallSignals {
  readonly #open = new Map<AbortSignal, Shared>();
  #closed: Error | null = null;

  /** Runs `work` with a signal that aborts with `signal` or at close. */
  async run<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const shared = this.#enter(signal);
    try {
      return await work(shared.controller.signal);
    } finally {
      this.#leave(signal, shared);
    }
  }

  /** Aborts every call under way, and each that comes later. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const { controller } of this.#open.values()) controller.abort(reason);
  }

  #enter(signal: AbortSignal): Shared {
    let shared = this.#open.get(signal);
    if (shared === undefined) {
      const controller = new AbortController();
      const follow = (): void => controller.abort(signal.reason);
      shared = { controller, follow, users: 0 };
      this.#open.set(signal, shared);
      if (signal.aborted) follow();
      else signal.addEventListener('abort', follow, { once: true });
      if (this.#closed !== null) controller.abort(this.#closed);
    }
    shared.users += 1;
    return shared;
  }

  #leave(signal: AbortSignal, shared: Shared): void {
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#open.delete(signal);
    signal.removeEventListener('abort', shared.follow);
  }
}
