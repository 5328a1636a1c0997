// The commands' end of the local socket. Whoever answers is this host's own agent: the directory's mode says so. Still nothing is believed
// unparsed, and an agent of another version is told apart from a broken one.
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { z } from 'zod';
import { isRefusal, type Refusal, refuse } from '../../protocol/error-codes.ts';
import { limits } from '../../protocol/limits.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { RunId } from '../local/run-log.ts';
import {
  endedSchema,
  errorBodySchema,
  localPaths,
  localWire,
  type RunEnded,
  type RunHead,
  type RunView,
  runViewSchema,
  startedSchema,
  versionHeader,
  wireHeader,
} from '../local/wire.ts';
import { socketPath } from './local-path.ts';
import { LineReader } from './read-lines.ts';

/** What the agent said no to, with its own code: a newer one may have codes that this program does not know. */
export interface Said {
  readonly kind: 'said';
  readonly code: string;
  readonly detail: string;
}

export interface LocalClient {
  readonly kind: 'local_client';
  readonly stateDir: string;
  /** The command's own version. */
  readonly version: string;
  /** Told once when the agent is of another version that speaks the same wire. */
  readonly onOtherVersion: (version: string) => void;
}

const answerMs = 10_000;
/** A line of an answer: an entry is the longest there is. */
const lineBytes = limits.envelopeBytes + 1024;
const statusBytes = 16 * 1024 * 1024;

/** Refusals: agent_not_running, local_version, state_damaged (the socket cannot be reached by this user), configuration_invalid. */
export async function askJson<Schema extends z.ZodType>(
  client: LocalClient,
  path: string,
  schema: Schema,
): Promise<z.infer<Schema> | Refusal | Said> {
  const opened = await open(client, 'GET', path);
  if (isRefusal(opened)) return opened;
  opened.request.end();
  const response = await answerOf(opened, client);
  if (!isResponse(response)) return response;
  const text = await new LineReader(response).next(statusBytes);
  response.destroy();
  const parsed = safeParse(schema, jsonOf(text));
  return parsed.success ? parsed.data : refuse('local_version', `the answer to ${path} has another form here`);
}

export interface ExecWork {
  readonly head: RunHead;
  readonly rows: AsyncIterable<string>;
  readonly started: (run: RunId, configDiffers: boolean) => void;
  readonly deliver: (line: string) => Promise<void>;
  /** Cancels the run; its end is waited for. With the reason `output_closed` nobody reads it any more: the agent is left. */
  readonly signal: AbortSignal;
}

/** Null: the agent went away in the middle. */
export async function askExec(client: LocalClient, work: ExecWork): Promise<RunEnded | Refusal | Said | null> {
  const opened = await open(client, 'POST', localPaths.runs);
  if (isRefusal(opened)) return opened;
  const { request } = opened;
  request.write(`${JSON.stringify(work.head)}\n`);
  const response = await answerOf(opened, client);
  if (!isResponse(response)) return response;
  const over = new AbortController();
  try {
    return await readRun(client, request, response, { ...work, over: over.signal });
  } finally {
    over.abort();
    if (!request.writableEnded) request.end();
    response.destroy();
  }
}

async function readRun(
  client: LocalClient,
  request: ClientRequest,
  response: IncomingMessage,
  work: ExecWork & { readonly over: AbortSignal },
): Promise<RunEnded | null> {
  const lines = new LineReader(response);
  let cancel: (() => void) | null = null;
  try {
    for (let line = await lines.next(lineBytes); line !== null; line = await lines.next(lineBytes)) {
      if (line.startsWith('{"started"')) {
        const { run, config_differs: configDiffers } = startedSchema.parse(JSON.parse(line)).started;
        work.started(run, configDiffers);
        cancel = () => {
          if (work.signal.reason === 'output_closed') request.destroy();
          else void cancelRun(client, run);
        };
        if (work.signal.aborted) cancel();
        work.signal.addEventListener('abort', cancel, { once: true });
        void sendRows(request, work);
      } else if (line.startsWith('{"ended"')) {
        request.end();
        return endedSchema.parse(JSON.parse(line)).ended;
      } else await work.deliver(line);
    }
    return null;
  } catch (error) {
    if (isOfTheSystem(error)) return null;
    throw error;
  } finally {
    if (cancel !== null) work.signal.removeEventListener('abort', cancel);
  }
}

/** Never rejects: a broken stream is seen where its answer is read. */
async function sendRows(
  request: ClientRequest,
  { rows, over, signal }: ExecWork & { over: AbortSignal },
): Promise<void> {
  try {
    for await (const row of rows) {
      if (over.aborted || signal.aborted) break;
      if (!request.write(`${row}\n`)) await once(request, 'drain', { signal: over });
    }
    if (!over.aborted) request.end();
  } catch {
    request.destroy();
  }
}

async function cancelRun(client: LocalClient, run: RunId): Promise<void> {
  const opened = await open(client, 'POST', `${localPaths.runs}/${run}/cancel`);
  if (isRefusal(opened)) return;
  opened.request.end();
  const response = await answerOf(opened, client);
  if (isResponse(response)) response.resume();
}

/** A remembered run, then its kept entries. */
export async function askRun(
  client: LocalClient,
  run: string,
  work: { readonly found: (run: RunView) => void; readonly deliver: (line: string) => Promise<void> },
): Promise<Refusal | Said | null> {
  const opened = await open(client, 'GET', `${localPaths.runs}/${encodeURIComponent(run)}`);
  if (isRefusal(opened)) return opened;
  opened.request.end();
  const response = await answerOf(opened, client);
  if (!isResponse(response)) return response;
  const lines = new LineReader(response);
  const view = safeParse(runViewSchema, jsonOf(await lines.next(lineBytes)));
  if (!view.success) return refuse('local_version', 'the run has another form here');
  work.found(view.data);
  for (let line = await lines.next(lineBytes); line !== null; line = await lines.next(lineBytes))
    await work.deliver(line);
  return null;
}

interface Opened {
  readonly kind: 'opened';
  readonly request: ClientRequest;
  readonly answer: Promise<IncomingMessage>;
}

/** Resolves when the socket is connected. */
async function open({ stateDir }: LocalClient, method: string, path: string): Promise<Opened | Refusal> {
  try {
    const place = socketPath(stateDir);
    if (isRefusal(place)) return place;
    try {
      const request = httpRequest({ socketPath: place.path, method, path, agent: false });
      const { promise: answer, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      answer.catch(() => undefined);
      request.once('response', resolve);
      request.on('error', reject);
      request.flushHeaders();
      const { promise: connected, resolve: ready } = Promise.withResolvers<void>();
      request.once('socket', (socket) => {
        if (socket.connecting) socket.once('connect', ready);
        else ready();
      });
      await Promise.race([connected, answer]);
      return { kind: 'opened', request, answer };
    } finally {
      place.close();
    }
  } catch (error) {
    return notReached(stateDir, error);
  }
}

function notReached(stateDir: string, error: unknown): Refusal {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR')
    return refuse('agent_not_running', `no agent answers in ${stateDir}; start it: systemctl start iam-agent`);
  if (code === 'EACCES' || code === 'EPERM') {
    const who = 'only its own user and root may: sudo -u iam-agent iam-agent …';
    return refuse('state_damaged', `this user may not use the agent's socket in ${stateDir} (${code}); ${who}`);
  }
  return refuse('state_damaged', `the agent's socket in ${stateDir} cannot be used (${code})`);
}

async function answerOf({ request, answer }: Opened, client: LocalClient): Promise<IncomingMessage | Refusal | Said> {
  const timer = setTimeout(() => request.destroy(new Error('late')), answerMs);
  try {
    const response = await answer;
    const refused = versionOf(response, client);
    if (refused !== null) {
      response.destroy();
      return refused;
    }
    return response.statusCode === 200 ? response : await saidNo(response);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    return refuse(
      'agent_not_running',
      `the agent in ${client.stateDir} took the request and did not answer (${reason})`,
    );
  } finally {
    clearTimeout(timer);
  }
}

function versionOf({ headers }: IncomingMessage, { version, onOtherVersion }: LocalClient): Refusal | null {
  const [wire, other] = [headers[wireHeader], headers[versionHeader]];
  if (wire !== String(localWire)) {
    const found = `the running agent (version ${String(other ?? 'unknown')}) speaks ${String(wire ?? 'something else')}`;
    return refuse(
      'local_version',
      `this command (version ${version}) speaks version ${localWire} of the local socket, ${found}; restart the agent after an upgrade: systemctl restart iam-agent`,
    );
  }
  if (typeof other === 'string' && other !== version) onOtherVersion(other);
  return null;
}

async function saidNo(response: IncomingMessage): Promise<Said | Refusal> {
  const body = safeParse(errorBodySchema, jsonOf(await new LineReader(response).next(lineBytes)));
  response.destroy();
  if (!body.success) return refuse('local_version', `the agent answered ${response.statusCode} in another form`);
  return { kind: 'said', ...body.data.error };
}

function isResponse(value: IncomingMessage | Refusal | Said): value is IncomingMessage {
  return !isRefusal(value) && !('kind' in value);
}

function isOfTheSystem(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function jsonOf(text: string | null): unknown {
  try {
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}
