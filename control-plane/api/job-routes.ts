// Jobs: create from a stream of rows, look, cancel, and read results as JSON Lines or Server-Sent Events.
import { Readable, finished } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { isRefusal, refuse } from '../../protocol/error-codes.ts';
import { cancelJob } from '../cancel-job.ts';
import { takeJob } from '../job-intake.ts';
import { jobView } from '../job-view.ts';
import { type ResultItem, streamResults } from '../result-stream.ts';
import { type JobFilter, type JobRow, jobById, listJobs } from '../store/jobs.ts';
import type { ApiDeps } from './api-deps.ts';
import { OpenStreams, streamLimits } from './open-streams.ts';
import { type ApiRoute, type Call, type Result, defineRoute } from './route.ts';
import {
  type JobQuery,
  jobListSchema,
  jobParamsSchema,
  jobQuerySchema,
  jobRequestSchema,
  jobViewSchema,
  resultQuerySchema,
} from './schemas.ts';

export const jsonLines = 'application/x-ndjson';
const eventStream = 'text/event-stream';

/** What is still read of a refused upload, so that its sender gets to see the answer. */
const drainBytes = 64 * 1024 * 1024;
const noJob = refuse('not_found', 'there is no job with this id');

export function jobRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [createJob(deps), list(deps), show(deps), cancel(deps), results(deps)];
}

function createJob(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'POST',
    path: '/api/v1/jobs',
    role: 'operator',
    summary:
      'Create a job. Line 1 of the JSON Lines body is the job, every further line one row; no row means one empty row.',
    body: jobRequestSchema,
    streamedBody: true,
    headers: { 'Idempotency-Key': 'Same key and same body: the same job. Same key, other body: refused.' },
    answers: [
      { status: 201, description: 'The new job.', schema: jobViewSchema },
      { status: 200, description: 'The job that this Idempotency-Key made before.', schema: jobViewSchema },
    ],
    handle: ({ request, token }) => takeUpload(deps, request, token?.name ?? ''),
  });
}

async function takeUpload(deps: ApiDeps, request: FastifyRequest, sub: string): Promise<Result> {
  if (!(request.body instanceof Readable)) return refuse('request_invalid', `expected a body of type ${jsonLines}`);
  const key = request.headers['idempotency-key'];
  if (typeof key === 'string' && (key.length === 0 || key.length > 255))
    return refuse('request_invalid', 'an Idempotency-Key has 1 to 255 characters');
  const body = (request.body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const taken = await takeJob(deps, { sub, idempotencyKey: typeof key === 'string' ? key : null, body }).catch(
    (error: unknown) => {
      // A caller that goes away in the middle is no fault of ours.
      if (request.raw.readableAborted) return refuse('request_invalid', 'the body was cut off');
      throw error;
    },
  );
  if (isRefusal(taken)) {
    if (!request.raw.readableAborted) await drain(body);
    return taken;
  }
  const { job, kind } = taken;
  if (kind === 'created') deps.emit('job.created', { job: job.id, agent: job.agent, rows: job.rows_total });
  return { status: kind === 'created' ? 201 : 200, body: jobView(deps.store, deps.watch, job) };
}

async function drain(body: AsyncIterator<Buffer>): Promise<void> {
  let left = drainBytes;
  for (let next = await body.next(); next.done !== true && left > 0; next = await body.next())
    left -= next.value.byteLength;
}

function list(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'GET',
    path: '/api/v1/jobs',
    role: 'viewer',
    summary: 'Jobs, newest first; `before` goes on after the last job of a page.',
    query: jobQuerySchema,
    answers: [{ status: 200, description: 'One page of jobs.', schema: jobListSchema }],
    async handle({ query }) {
      const rows = await listJobs(deps.store.db, filterOf(query));
      return { status: 200, body: { jobs: rows.map((row) => jobView(deps.store, deps.watch, row)) } };
    },
  });
}

function filterOf({ agent, status, limit, before }: JobQuery): JobFilter {
  const page = { limit, ...(agent && { agent }), ...(before && { before }) };
  switch (status) {
    case undefined:
      return page;
    case 'running':
      return { ...page, phase: 'accepted' };
    case 'queued':
    case 'sent':
    case 'rejected':
    case 'quarantined':
      return { ...page, phase: status };
    case 'completed':
    case 'cancelled':
    case 'expired':
    case 'stopped':
      return { ...page, finished: status };
    default:
      return status satisfies never;
  }
}

function show(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'GET',
    path: '/api/v1/jobs/:id',
    role: 'viewer',
    summary: 'One job.',
    params: jobParamsSchema,
    answers: [{ status: 200, description: 'The job.', schema: jobViewSchema }],
    handle: async ({ params }) => viewed(deps, await jobById(deps.store.db, params.id)),
  });
}

function cancel(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'POST',
    path: '/api/v1/jobs/:id/cancel',
    role: 'operator',
    summary: 'Ask for a job to be cancelled. Calls under way are finished; the job ends when its agent says so.',
    params: jobParamsSchema,
    answers: [{ status: 200, description: 'The job as it stands.', schema: jobViewSchema }],
    handle: async ({ params }) => viewed(deps, await cancelJob(deps, params.id)),
  });
}

function viewed(deps: ApiDeps, job: JobRow | null): Result {
  return job === null ? noJob : { status: 200, body: jobView(deps.store, deps.watch, job) };
}

function results(deps: ApiDeps): ApiRoute {
  const open = new OpenStreams(streamLimits);
  return defineRoute({
    method: 'GET',
    path: '/api/v1/jobs/:id/results',
    role: 'viewer',
    summary:
      'Stored entries in sequence, one JSON value a line. With `follow` until the job has ended; an empty line means still there.',
    params: jobParamsSchema,
    query: resultQuerySchema,
    headers: { 'Last-Event-ID': 'For Server-Sent Events: go on after this sequence.' },
    answers: [{ status: 200, description: 'The entries.', contentTypes: [jsonLines, eventStream] }],
    async handle(call) {
      const job = await jobById(deps.store.db, call.params.id);
      if (job === null) return noJob;
      const release = open.take(call.token?.id ?? '');
      if (isRefusal(release)) return release;
      // Also calls back when the caller has gone already; a listener for `close` would then wait for ever.
      finished(call.reply.raw, release);
      return sendResults(deps, job, call);
    },
  });
}

async function sendResults(
  deps: ApiDeps,
  job: JobRow,
  { query, request, reply }: Call<unknown, { after: number; follow: string }, unknown>,
): Promise<Result> {
  const events = (request.headers.accept ?? '').includes(eventStream);
  const last = Number(request.headers['last-event-id']);
  const after = events && Number.isSafeInteger(last) && last > query.after ? last : query.after;
  const gone = new AbortController();
  const end = (): void => gone.abort();
  // Not AbortSignal.any: a signal that lives as long as the server would keep a reference to every stream there ever was.
  deps.stopping.addEventListener('abort', end, { once: true });
  finished(reply.raw, () => {
    deps.stopping.removeEventListener('abort', end);
    end();
  });
  if (deps.stopping.aborted) end();
  const { signal } = gone;
  const follow = query.follow === 'true';
  const items = streamResults(deps, job.id, { after, follow, keepAliveMs: deps.keepAliveMs, signal });
  const write = events ? asEvent : asLine;
  const text = async function* () {
    for await (const item of items) yield write(item);
  };
  await reply
    .type(events ? eventStream : jsonLines)
    .send(Readable.from(text(), { objectMode: false, highWaterMark: 64 * 1024 }));
  return { kind: 'streaming' };
}

function asLine(item: ResultItem): string {
  return item.kind === 'entry' ? `${item.line}\n` : '\n';
}

function asEvent(item: ResultItem): string {
  return item.kind === 'entry' ? `id: ${item.sequence}\ndata: ${item.line}\n\n` : ': still there\n\n';
}
