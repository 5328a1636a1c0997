// The tables as Kysely sees them. Plain columns that SQLite and PostgreSQL both have: times are milliseconds since the epoch, flags are 0 or 1,
// and every column of bytes is sealed (seal.ts) because it can hold customer data or a secret.
import type { ControlPlaneJobPhase } from '../../protocol/control-plane-job.ts';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { AgentId, Digest, JobId, KeyId } from '../../protocol/ids.ts';
import type { FinishedStatus } from '../../protocol/finished-statement.ts';
import type { Role } from '../roles.ts';

type Flag = 0 | 1;

export interface AgentsTable {
  id: AgentId;
  created_at: number;
  /** JWK as JSON and its thumbprint; null until paired. */
  public_key: string | null;
  key_id: KeyId | null;
  paired_at: number | null;
  revoked_at: number | null;
  last_seen_at: number | null;
  session_counter: number;
  /** The refused counter of a cloned or rolled-back identity; nothing is dispatched while it is set. */
  conflict_counter: number | null;
  /** `iat` of the newest session token that was admitted or made a conflict: a token that is not newer says nothing new. */
  session_iat: number;
  /** When that token came, on our clock. */
  session_iat_at: number;
  /** Set when a conflict is cleared: up to this counter only tokens issued after `fence_iat` are taken, the others were shown before. */
  fence_counter: number;
  fence_iat: number;
  version: string | null;
  /** What the last hello offered, as JSON. */
  connections: string;
}

interface PairingCodesTable {
  code_id: Digest;
  agent: AgentId;
  code_key: Uint8Array;
  expires_at: number;
  /** The key that used it, and what it was answered; the same key gets the same bytes again. */
  used_by: KeyId | null;
  answer: string | null;
}

interface KeySetStepsTable {
  version: number;
  key_set: string;
  /** Null for the first version, which pairing hands over. */
  step: string | null;
}

interface ApiTokensTable {
  id: string;
  name: string;
  role: Role;
  /** SHA-256 of the token. */
  hash: string;
  created_at: number;
}

export interface JobsTable {
  id: JobId;
  agent: AgentId;
  connection: string;
  action: string;
  sub: string;
  inputs: Uint8Array;
  options: string;
  created_at: number;
  not_after: number;
  finished_at: number | null;
  rows_total: number;
  /** The id inside the signed token: another one after a requeue, while `id` stays. */
  wire_id: JobId;
  token: Uint8Array | null;
  token_exp: number | null;
  phase: ControlPlaneJobPhase;
  token_digest: Digest | null;
  stored: number;
  head: Digest;
  cancel_requested: Flag;
  refusal: ErrorCode | null;
  refusal_detail: Uint8Array | null;
  rows_ended: number;
  rows_failed: number;
  results_lost: number;
  finished_status: FinishedStatus | null;
  outcomes: string | null;
  /** The agent's signed last word. */
  statement: string | null;
}

export interface JobRowsTable {
  job: JobId;
  chunk: number;
  rows: number;
  digest: Digest;
  body: Uint8Array;
}

interface ResultsTable {
  job: JobId;
  /** Of the first of `count` entries that follow on each other. */
  sequence: number;
  count: number;
  /** The entries, joined by line feeds. */
  line: Uint8Array;
}

interface IdempotencyTable {
  sub: string;
  key: string;
  body_digest: string;
  job: JobId;
  created_at: number;
}

export interface Tables {
  agents: AgentsTable;
  pairing_codes: PairingCodesTable;
  key_set_steps: KeySetStepsTable;
  api_tokens: ApiTokensTable;
  jobs: JobsTable;
  job_rows: JobRowsTable;
  results: ResultsTable;
  idempotency: IdempotencyTable;
}
