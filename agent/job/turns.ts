// Work of one key runs one at a time, in the order it came; other keys do not wait for it.

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#last.set(key, turn);
    const forget = (): void => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    };
    turn.then(forget, forget);
    return turn;
  }

  /** Null, at once, when the signal is aborted before the turn came: the work is not begun then, now or later. */
  async takeUnless<T>(waits: AbortSignal, key: string, work: () => Promise<T>): Promise<T | null> {
    let begun = false;
    const turn = this.take(key, async () => {
      if (waits.aborted) return null;
      begun = true;
      return await work();
    });
    const { promise: gaveUp, resolve } = Promise.withResolvers<null>();
    const giveUp = (): void => {
      if (!begun) resolve(null);
    };
    waits.addEventListener('abort', giveUp, { once: true });
    try {
      if (waits.aborted) giveUp();
      return await Promise.race([turn, gaveUp]);
    } finally {
      waits.removeEventListener('abort', giveUp);
    }
  }
}
