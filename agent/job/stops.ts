// Why and how the rows of one job stop. Two signals, because two things can be asked for: that nothing further begins, and that reads under way
// are cut off too. Nothing cuts off a change under way.

/** Why no further call may leave for a row. `interrupted`: the job is not this process's any more; its row stays as it is. */
export type Stop = 'expired' | 'cancelled' | 'row_deadline' | 'interrupted';

export interface StopSignals {
  /** Aborted when no further attempt may be made: waits end at once, a call under way goes on. */
  readonly waits: AbortSignal;
  /** Aborted when reads under way are cut off; `waits` is aborted by then. */
  readonly reads: AbortSignal;
}

export class JobStops implements StopSignals {
  readonly #waits = new AbortController();
  readonly #reads = new AbortController();
  readonly #forget: () => void;

  /** `drain`: nothing further begins in this process. `signal`: it stops now. */
  constructor(drain: AbortSignal, signal: AbortSignal) {
    const begin = (): void => this.begin();
    const cut = (): void => this.cut();
    drain.addEventListener('abort', begin, { once: true });
    signal.addEventListener('abort', cut, { once: true });
    if (drain.aborted) begin();
    if (signal.aborted) cut();
    this.#forget = () => {
      drain.removeEventListener('abort', begin);
      signal.removeEventListener('abort', cut);
    };
  }

  get waits(): AbortSignal {
    return this.#waits.signal;
  }

  get reads(): AbortSignal {
    return this.#reads.signal;
  }

  /** Nothing further begins. */
  begin(): void {
    this.#waits.abort();
  }

  cut(): void {
    this.#waits.abort();
    this.#reads.abort();
  }

  /** The job has no row under way any more. */
  over(): void {
    this.#forget();
  }
}
