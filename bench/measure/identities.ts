// Paired agents without a host: their keys are written into a stopped control plane's store as pairing would leave them, because pairing ten
// thousand of them one by one is not what is measured. Their session tokens are real.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeHashing } from '../../node/hashing.ts';
import { encodeFrame } from '../../protocol/codec.ts';
import { type AgentId, agentIdSchema, type ControlPlaneId, controlPlaneId, type KeyId } from '../../protocol/ids.ts';
import { type PrivateKey, privateKeySchema } from '../../protocol/jws.ts';
import { keyId } from '../../protocol/pairing.ts';
import { signSession } from '../../protocol/session-token.ts';
import { newKey, publicOf } from '../../test/support/agent-identity.ts';

export interface BenchIdentity {
  readonly agent: AgentId;
  readonly controlPlane: ControlPlaneId;
  readonly key: PrivateKey;
  readonly kid: KeyId;
}

/** The control plane must have been started once and be stopped. */
export async function registerAgents(dataDir: string, count: number): Promise<readonly BenchIdentity[]> {
  const root = privateKeySchema.parse(JSON.parse(readFileSync(join(dataDir, 'keys', 'root.json'), 'utf8')));
  const controlPlane = controlPlaneId(await keyId(publicOf(root)));
  const database = new DatabaseSync(join(dataDir, 'store.sqlite'));
  const insert = database.prepare(
    `INSERT INTO agents (id, created_at, public_key, key_id, paired_at, session_counter, session_iat, session_iat_at,
      fence_counter, fence_iat, connections) VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0, '[]')`,
  );
  const made: BenchIdentity[] = [];
  database.exec('BEGIN');
  for (let number = 0; number < count; number += 1) {
    const key = await newKey();
    const kid = await keyId(publicOf(key));
    const agent = agentIdSchema.parse(`crowd-${number}`);
    insert.run(agent, Date.now(), JSON.stringify(publicOf(key)), kid, Date.now());
    made.push({ agent, controlPlane, key, kid });
  }
  database.exec('COMMIT');
  database.close();
  return made;
}

export function sessionToken({ agent, controlPlane, key, kid }: BenchIdentity, counter: number): Promise<string> {
  return signSession({ agent, controlPlane, counter, nowMs: Date.now() }, key, kid);
}

/** The first frame of a session, as the daemon says it. */
export function helloFrame(counter: number): string {
  return encodeFrame({
    type: 'hello',
    protocol: 1,
    agent_version: '0.1.0',
    session: counter,
    key_set_version: 1,
    connections: [{ label: 'prod', region: 'us-east-1', actions: ['list_users'] }],
    catalogue_digest: nodeHashing.sha256('catalogue'),
    jobs: [],
  });
}
