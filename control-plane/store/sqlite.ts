// The embedded store: Kysely over node:sqlite. WAL and synchronous=FULL, because a commit gates every promise that the protocol makes.
// The file holds one connection; Kysely lets one transaction at a time have it.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  type DialectAdapter,
  Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteStatement,
} from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from './migrations.ts';
import type { Sealer } from './seal.ts';
import { SharedTransactions } from './shared-transactions.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

const keptStatements = 200;

/** DDL does take part in SQLite's transactions, so a half-done migration never stays. */
class NodeSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class NodeSqliteDialect extends SqliteDialect {
  override createAdapter(): DialectAdapter {
    return new NodeSqliteAdapter();
  }
}

/** @throws when the file is damaged or from a newer version. */
export async function openSqliteStore(path: string, sealer: Sealer): Promise<Store> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect({ database: asKyselyDatabase(database) }) });
  const provider = { getMigrations: () => Promise.resolve(migrations('blob')) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    throw new Error(`the store ${path} could not be brought to this version`, { cause: error });
  }
  const transactions = new SharedTransactions(db);
  return {
    db,
    sealer,
    transaction: (work) => transactions.run(work),
    close: () => db.destroy(),
  };
}

function asKyselyDatabase(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => database.isOpen && database.close(),
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const made = asKyselyStatement(database.prepare(sql));
      const [oldest] = statements.keys();
      if (statements.size >= keptStatements && oldest !== undefined) statements.delete(oldest);
      statements.set(sql, made);
      return made;
    },
  };
}

function asKyselyStatement(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...parameters.map(bindable)),
    run: (parameters) => statement.run(...parameters.map(bindable)),
    iterate: (parameters) => statement.iterate(...parameters.map(bindable)),
  };
}

function bindable(value: unknown): SQLInputValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`a ${typeof value} cannot be stored`);
}
