// A signal for each call under way: it aborts with the caller's own, and when the owner closes. AbortSignal.any would do the same, but it
// leaves a weak reference on the long-lived signal for every call, and a million rows would leave a million.

export class CallSignals {
  readonly #open = new Set<AbortController>();
  #closed = false;

  /** Runs `work` with a signal of its own, which is forgotten when the work ends. */
  async run<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const own = new AbortController();
    const follow = (): void => own.abort(signal.reason);
    signal.addEventListener('abort', follow, { once: true });
    this.#open.add(own);
    try {
      if (signal.aborted) follow();
      if (this.#closed) own.abort();
      return await work(own.signal);
    } finally {
      signal.removeEventListener('abort', follow);
      this.#open.delete(own);
    }
  }

  /** Aborts every call under way, and each that comes later. */
  close(reason: Error): void {
    this.#closed = true;
    for (const controller of this.#open) controller.abort(reason);
  }
}
