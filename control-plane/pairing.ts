// Enrolling agents: one-time codes, and the answer to `POST /agent/v1/pair`. The code itself is shown once and kept nowhere: what is kept is a
// digest of it, sealed. One code makes one key the agent's; the same key may ask again until the code expires.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Refusal, isRefusal, refuse } from '../protocol/error-codes.ts';
import { type AgentId, type Digest, digestSchema } from '../protocol/ids.ts';
import { limits } from '../protocol/limits.ts';
import { type PairAnswer, type PairRequest, codeId, codeKey, keyId, pairingProof } from '../protocol/pairing.ts';
import type { EventSink } from './events.ts';
import { nodeHashing } from '../node/hashing.ts';
import type { SigningKeys } from './keys.ts';
import { agentById, agentByKey, savePairing } from './store/agents.ts';
import type { Store } from './store/store.ts';

export interface PairingDeps {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly now: () => number;
  readonly emit: EventSink;
}

export interface PairingCode {
  readonly code: string;
  readonly expiresAt: number;
}

/** Crockford's alphabet: no letter that reads like a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A new code (130 random bits); any older one of this agent ends. */
export async function issueCode(deps: PairingDeps, agent: AgentId): Promise<PairingCode> {
  const symbols = [...randomBytes(26)].map((byte) => alphabet.charAt(byte % alphabet.length)).join('');
  const code = symbols.match(/.{1,6}/g)?.join('-') ?? symbols;
  const expiresAt = deps.now() + limits.pairingCodeLifetimeMs;
  const key = codeKey(nodeHashing, code);
  const id = digestSchema.parse(codeId(nodeHashing, key));
  await deps.store.transaction(async (tx) => {
    await tx.deleteFrom('pairing_codes').where('agent', '=', agent).execute();
    await tx
      .insertInto('pairing_codes')
      .values({
        code_id: id,
        agent,
        code_key: deps.store.sealer.seal(id, 'code_key', key),
        expires_at: expiresAt,
        used_by: null,
        answer: null,
      })
      .execute();
  });
  return { code, expiresAt };
}

export interface Paired {
  readonly kind: 'paired';
  readonly agent: AgentId;
  readonly answer: PairAnswer;
  /** False when this key had its answer already. */
  readonly first: boolean;
}

export async function pair(deps: PairingDeps, request: PairRequest): Promise<Paired | Refusal> {
  const code = await liveCode(deps, request.code_id);
  if (code === null) return refuse('pairing_code_invalid', 'the code is unknown or expired; ask for a new one');
  const { store, keys } = deps;
  const agentKey = await keyId(request.key);
  const key = store.sealer.open(request.code_id, 'code_key', code.code_key);
  const proof = pairingProof(nodeHashing, key, agentKey, keys.fingerprint);
  if (!timingSafeEqual(Buffer.from(proof), Buffer.from(request.proof)))
    return refuse('pairing_code_invalid', 'the proof does not fit the code, the key and this control plane');
  const signed = await keys.signPairing({
    iss: keys.controlPlane,
    agent: code.agent,
    agent_key: agentKey,
    key_set: keys.keySet(),
  });
  const paired = await store.transaction(async (tx) => {
    const record = await tx
      .selectFrom('pairing_codes')
      .selectAll()
      .where('code_id', '=', request.code_id)
      .where('expires_at', '>', deps.now())
      .executeTakeFirst();
    const agent = await agentById(tx, code.agent);
    if (record === undefined || agent === null) return refuse('pairing_code_invalid', 'the code has just ended');
    if (record.used_by !== null && record.used_by !== agentKey)
      return refuse(
        'pairing_code_used',
        'another key was paired with this code: if that was not you, revoke the agent',
      );
    if (record.answer !== null) return { answer: record.answer, first: false };
    const owner = await agentByKey(tx, agentKey);
    if (owner !== null && owner.id !== agent.id)
      return refuse('pairing_code_invalid', 'this key belongs to another agent; make a new one');
    await savePairing(tx, agent, { keyId: agentKey, key: request.key, nowMs: deps.now() });
    await tx
      .updateTable('pairing_codes')
      .set({ used_by: agentKey, answer: signed })
      .where('code_id', '=', request.code_id)
      .execute();
    return { answer: signed, first: true };
  });
  if (isRefusal(paired)) return paired;
  const answer: PairAnswer = { root: keys.root, answer: paired.answer };
  return { kind: 'paired', agent: code.agent, answer, first: paired.first };
}

async function liveCode(deps: PairingDeps, id: Digest) {
  const query = deps.store.db
    .selectFrom('pairing_codes')
    .selectAll()
    .where('code_id', '=', id)
    .where('expires_at', '>', deps.now());
  return (await query.executeTakeFirst()) ?? null;
}
