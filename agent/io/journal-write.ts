// Runs the journal's transactions one after the other: each raises the counter by one and has a chain value over everything that was ever
// written.
import type { DatabaseSync } from 'node:sqlite';
import { integerOf } from './journal-columns.ts';
import { RunWriter } from './journal-runs.ts';
import type { Meta } from './journal-schema.ts';
import type { Sealer } from './journal-seal.ts';
import { type Prepared, prepareAll } from './journal-statements.ts';
import { OpenTransaction, type Transaction } from './journal-transaction.ts';

export class JournalWriter {
  readonly #database: DatabaseSync;
  readonly #sealer: Sealer;
  readonly #sql: Prepared;
  readonly #runs: RunWriter;
  #counter: number;
  #chain: Uint8Array;
  #spoolBytes: number;
  #keptBytes: number;
  #anyProgress: boolean;

  constructor(database: DatabaseSync, meta: Meta) {
    this.#database = database;
    this.#sealer = meta.sealer;
    this.#counter = meta.counter;
    this.#chain = meta.chain;
    this.#sql = prepareAll(database);
    this.#runs = new RunWriter(database);
    this.#spoolBytes = integerOf(this.#sql.unackedBytes.get(), 'bytes');
    this.#keptBytes = integerOf(this.#sql.keptBytes.get(), 'bytes');
    this.#anyProgress = integerOf(this.#sql.anyProgress.get(), 'found') === 1;
  }

  get spoolBytes(): number {
    return this.#spoolBytes;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Runs `work` and makes it durable before it returns. @throws whatever failed, with nothing of it stored. */
  transaction(work: (transaction: Transaction) => void): void {
    const before = { counter: this.#counter, chain: this.#chain, anyProgress: this.#anyProgress };
    const open = new OpenTransaction({ sql: this.#sql, runs: this.#runs }, this.#sealer, before);
    this.#sql.begin.run();
    try {
      work(open);
      const chain = open.finish();
      this.#sql.meta.run(open.counter, chain);
      this.#sql.commit.run();
      this.#counter = open.counter;
      this.#chain = chain;
      this.#anyProgress = open.anyProgress;
      // Summed only when a purge took entries that nobody had acknowledged, which a finished job does not have.
      this.#spoolBytes = open.recount
        ? integerOf(this.#sql.unackedBytes.get(), 'bytes')
        : this.#spoolBytes + open.spoolChange;
      this.#keptBytes = open.recountKept
        ? integerOf(this.#sql.keptBytes.get(), 'bytes')
        : this.#keptBytes + open.keptChange;
    } catch (error) {
      // SQLite may have rolled back already (disk full, I/O error).
      if (this.#database.isTransaction) this.#sql.rollback.run();
      throw error;
    }
  }
}
