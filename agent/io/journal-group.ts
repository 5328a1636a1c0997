// Group commit: what is asked for in one turn of the event loop, or close together, shares one transaction, so concurrent rows share one sync.
// After a failed transaction nothing is written any more. The callers' picture in memory (chain heads, rows under way) is then ahead of the
// disk, and a later commit that succeeded would sit on a gap: the process has to restart and go on from what the disk really holds.
import { JournalError } from './journal-error.ts';
import type { Transaction } from './journal-transaction.ts';

/**
 * While much is asked for, transactions begin this far apart, so that a sync is shared by all that comes meanwhile; a row waits for no more than
 * that. Otherwise nothing waits: a job of one row takes as long as its syncs.
 */
const apartMs = 4;
/** Over about so long it is counted what is asked for. */
const countedOverMs = 8;
/** So many commits within that time are much: 2,500 a second. */
const much = 20;
/** What may wait joins a transaction that somebody waits for, or begins one after this. */
const joinsWithinMs = 20;

interface Waiting {
  readonly work: (transaction: Transaction) => void;
  readonly done: () => void;
  readonly failed: (error: JournalError) => void;
}

interface Scheduled {
  readonly mayWait: boolean;
  readonly takeBack: () => void;
}

export class GroupCommit {
  readonly #transact: (work: (transaction: Transaction) => void) => void;
  #waiting: Waiting[] = [];
  #scheduled: Scheduled | null = null;
  #recent = 0;
  #countedMs = performance.now();
  #begunMs = -Infinity;
  #stopped: JournalError | null = null;

  constructor(transact: (work: (transaction: Transaction) => void) => void) {
    this.#transact = transact;
  }

  /** Resolves with what `work` returned once it is durable. */
  add<Result>(work: (transaction: Transaction) => Result, { mayWait } = { mayWait: false }): Promise<Result> {
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
    const nowMs = performance.now();
    this.#recent = this.#recent * Math.exp((this.#countedMs - nowMs) / countedOverMs) + 1;
    this.#countedMs = nowMs;
    if (this.#scheduled?.mayWait === true && !mayWait) this.#takeBack();
    this.#scheduled ??= { mayWait, takeBack: this.#schedule(mayWait ? joinsWithinMs : this.#waitMs(nowMs)) };
    return promise;
  }

  #waitMs(nowMs: number): number {
    return this.#recent >= much ? this.#begunMs + apartMs - nowMs : 0;
  }

  /** Returns how to take it back. */
  #schedule(waitMs: number): () => void {
    if (waitMs > 0) {
      const timer = setTimeout(() => this.flush(), waitMs);
      return () => clearTimeout(timer);
    }
    // The check phase comes after all callbacks of this turn.
    const turn = setImmediate(() => this.flush());
    return () => clearImmediate(turn);
  }

  #takeBack(): void {
    this.#scheduled?.takeBack();
    this.#scheduled = null;
  }

  /** Commits what is waiting, now. */
  flush(): void {
    this.#takeBack();
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    this.#begunMs = performance.now();
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
