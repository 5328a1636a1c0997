// The Kysely dialect over node:sqlite: transactions are whole, durability is what was asked for, migrations run once.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { sql } from 'kysely';
import { Sealer } from '../../../control-plane/store/seal.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import type { Store } from '../../../control-plane/store/store.ts';

describe('control plane: SQLite store', () => {
  let folder: string;
  let store: Store;
  const open = (): Promise<Store> => openSqliteStore(join(folder, 'store.sqlite'), new Sealer(Buffer.alloc(32)));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'store-'));
    store = await open();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const insert = (db: Store['db'], name: string) =>
    db
      .insertInto('api_tokens')
      .values({ id: name, name, role: 'viewer', hash: name, created_at: Date.now() })
      .execute();
  const names = async (): Promise<string[]> =>
    (await store.db.selectFrom('api_tokens').select('name').orderBy('name').execute()).map(({ name }) => name);

  it('writes with WAL and synchronous=FULL', async () => {
    const { rows: mode } = await sql<{ journal_mode: string }>`PRAGMA journal_mode`.execute(store.db);
    const { rows: sync } = await sql<{ synchronous: number }>`PRAGMA synchronous`.execute(store.db);
    expect(mode[0]?.journal_mode).to.equal('wal');
    expect(sync[0]?.synchronous).to.equal(2);
  });

  it('rolls a failed transaction back, and goes on after it', async () => {
    const failed = store.transaction(async (tx) => {
      await insert(tx, 'lost');
      await insert(tx, 'lost');
    });
    expect(await failed.catch((error: unknown) => error)).to.be.instanceOf(Error);
    await insert(store.db, 'kept');
    expect(await names()).to.deep.equal(['kept']);
  });

  it('puts what is asked for while a transaction runs into one, and lets each piece fail alone', async () => {
    const seen: string[] = [];
    const asked = ['first', 'a', 'b', 'a', 'c'].map((name) =>
      store.transaction(async (tx) => {
        seen.push(`${name} sees ${(await tx.selectFrom('api_tokens').select('name').execute()).length}`);
        await insert(tx, name);
        if (name === 'b') throw new Error('b is taken back');
        return name;
      }),
    );
    const ended = await Promise.allSettled(asked);
    expect(ended.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(seen).to.deep.equal(['first sees 0', 'a sees 1', 'b sees 2', 'a sees 2', 'c sees 2']);
    expect(await names()).to.deep.equal(['a', 'c', 'first']);
  });

  it('tells nobody that shares a transaction before its commit, and all of them when that fails', async () => {
    await sql`CREATE TABLE strict (a INTEGER REFERENCES agents (id) DEFERRABLE INITIALLY DEFERRED)`.execute(store.db);
    const shared = [
      store.transaction((tx) => insert(tx, 'first')),
      store.transaction((tx) => insert(tx, 'with it')),
      store.transaction((tx) => sql`INSERT INTO strict VALUES (7)`.execute(tx)),
    ];
    const ended = await Promise.allSettled(shared);
    expect(ended.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'rejected']);
    await store.transaction((tx) => insert(tx, 'after it'));
    expect(await names()).to.deep.equal(['after it']);
  });

  it('lets no other query into a transaction', async () => {
    const order: string[] = [];
    const slow = store.transaction(async (tx) => {
      await insert(tx, 'a');
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push('transaction');
    });
    const outside = names().then((found) => order.push(`read ${found.length}`));
    await Promise.all([slow, outside]);
    expect(order).to.deep.equal(['transaction', 'read 1']);
  });

  it('keeps integers beyond 32 bits, bytes and nulls as they are', async () => {
    const at = 2 ** 45 + 1;
    await store.db
      .insertInto('pairing_codes')
      .values({
        code_id: 'c' as never,
        agent: 'a' as never,
        code_key: Uint8Array.from([0, 255, 1]),
        expires_at: at,
        used_by: null,
        answer: null,
      })
      .execute();
    const [row] = await store.db.selectFrom('pairing_codes').selectAll().execute();
    expect(row).to.deep.include({ expires_at: at, used_by: null });
    expect([...(row?.code_key ?? [])]).to.deep.equal([0, 255, 1]);
    const odd = store.db.insertInto('api_tokens').values({ id: true } as never);
    expect(await odd.execute().catch((error: unknown) => error)).to.be.instanceOf(TypeError);
  });

  it('keeps what is there when it is opened again', async () => {
    await insert(store.db, 'kept');
    await store.close();
    store = await open();
    expect(await names()).to.deep.equal(['kept']);
  });

  it('refuses a file that is no database', async () => {
    await writeFile(join(folder, 'other'), 'x'.repeat(8_192));
    const opened = openSqliteStore(join(folder, 'other'), new Sealer(Buffer.alloc(32)));
    expect(await opened.catch((error: unknown) => error)).to.be.instanceOf(Error);
  });
});
