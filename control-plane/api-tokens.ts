// API tokens: 256 random bits, shown once, kept as their SHA-256. The first one is written to the file `admin-token` of the data directory.
import { hash, randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Refusal, isRefusal, refuse } from '../protocol/error-codes.ts';
import type { Role } from './roles.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';
import type { Queries } from './store/store.ts';

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: number;
}

const prefix = 'iamcp_';

export async function createToken(
  db: Queries,
  token: { name: string; role: Role; nowMs: number },
): Promise<(ApiToken & { secret: string }) | Refusal> {
  const secret = newSecret();
  const made = await insertToken(db, { ...token, secret });
  return made === null ? refuse('request_invalid', `a token named ${token.name} exists; choose another name`) : made;
}

/** Null: no such token. */
export async function findToken(db: Queries, secret: string): Promise<ApiToken | null> {
  if (!secret.startsWith(prefix) || secret.length > 100) return null;
  const query = db
    .selectFrom('api_tokens')
    .selectAll()
    .where('hash', '=', hash('sha256', secret, 'hex'));
  const found = await query.executeTakeFirst();
  return found === undefined ? null : { id: found.id, name: found.name, role: found.role, createdAt: found.created_at };
}

export async function listTokens(db: Queries): Promise<ApiToken[]> {
  const found = await db.selectFrom('api_tokens').selectAll().orderBy('created_at').orderBy('id').execute();
  return found.map(({ id, name, role, created_at: createdAt }) => ({ id, name, role, createdAt }));
}

/** The last admin token stays: without it nobody could make another. */
export async function deleteToken(tx: Queries, id: string): Promise<true | Refusal> {
  const found = await tx.selectFrom('api_tokens').selectAll().where('id', '=', id).executeTakeFirst();
  if (found === undefined) return refuse('not_found', 'there is no token with this id');
  if (found.role === 'admin') {
    const admins = await tx.selectFrom('api_tokens').select('id').where('role', '=', 'admin').limit(2).execute();
    if (admins.length < 2) return refuse('request_invalid', 'this is the last admin token; create another one first');
  }
  await tx.deleteFrom('api_tokens').where('id', '=', id).execute();
  return true;
}

/** Makes the first admin token in a new data directory. The file comes first: a crash in between leaves no token that nobody knows. */
export async function ensureAdminToken(db: Queries, dataDir: string, nowMs: number): Promise<Refusal | null> {
  const known = await db.selectFrom('api_tokens').select('id').limit(1).executeTakeFirst();
  if (known !== undefined) return null;
  const path = join(dataDir, 'admin-token');
  const kept = await readSecretFile(path);
  if (isRefusal(kept)) return kept;
  const secret = kept !== null && kept.startsWith(prefix) ? kept : newSecret();
  if (secret !== kept) await writeSecretFile(path, secret);
  await insertToken(db, { name: 'admin', role: 'admin', nowMs, secret });
  return null;
}

function newSecret(): string {
  return `${prefix}${randomBytes(32).toString('base64url')}`;
}

async function insertToken(
  db: Queries,
  token: { name: string; role: Role; nowMs: number; secret: string },
): Promise<(ApiToken & { secret: string }) | null> {
  const { name, role, nowMs, secret } = token;
  const id = randomUUID();
  const made = await db
    .insertInto('api_tokens')
    .values({ id, name, role, hash: hash('sha256', secret, 'hex'), created_at: nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  return made === undefined ? null : { id, name, role, createdAt: nowMs, secret };
}
