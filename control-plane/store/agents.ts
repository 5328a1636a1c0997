// Queries about agents. The session counter is the fence: it only changes by the conditional updates of this file.
import type { ExpressionBuilder, Selectable } from 'kysely';
import { speaks } from '../../protocol/session.ts';
import { type AgentId, type KeyId, agentIdSchema } from '../../protocol/ids.ts';
import { type PublicKey, publicKeySchema } from '../../protocol/jws.ts';
import type { ConnectionView } from '../../protocol/frames-to-control-plane.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { Queries } from './store.ts';
import type { AgentsTable, Tables } from './tables.ts';

export type AgentRow = Selectable<AgentsTable>;

export async function agentById(db: Queries, id: string): Promise<AgentRow | null> {
  const parsed = safeParse(agentIdSchema, id);
  if (!parsed.success) return null;
  return (await db.selectFrom('agents').selectAll().where('id', '=', parsed.data).executeTakeFirst()) ?? null;
}

export async function agentByKey(db: Queries, keyId: KeyId): Promise<AgentRow | null> {
  return (await db.selectFrom('agents').selectAll().where('key_id', '=', keyId).executeTakeFirst()) ?? null;
}

export function publicKeyOf(agent: AgentRow): PublicKey | null {
  return agent.public_key === null ? null : publicKeySchema.parse(JSON.parse(agent.public_key));
}

/** False when an agent of this name exists. */
export async function insertAgent(db: Queries, id: AgentId, nowMs: number): Promise<boolean> {
  const made = await db
    .insertInto('agents')
    .values({
      id,
      created_at: nowMs,
      public_key: null,
      key_id: null,
      paired_at: null,
      revoked_at: null,
      last_seen_at: null,
      session_counter: 0,
      conflict_counter: null,
      session_iat: 0,
      session_iat_at: 0,
      fence_counter: 0,
      fence_iat: 0,
      version: null,
      connections: '[]',
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .executeTakeFirst();
  return made !== undefined;
}

/** How far apart two dials with tokens of one second can come: the second, and the way. */
const sameSecondMs = 1_500;

export interface PresentedSession {
  readonly agent: AgentId;
  readonly keyId: KeyId;
  readonly counter: number;
  /** When its token was issued, in seconds of the host's clock. */
  readonly iat: number;
  readonly nowMs: number;
}

/**
 * Takes a session if, in this one statement, its counter is larger than the stored one, its key is the agent's, the agent is not revoked, no conflict
 * waits for an operator, and the token is none that was shown before a conflict was cleared. The condition on the counter is `admitSession` of the protocol, said to the database.
 */
export async function admit(db: Queries, session: PresentedSession): Promise<boolean> {
  const admitted = await db
    .updateTable('agents')
    .set((set) => ({
      session_counter: session.counter,
      last_seen_at: session.nowMs,
      session_iat: ifNewer(set, session.iat, session.iat),
      session_iat_at: ifNewer(set, session.iat, session.nowMs, 'session_iat_at'),
    }))
    .where('id', '=', session.agent)
    .where('key_id', '=', session.keyId)
    .where('session_counter', '<', session.counter)
    .where((where) => where.or([where('fence_counter', '<', session.counter), where('fence_iat', '<', session.iat)]))
    .where('revoked_at', 'is', null)
    .where('conflict_counter', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return admitted !== undefined;
}

/**
 * A larger counter while a conflict waits for an operator, and whether it was one. It is no session: a welcome would let a copy run the jobs that it holds,
 * which the other copy may be running. It is remembered, so that the token stays dead when the conflict is cleared.
 */
export async function holdBack(db: Queries, { agent, keyId, counter, iat }: PresentedSession): Promise<boolean> {
  const held = await db
    .updateTable('agents')
    .set((set) => ({
      session_iat: ifNewer(set, iat, iat),
      fence_counter: set.case().when('fence_counter', '<', counter).then(counter).else(set.ref('fence_counter')).end(),
    }))
    .where('id', '=', agent)
    .where('key_id', '=', keyId)
    .where('session_counter', '<', counter)
    .where('conflict_counter', 'is not', null)
    .returning('id')
    .executeTakeFirst();
  return held !== undefined;
}

/**
 * Marks a cloned or rolled-back identity, and says whether it did. Only while the counter still is not larger (a later session may have come
 * meanwhile), and only for a token issued after every one that counted: who shows an older one again has seen a token, not the key. A copy that
 * dials in the same second as its original makes the very same token, so for that long an equal one is taken for a copy.
 */
export async function markConflict(db: Queries, session: PresentedSession): Promise<boolean> {
  const { agent, keyId, counter, iat, nowMs } = session;
  const marked = await db
    .updateTable('agents')
    .set({ conflict_counter: counter, session_iat: iat })
    .where('id', '=', agent)
    .where('key_id', '=', keyId)
    .where('session_counter', '>=', counter)
    .where((where) =>
      where.or([
        where('session_iat', '<', iat),
        where.and([where('session_iat', '=', iat), where('session_iat_at', '>', nowMs - sameSecondMs)]),
      ]),
    )
    .returning('id')
    .executeTakeFirst();
  return marked !== undefined;
}

/** `value` when the token is as new as the newest or newer, else what the column holds. */
function ifNewer(
  set: ExpressionBuilder<Tables, 'agents'>,
  iat: number,
  value: number,
  column: 'session_iat' | 'session_iat_at' = 'session_iat',
) {
  return set.case().when('session_iat', '<=', iat).then(value).else(set.ref(column)).end();
}

/**
 * The operator found the identity good. The counter goes back to just under the refused one, so that the host it came from is taken again
 * (its counter or a larger one, once); a clone that goes on beside it makes the next conflict. Tokens that were shown until now stay dead: all of
 * them have a counter up to `fence_counter`, and none is newer than `session_iat`. The host's own clock decides, so one that is behind is not shut out.
 */
export async function clearConflict(db: Queries, agent: AgentRow): Promise<void> {
  if (agent.conflict_counter === null) return;
  await db
    .updateTable('agents')
    .set({
      conflict_counter: null,
      session_counter: Math.min(agent.session_counter, agent.conflict_counter - 1),
      fence_counter: Math.max(agent.fence_counter, agent.session_counter),
      fence_iat: agent.session_iat,
    })
    .where('id', '=', agent.id)
    .execute();
}

/** The agent, if the session with this counter still speaks for it. Asked in the transaction of every write that a frame causes. */
export async function speaking(
  tx: Queries,
  agent: AgentId,
  counter: number,
): Promise<{ conflict_counter: number | null } | null> {
  const row = await tx
    .selectFrom('agents')
    .select(['session_counter', 'revoked_at', 'conflict_counter'])
    .where('id', '=', agent)
    .executeTakeFirst();
  if (row === undefined || row.revoked_at !== null || !speaks(row.session_counter, counter)) return null;
  return row;
}

export async function saveHello(
  tx: Queries,
  agent: AgentId,
  hello: { version: string; connections: readonly ConnectionView[]; nowMs: number },
): Promise<void> {
  await tx
    .updateTable('agents')
    .set({
      version: hello.version,
      connections: JSON.stringify(hello.connections),
      last_seen_at: hello.nowMs,
    })
    .where('id', '=', agent)
    .execute();
}

export async function saveSeen(db: Queries, agent: AgentId, nowMs: number): Promise<void> {
  await db.updateTable('agents').set({ last_seen_at: nowMs }).where('id', '=', agent).execute();
}

export async function revoke(db: Queries, agent: AgentId, nowMs: number): Promise<void> {
  await db
    .updateTable('agents')
    .set({ revoked_at: nowMs })
    .where('id', '=', agent)
    .where('revoked_at', 'is', null)
    .execute();
  await db.deleteFrom('pairing_codes').where('agent', '=', agent).execute();
}

/** A new key starts a new counter; the same key keeps its own, so that its old session tokens stay dead. */
export async function savePairing(
  tx: Queries,
  agent: AgentRow,
  pairing: { keyId: KeyId; key: PublicKey; nowMs: number },
): Promise<void> {
  const none = {
    session_counter: 0,
    conflict_counter: null,
    session_iat: 0,
    session_iat_at: 0,
    fence_counter: 0,
    fence_iat: 0,
  };
  const fresh = agent.key_id === pairing.keyId ? {} : none;
  await tx
    .updateTable('agents')
    .set({
      public_key: JSON.stringify(pairing.key),
      key_id: pairing.keyId,
      paired_at: pairing.nowMs,
      revoked_at: null,
      ...fresh,
    })
    .where('id', '=', agent.id)
    .execute();
}
