// Reads what the control plane holds: entries through its REST API, as an operator gets them; the record of each job, and the agent's public key,
// from its store file, which the API does not show whole.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Parties, StoredEntry, StoredJob } from './evidence.ts';

export type Api = (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;

interface JobRecord {
  readonly wire_id: string;
  readonly token_digest: string | null;
  readonly head: string;
  readonly stored: number;
  readonly statement: string | null;
}

export async function readJobs(dataDir: string, api: Api, ids: readonly string[]): Promise<StoredJob[]> {
  const jobs: StoredJob[] = [];
  for (const id of ids) {
    const view = await api(`/api/v1/jobs/${id}`);
    if (view.status === 404) continue;
    const { status, last_sequence, results_lost } = (await view.json()) as Record<string, string | number>;
    const entries = await readEntries(api, id);
    const record = readRecord(dataDir, id);
    jobs.push({
      id,
      wireId: record.wire_id,
      status: String(status),
      tokenDigest: record.token_digest,
      lastSequence: Number(last_sequence),
      head: record.head,
      resultsLost: Number(results_lost),
      statement: record.statement,
      entries,
    });
  }
  return jobs;
}

/** Server-Sent Events name the sequence of each entry; JSON Lines do not. */
async function readEntries(api: Api, id: string): Promise<StoredEntry[]> {
  const text = await (await api(`/api/v1/jobs/${id}/results`, { accept: 'text/event-stream' })).text();
  return text.split('\n\n').flatMap((event) => {
    const [, sequence, line] = /^id: (\d+)\ndata: (.*)$/s.exec(event) ?? [];
    return sequence === undefined || line === undefined ? [] : [{ sequence: Number(sequence), line }];
  });
}

function readRecord(dataDir: string, id: string): JobRecord {
  return query(
    dataDir,
    'SELECT wire_id, token_digest, head, stored, statement FROM jobs WHERE id = ?',
    id,
  ) as JobRecord;
}

export function readParties(dataDir: string, agent: string, fingerprint: string): Parties {
  const { public_key } = query(dataDir, 'SELECT public_key FROM agents WHERE id = ?', agent) as { public_key: string };
  const { kty, crv, x } = JSON.parse(public_key) as Parties['agentKey'];
  return { agent, agentKey: { kty, crv, x }, controlPlane: `urn:iam-agent:control-plane:${fingerprint}` };
}

function query(dataDir: string, sql: string, key: string): unknown {
  const database = new DatabaseSync(join(dataDir, 'store.sqlite'), { readOnly: true, timeout: 5_000 });
  try {
    const found = database.prepare(sql).get(key);
    if (found === undefined) throw new Error(`the store has nothing for ${key}`);
    return found;
  } finally {
    database.close();
  }
}
