// Transactions that are asked for while another one runs share the next one, and its sync: a thousand agents that come back at once do not
// wait for two thousand syncs. Each piece of work is whole by itself (a savepoint); what a failed commit takes with it fails for all of them.
import type { Transaction } from 'kysely';
import { sql } from 'kysely';
import type { Queries } from './store.ts';
import type { Tables } from './tables.ts';

type Tx = Transaction<Tables>;

interface Waiting {
  /** Returns how to tell who asked; to be told after the commit. */
  readonly work: (tx: Tx) => Promise<() => void>;
  readonly failed: (error: unknown) => void;
}

/** Pieces of work in one transaction: whoever only reads waits for it. */
const mostShared = 64;

export class SharedTransactions {
  readonly #db: Queries;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(db: Queries) {
    this.#db = db;
  }

  /** Resolves with what `work` returned once it is durable; rejects with what it threw, and then nothing of it is. */
  run<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({
      work: async (tx) => {
        const value = await work(tx);
        return () => resolve(value);
      },
      failed: reject,
    });
    if (!this.#running) void this.#runAll();
    return promise;
  }

  async #runAll(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const begun: Waiting[] = [];
      try {
        const tell = await this.#db.transaction().execute((tx) => this.#share(tx, begun));
        for (const told of tell) told();
      } catch (error) {
        for (const { failed } of begun) failed(error);
      }
    }
    this.#running = false;
  }

  /** Also what is asked for meanwhile, by a piece of work itself for example. */
  async #share(tx: Tx, begun: Waiting[]): Promise<(() => void)[]> {
    const tell: (() => void)[] = [];
    while (begun.length < mostShared) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      begun.push(next);
      // The first needs no savepoint: there is nothing else to keep.
      tell.push(await (begun.length === 1 ? next.work(tx) : apart(tx, next)));
    }
    return tell;
  }
}

async function apart(tx: Tx, { work, failed }: Waiting): Promise<() => void> {
  await sql`savepoint work`.execute(tx);
  try {
    return await work(tx);
  } catch (error) {
    await sql`rollback to work`.execute(tx);
    return () => failed(error);
  } finally {
    await sql`release work`.execute(tx);
  }
}
