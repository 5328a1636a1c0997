// Evidence in which nothing is wrong, made by hand from docs/protocol.md: two jobs, signed by a key of its own.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { AskedJob, Effect, Evidence, Parties, StoredJob } from './evidence.ts';
import { sha256, thumbprint } from './statement.ts';

export interface Sample {
  parties: Parties;
  asked: AskedJob[];
  effects: Effect[];
  stored: StoredJob[];
  key: KeyObject;
}

const agent = 'host-1';
const controlPlane = 'urn:iam-agent:control-plane:root';

export function sample(): Sample {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { kty = '', crv = '', x = '' } = publicKey.export({ format: 'jwk' });
  const parties: Parties = { agent, agentKey: { kty, crv, x }, controlPlane };
  const row = (marker: string, items: readonly string[] | null) => ({ marker, items, absent: false });
  const asked: AskedJob[] = [
    {
      id: 'job-1',
      agent,
      action: 'create_access_key',
      changes: 'CreateAccessKey',
      itemName: null,
      rows: [row('a', null), row('b', null), row('c', null)],
      refused: false,
      statuses: ['completed'],
    },
    {
      id: 'job-2',
      agent,
      action: 'list_users',
      changes: null,
      itemName: 'UserName',
      rows: [row('d', ['d.0', 'd.1'])],
      refused: false,
      statuses: ['completed'],
    },
  ];
  const made = (n: number, marker: string, id: string): Effect => {
    return { n, at: '2026-01-01T00:00:00Z', operation: 'CreateAccessKey', marker, made: id, answered: n === 1 };
  };
  const effects = [made(1, 'a', 'AKIA1'), made(2, 'b', 'AKIA2')];
  const parts = { parties, key: privateKey };
  const stored = [
    storedJob(parts, 'job-1', [
      envelope(0, { result: { AccessKey: { AccessKeyId: 'AKIA1' } } }),
      end(0, 1, 'succeeded'),
      error(1, 'outcome_unknown'),
      end(1, 1, 'unknown'),
      error(2, 'aws_error'),
      end(2, 1, 'failed'),
    ]),
    storedJob(parts, 'job-2', [item(0, 0, 'd.0'), item(0, 1, 'd.1'), end(0, 2, 'succeeded')]),
  ];
  return { parties, asked, effects, stored, key: privateKey };
}

export function envelope(row: number, members: object): string {
  return JSON.stringify({ row, envelope: { ...members, error: null, has_error: false } });
}

export function error(row: number, code: string): string {
  return JSON.stringify({ row, envelope: { result: null, error: 'it failed', has_error: true, error_code: code } });
}

export function item(row: number, number: number, name: string): string {
  return JSON.stringify({ row, item: number, envelope: { UserName: name, error: null, has_error: false } });
}

export function end(row: number, items: number, outcome: string): string {
  return JSON.stringify({ row, row_end: { items, outcome } });
}

/** As a control plane would hold it after these lines, with a statement over them; `claims` says something else in it. */
export function storedJob(
  { parties, key }: { parties: Parties; key: KeyObject },
  id: string,
  lines: readonly string[],
  claims: object = {},
): StoredJob {
  const wireId = `wire-${id}`;
  const head = lines.reduce((before, line) => sha256(`${before}\n${line}`), sha256(`iam-agent.v1 results ${wireId}`));
  const rows: Record<string, number> = {};
  for (const line of lines) {
    const { row_end } = JSON.parse(line) as { row_end?: { outcome: string } };
    if (row_end !== undefined) rows[row_end.outcome] = (rows[row_end.outcome] ?? 0) + 1;
  }
  const statement = {
    iss: parties.agent,
    aud: parties.controlPlane,
    jti: wireId,
    token_digest: 'digest',
    status: 'completed',
    rows,
    last_sequence: lines.length,
    head,
    iat: 0,
    ...claims,
  };
  return {
    id,
    wireId,
    status: statement.status,
    tokenDigest: 'digest',
    lastSequence: lines.length,
    head,
    resultsLost: 0,
    statement: jws(statement, { typ: 'iam-agent-finished+jws', kid: thumbprint(parties.agentKey) }, key),
    entries: lines.map((line, index) => ({ sequence: index + 1, line })),
  };
}

export function jws(claims: object, header: { typ: string; kid: string }, key: KeyObject): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'EdDSA', ...header })}.${encode(claims)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

export function evidenceOf({ parties, asked, effects, stored }: Sample): Evidence {
  return { parties, asked, effects, stored };
}
