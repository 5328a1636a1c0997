// `POST /jobs`: the first line is the job, every further line a row. Rows go to the store chunk by chunk as they come, so memory does not grow
// with them; the job itself appears with the last commit, and until then nobody can see its rows.
import { createHash } from 'node:crypto';
import { type Refusal, isRefusal, refuse } from '../protocol/error-codes.ts';
import { queuedJob } from '../protocol/control-plane-job.ts';
import { chainStart, chunkDigest } from '../protocol/digest-chain.ts';
import type { AgentId, JobId } from '../protocol/ids.ts';
import { agentIdSchema } from '../protocol/ids.ts';
import type { JobClaims } from '../protocol/job-claims.ts';
import { isRawNumber, type Json, jsonFault, parseJson } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { safeParse } from '../protocol/safe-parse.ts';
import { type JobRequest, jobRequestSchema } from './api/schemas.ts';
import { nodeHashing } from '../node/hashing.ts';
import { type ClaimParts, claimsOf } from './sign-job.ts';
import { agentById } from './store/agents.ts';
import { type JobRow, jobById, jobChunks } from './store/jobs.ts';
import type { Queries, Store } from './store/store.ts';
import type { JobRowsTable, JobsTable } from './store/tables.ts';
import { type LineReader, readLines } from './text-lines.ts';

export interface IntakeDeps {
  readonly store: Store;
  readonly keys: { readonly controlPlane: JobClaims['iss'] };
  readonly now: () => number;
  readonly newJobId: () => JobId;
  readonly gateway: { wake(agent: AgentId): void };
}

export interface JobUpload {
  readonly sub: string;
  readonly idempotencyKey: string | null;
  readonly body: AsyncIterator<Uint8Array>;
}

export interface Intake {
  readonly kind: 'created' | 'known';
  readonly job: JobRow;
}

const defaultTtlSeconds = 3_600;
/** Header, signature and the growth of base64url over the claims' JSON. */
const tokenOverheadBytes = 512;

export async function takeJob(deps: IntakeDeps, upload: JobUpload): Promise<Intake | Refusal> {
  const hasher = createHash('sha256');
  const lines = readLines(hashing(upload.body, hasher));
  const request = await readRequest(lines);
  if (isRefusal(request)) return request;
  const refused = agentFault(await agentById(deps.store.db, request.agent), request.agent);
  if (refused !== null) return refused;
  const id = deps.newJobId();
  let kept = false;
  try {
    const stored = await storeRows(deps.store, id, lines);
    if (isRefusal(stored)) return stored;
    const { rows, last } = stored;
    const job = newJob(deps, request, { id, rows, sub: upload.sub });
    const before = last.chunk === 0 ? [] : await jobChunks(deps.store.db, id);
    const chunks = [...before, { rows: last.rows, digest: last.digest }];
    const tooLarge = tokenFault(deps, job, { inputs: request.inputs, chunks });
    if (tooLarge !== null) return tooLarge;
    const digest = hasher.digest('hex');
    const taken = await deps.store.transaction(async (tx) => {
      const made = await commit(tx, job, { ...upload, digest, last });
      // Here, so that the token of a job whose agent is there is stored by the same commit.
      if (!isRefusal(made) && made.kind === 'created') deps.gateway.wake(job.agent);
      return made;
    });
    kept = !isRefusal(taken) && taken.kind === 'created';
    return taken;
  } finally {
    if (!kept) await deps.store.db.deleteFrom('job_rows').where('job', '=', id).execute();
  }
}

/** Rows of uploads that a crash cut off before their job appeared. Only before the server listens. */
export async function dropOrphanRows(db: Queries): Promise<void> {
  await db
    .deleteFrom('job_rows')
    .where('job', 'not in', (select) => select.selectFrom('jobs').select('id'))
    .execute();
}

async function* hashing(body: AsyncIterator<Uint8Array>, hasher: ReturnType<typeof createHash>) {
  for (let next = await body.next(); next.done !== true; next = await body.next()) {
    hasher.update(next.value);
    yield next.value;
  }
}

async function readRequest(lines: LineReader): Promise<(JobRequest & { agent: AgentId }) | Refusal> {
  const line = await lines.next(limits.tokenBytes);
  if (line === null) return refuse('request_invalid', 'expected the job as JSON on the first line, found nothing');
  if (isRefusal(line)) return refuse('request_invalid', line.detail);
  const value = readObject(line.text);
  if (value === null)
    return refuse('request_invalid', 'line 1: expected the job as a JSON object without duplicate keys');
  if (hidesMember(line.text))
    return refuse('request_invalid', 'line 1: expected no member named __proto__, found one; give it another name');
  const lossy = lossyInput(line.text);
  if (lossy !== null)
    return refuse('request_invalid', `inputs.${lossy}: this number would change on its way; give it as text`);
  const parsed = safeParse(jobRequestSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse('request_invalid', `line 1: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
  }
  const agent = safeParse(agentIdSchema, parsed.data.agent).data;
  return agent === undefined ? refuse('not_found', 'there is no agent of this name') : { ...parsed.data, agent };
}

function lossyInput(text: string): string | null {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isRawNumber(value)) return null;
  const { inputs } = value;
  if (typeof inputs !== 'object' || inputs === null || isRawNumber(inputs)) return null;
  return Object.entries(inputs).find(([, input]) => holdsRawNumber(input))?.[0] ?? null;
}

function holdsRawNumber(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return isRawNumber(value) || Object.values(value).some(holdsRawNumber);
}

/** The schema drops a member of this name in silence: the job would run without an input that its author gave. */
function hidesMember(text: string): boolean {
  let hidden = false;
  JSON.parse(text, (key, value: unknown) => {
    hidden ||= key === '__proto__';
    return value;
  });
  return hidden;
}

function readObject(text: string): object | null {
  if (jsonFault(text, limits.jsonDepth) !== null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function agentFault(agent: { revoked_at: number | null } | null, name: string): Refusal | null {
  if (agent === null) return refuse('not_found', `there is no agent ${name}`);
  return agent.revoked_at === null ? null : refuse('agent_revoked', `${name} was revoked and runs no jobs`);
}

/** Stores the rows but for the last chunk, which comes with the job. No row at all means one empty row: the inputs need none. */
async function storeRows(
  store: Store,
  job: JobId,
  lines: LineReader,
): Promise<{ rows: number; last: JobRowsTable } | Refusal> {
  let total = 0;
  let chunk = 0;
  let rows: string[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    await store.db
      .insertInto('job_rows')
      .values(rowChunk(store, job, chunk, rows))
      .execute();
    chunk += 1;
    rows = [];
    bytes = 0;
  };
  for (;;) {
    const line = await lines.next(limits.rowBytes);
    if (line === null) break;
    if (isRefusal(line)) return line;
    if (readObject(line.text) === null)
      return refuse(
        'row_malformed',
        `line ${line.number}: expected a JSON object without duplicate keys as row ${total}`,
      );
    if (total === limits.jobRows)
      return refuse('request_invalid', `line ${line.number}: a job has at most ${limits.jobRows} rows; make several`);
    // The largest row fills a chunk alone. An empty chunk would never be stored, and its number would be missing.
    const full = rows.length === limits.chunkRows || bytes + line.bytes + 1 > limits.chunkBytes;
    if (full && rows.length > 0) await flush();
    rows.push(line.text);
    bytes += line.bytes + 1;
    total += 1;
  }
  // A chunk is stored only when a row comes that it has no room for, so there always is a last one.
  if (total === 0) rows.push('{}');
  return { rows: Math.max(total, 1), last: rowChunk(store, job, chunk, rows) };
}

function rowChunk(store: Store, job: JobId, chunk: number, rows: readonly string[]): JobRowsTable {
  const body = store.sealer.seal(job, `rows ${chunk}`, rows.join('\n'));
  return { job, chunk, rows: rows.length, digest: chunkDigest(nodeHashing, rows), body };
}

function newJob(
  deps: IntakeDeps,
  request: JobRequest & { agent: AgentId },
  { id, rows, sub }: { id: JobId; rows: number; sub: string },
): JobsTable {
  const { sealer } = deps.store;
  const nowMs = deps.now();
  const state = queuedJob(chainStart(nodeHashing, id));
  return {
    id,
    agent: request.agent,
    connection: request.connection,
    action: request.action,
    sub,
    inputs: sealer.seal(id, 'inputs', JSON.stringify(request.inputs)),
    options: JSON.stringify(request.options ?? {}),
    created_at: nowMs,
    not_after: nowMs + (request.ttl_seconds ?? defaultTtlSeconds) * 1_000,
    finished_at: null,
    rows_total: rows,
    wire_id: id,
    token: null,
    token_exp: null,
    phase: state.phase,
    token_digest: state.tokenDigest,
    stored: state.stored,
    head: state.head,
    cancel_requested: 0,
    refusal: null,
    refusal_detail: null,
    rows_ended: 0,
    rows_failed: 0,
    results_lost: 0,
    finished_status: null,
    outcomes: null,
    statement: null,
  };
}

/** A job whose token no frame could carry is refused now, not at dispatch. */
function tokenFault(deps: IntakeDeps, job: JobRow, parts: Pick<ClaimParts, 'inputs' | 'chunks'>): Refusal | null {
  const iat = Math.floor(job.created_at / 1_000);
  const claims = claimsOf(job, { ...parts, controlPlane: deps.keys.controlPlane, iat });
  const bytes = Math.ceil((Buffer.byteLength(JSON.stringify(claims)) * 4) / 3) + tokenOverheadBytes;
  if (bytes <= limits.tokenBytes) return null;
  return refuse(
    'request_invalid',
    `the signed job would have about ${bytes} bytes, the limit is ${limits.tokenBytes}; use fewer rows or shorter inputs`,
  );
}

async function commit(
  tx: Queries,
  job: JobsTable,
  upload: { sub: string; idempotencyKey: string | null; digest: string; last: JobRowsTable },
): Promise<Intake | Refusal> {
  const { sub, idempotencyKey: key, digest } = upload;
  if (key !== null) {
    const known = await tx
      .selectFrom('idempotency')
      .selectAll()
      .where('sub', '=', sub)
      .where('key', '=', key)
      .executeTakeFirst();
    if (known !== undefined) return repeated(known, digest, await jobById(tx, known.job));
  }
  const refused = agentFault(await agentById(tx, job.agent), job.agent);
  if (refused !== null) return refused;
  await tx.insertInto('jobs').values(job).execute();
  await tx.insertInto('job_rows').values(upload.last).execute();
  if (key !== null) {
    await tx
      .insertInto('idempotency')
      .values({ sub, key, body_digest: digest, job: job.id, created_at: job.created_at })
      .execute();
  }
  return { kind: 'created', job };
}

function repeated(known: { body_digest: string }, digest: string, job: JobRow | null): Intake | Refusal {
  if (known.body_digest !== digest || job === null)
    return refuse('idempotency_conflict', 'this Idempotency-Key was used with another body; use a new key');
  return { kind: 'known', job };
}
