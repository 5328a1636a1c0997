// Group commit: what is asked for in one turn of the event loop shares one transaction, so concurrent rows share one sync.
// After a failed transaction nothing is written any more. The callers' picture in memory (chain heads, rows under way) is then ahead of the
// disk, and a later commit that succeeded would sit on a gap: the process has to restart and go on from what the disk really holds.
import { JournalError } from './journal-error.ts';
import type { Transaction } from './journal-write.ts';

interface Waiting {
  readonly work: (transaction: Transaction) => void;
  readonly done: () => void;
  readonly failed: (error: JournalError) => void;
}

export class GroupCommit {
  readonly #transact: (work: (transaction: Transaction) => void) => void;
  #waiting: Waiting[] = [];
  #scheduled: NodeJS.Immediate | null = null;
  #stopped: JournalError | null = null;

  constructor(transact: (work: (transaction: Transaction) => void) => void) {
    this.#transact = transact;
  }

  /** Resolves with what `work` returned once it is durable. */
  add<Result>(work: (transaction: Transaction) => Result): Promise<Result> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    let result: { readonly value: Result } | null = null;
    this.#waiting.push({
      work: (transaction) => {
        result = { value: work(transaction) };
      },
      done: () => {
        if (result !== null) resolve(result.value);
      },
      failed: reject,
    });
    // The check phase comes after all callbacks of this turn.
    this.#scheduled ??= setImmediate(() => this.flush());
    return promise;
  }

  /** Commits what is waiting, now. */
  flush(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    try {
      this.#transact((transaction) => {
        for (const { work } of group) work(transaction);
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : 'unknown';
      this.#stopped = new JournalError('failed', `the journal could not be written (${reason}); restart the agent`, {
        cause,
      });
      for (const { failed } of group) failed(this.#stopped);
      return;
    }
    for (const { done } of group) done();
  }

  /** Commits what is waiting; everything after it rejects. */
  close(): void {
    this.flush();
    this.#stopped ??= new JournalError('closed', 'the journal was closed');
  }
}
