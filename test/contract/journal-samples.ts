// Jobs, rows and entries as a real agent would write them: recovery holds the records of a job against its state, so samples must agree.
import { nodeHashing } from '../../node/hashing.ts';
import type { Change, StoredEntry, StoredJob } from '../../agent/job/journal.ts';
import { acceptJob, onEntries, type AgentJob } from '../../protocol/agent-job.ts';
import { chainNext, chainStart } from '../../protocol/digest-chain.ts';
import { agentIdSchema, controlPlaneId, jobIdSchema, keyIdSchema, type JobId } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';

const keyId = keyIdSchema.parse('k'.repeat(43));

export function jobIdOf(number: number): JobId {
  return jobIdSchema.parse(`01900000-0000-7000-8000-${String(number).padStart(12, '0')}`);
}

export function claimsOf(id: JobId, chunks: readonly number[], inputs: JobClaims['inputs'] = {}): JobClaims {
  return {
    iss: controlPlaneId(keyId),
    aud: agentIdSchema.parse('agent-1'),
    jti: id,
    iat: 1_700_000_000,
    exp: 1_700_000_600,
    not_after: 1_700_086_400,
    sub: 'alice@example.com',
    action: 'get_user',
    connection: 'main',
    inputs,
    rows: {
      count: chunks.reduce((sum, rows) => sum + rows, 0),
      chunks: chunks.map((rows) => ({ rows, digest: nodeHashing.sha256(String(rows)) })),
    },
    options: {},
  };
}

/** An accepted job with none of its rows yet. */
export function jobOf(number: number, chunks: readonly number[] = [3], more: Partial<StoredJob> = {}): StoredJob {
  const id = jobIdOf(number);
  const claims = claimsOf(id, chunks);
  const token = { digest: nodeHashing.sha256(id), rows: claims.rows.count, chunks: chunks.length };
  return {
    id,
    state: acceptJob({ ...token, chainStart: chainStart(nodeHashing, id) }),
    claims,
    kid: keyId,
    outcomes: {},
    statement: null,
    receivedAt: 1_000 + number,
    forgetAt: 9_000_000,
    ...more,
  };
}

export function stateChange(job: StoredJob): Change {
  const { id, state, outcomes, statement, forgetAt } = job;
  return { kind: 'job_state', job: id, state, outcomes, statement, forgetAt };
}

/** The job with its next chunk of rows, and the changes that store them. */
export function withRows(
  job: StoredJob,
  lines: readonly string[],
  firstRow = 0,
): { job: StoredJob; changes: Change[] } {
  const next = { ...job, state: { ...job.state, nextChunk: job.state.nextChunk + 1 } };
  return { job: next, changes: [{ kind: 'rows', job: job.id, firstRow, lines }, stateChange(next)] };
}

function entriesAfter(state: AgentJob, lines: readonly string[]): StoredEntry[] {
  let { head, produced: sequence } = state;
  return lines.map((line) => {
    head = chainNext(nodeHashing, head, line);
    sequence += 1;
    return { sequence, line, head };
  });
}

/** The job with more entries and, with them, ended rows; and the changes that store both. */
export function withEntries(
  job: StoredJob,
  lines: readonly string[],
  ended: readonly number[] = [],
): { job: StoredJob; changes: Change[]; entries: StoredEntry[] } {
  const entries = entriesAfter(job.state, lines);
  const head = entries.at(-1)?.head ?? job.state.head;
  const next = { ...job, state: onEntries(job.state, { count: lines.length, head, endedRows: ended.length }) };
  const changes: Change[] = [
    { kind: 'entries', job: job.id, entries },
    ...ended.map((row): Change => ({ kind: 'row_ended', job: job.id, row })),
    stateChange(next),
  ];
  return { job: next, changes, entries };
}

/** The job with everything up to `through` acknowledged. */
export function withAck(
  job: StoredJob,
  entry: StoredEntry,
  keepUntil: number | null,
): { job: StoredJob; changes: Change[] } {
  const next = { ...job, state: { ...job.state, acked: entry.sequence, ackedHead: entry.head } };
  const change: Change = { kind: 'entries_acked', job: job.id, through: entry.sequence, keepUntil };
  return { job: next, changes: [change, stateChange(next)] };
}

/** What is written for a job whose rows have all come. */
export function startedJob(number: number, lines: readonly string[]): { job: StoredJob; changes: Change[] } {
  const job = jobOf(number, [lines.length]);
  const rows = withRows(job, lines);
  return { job: rows.job, changes: [{ kind: 'job', job }, ...rows.changes] };
}
