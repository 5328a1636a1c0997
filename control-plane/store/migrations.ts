// The schema, step by step. A step that was released is never edited: what changes is a new step.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** How a database calls a column of bytes. */
export type BytesType = 'blob' | 'bytea';

export function migrations(bytes: BytesType): Record<string, Migration> {
  return {
    '0001-first': { up: (db) => first(db, bytes) },
    '0002-session-iat': { up: sessionIat },
    '0003-result-blocks': { up: resultBlocks },
  };
}

async function first(db: Kysely<unknown>, bytes: BytesType): Promise<void> {
  await agentTables(db, bytes);
  await jobsTable(db, bytes);
  await db.schema
    .createTable('job_rows')
    .addColumn('job', 'text', (column) => column.notNull())
    .addColumn('chunk', 'integer', (column) => column.notNull())
    .addColumn('rows', 'integer', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('body', bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint('job_rows_key', ['job', 'chunk'])
    .execute();
  await db.schema
    .createTable('results')
    .addColumn('job', 'text', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('line', bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint('results_key', ['job', 'sequence'])
    .execute();
  await db.schema
    .createTable('idempotency')
    .addColumn('sub', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('body_digest', 'text', (column) => column.notNull())
    .addColumn('job', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('idempotency_key', ['sub', 'key'])
    .execute();
}

/** Zero for agents that are there: their first new session sets it. */
async function sessionIat(db: Kysely<unknown>): Promise<void> {
  // One column a statement: SQLite adds no two at once.
  for (const name of ['session_iat', 'session_iat_at', 'fence_counter', 'fence_iat'])
    await db.schema
      .alterTable('agents')
      .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
      .execute();
}

/** Lines that came in one frame share one record from here on; those that are there become blocks of one. */
async function resultBlocks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('results')
    .addColumn('count', 'integer', (column) => column.notNull().defaultTo(1))
    .execute();
}

async function agentTables(db: Kysely<unknown>, bytes: BytesType): Promise<void> {
  await db.schema
    .createTable('agents')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('public_key', 'text')
    .addColumn('key_id', 'text', (column) => column.unique())
    .addColumn('paired_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('last_seen_at', 'bigint')
    .addColumn('session_counter', 'bigint', (column) => column.notNull())
    .addColumn('conflict_counter', 'bigint')
    .addColumn('version', 'text')
    .addColumn('connections', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('pairing_codes')
    .addColumn('code_id', 'text', (column) => column.primaryKey())
    .addColumn('agent', 'text', (column) => column.notNull())
    .addColumn('code_key', bytes, (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('used_by', 'text')
    .addColumn('answer', 'text')
    .execute();
  await db.schema
    .createTable('key_set_steps')
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .addColumn('key_set', 'text', (column) => column.notNull())
    .addColumn('step', 'text')
    .execute();
  await db.schema
    .createTable('api_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
}

async function jobsTable(db: Kysely<unknown>, bytes: BytesType): Promise<void> {
  await db.schema
    .createTable('jobs')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('agent', 'text', (column) => column.notNull())
    .addColumn('connection', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('sub', 'text', (column) => column.notNull())
    .addColumn('inputs', bytes, (column) => column.notNull())
    .addColumn('options', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('not_after', 'bigint', (column) => column.notNull())
    .addColumn('finished_at', 'bigint')
    .addColumn('rows_total', 'integer', (column) => column.notNull())
    .addColumn('wire_id', 'text', (column) => column.notNull().unique())
    .addColumn('token', bytes)
    .addColumn('token_exp', 'bigint')
    .addColumn('phase', 'text', (column) => column.notNull())
    .addColumn('token_digest', 'text')
    .addColumn('stored', 'integer', (column) => column.notNull())
    .addColumn('head', 'text', (column) => column.notNull())
    .addColumn('cancel_requested', 'integer', (column) => column.notNull())
    .addColumn('refusal', 'text')
    .addColumn('refusal_detail', bytes)
    .addColumn('rows_ended', 'integer', (column) => column.notNull())
    .addColumn('rows_failed', 'integer', (column) => column.notNull())
    .addColumn('results_lost', 'integer', (column) => column.notNull())
    .addColumn('finished_status', 'text')
    .addColumn('outcomes', 'text')
    .addColumn('statement', 'text')
    .execute();
  await db.schema.createIndex('jobs_by_agent').on('jobs').columns(['agent', 'phase', 'id']).execute();
  await db.schema.createIndex('jobs_by_end').on('jobs').columns(['finished_at']).execute();
}
