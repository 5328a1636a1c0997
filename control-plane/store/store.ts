// What the rest of the control plane knows of its database: typed queries, one way to make a transaction, and the sealer.
import type { Kysely, Transaction } from 'kysely';
import type { Sealer } from './seal.ts';
import type { Tables } from './tables.ts';

/** A transaction or, for single reads, the database itself. */
export type Queries = Kysely<Tables>;

export interface Store {
  readonly db: Queries;
  readonly sealer: Sealer;
  /** All or nothing, serialised against every other one, and durable when it resolves. Nothing but queries is awaited inside. */
  transaction<T>(work: (tx: Transaction<Tables>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
