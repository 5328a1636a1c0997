// `exec` at the daemon's end of the local socket: rows in, entries out, both at the pace of the slower side. A client that closes its end, or
// breaks off its rows, is gone: its rows stop as if it had cancelled.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRefusal, type Refusal, refuse } from '../../protocol/error-codes.ts';
import { jsonFault } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { RunCaller } from '../local/local-run.ts';
import { localLimits } from '../local/local-limits.ts';
import { type RunHead, runHeadSchema } from '../local/wire.ts';
import { beginNo, type LocalService } from './local-answer.ts';
import { LineError, LineReader } from './read-lines.ts';

/** A client that has its last line closes its side; one that does not is cut off. */
const goodbyeMs = 2_000;

export async function serveRun(
  request: IncomingMessage,
  response: ServerResponse,
  service: LocalService,
): Promise<void> {
  const lines = new LineReader(request);
  const head = await readHead(request, lines);
  if (head === 'gone') return;
  if (isRefusal(head)) {
    service.events('local.refused', { code: head.code });
    await refuseRun(request, response, head);
    return;
  }
  const accepted = await service.runs.accept(head);
  if (isRefusal(accepted)) {
    await refuseRun(request, response, accepted);
    return;
  }
  const left = new AbortController();
  response.once('close', () => left.abort('lost'));
  if (response.destroyed) left.abort('lost');
  const writer = new LineWriter(response);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  void writer.write([JSON.stringify({ started: { run: accepted.id, config_differs: accepted.configDiffers } })]);
  const caller: RunCaller = { rows: rowsOf(lines), deliver: (entries) => writer.write(entries), signal: left.signal };
  const ended = await accepted.go(caller);
  await writer.write([JSON.stringify({ ended })]);
  await goodbye(request, response);
  response.end();
}

async function refuseRun(request: IncomingMessage, response: ServerResponse, refusal: Refusal): Promise<void> {
  beginNo(response, null, refusal);
  await goodbye(request, response);
  response.end();
}

async function readHead(request: IncomingMessage, lines: LineReader): Promise<RunHead | Refusal | 'gone'> {
  const late = setTimeout(() => request.destroy(), localLimits.headMs);
  try {
    const line = await lines.next(localLimits.headBytes);
    if (line === null) return refuse('request_invalid', 'expected a line that says what to run, found none');
    if (jsonFault(line, limits.jsonDepth) !== null)
      return refuse('request_invalid', 'expected JSON with each key once, and not nested deeper than 64');
    const head = safeParse(runHeadSchema, JSON.parse(line));
    if (head.success) return head.data;
    const [issue] = head.error.issues;
    return refuse('request_invalid', `the request: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  } catch (error) {
    if (error instanceof LineError) return refuse('request_invalid', `the request: ${error.message}`);
    if (error instanceof SyntaxError) return refuse('request_invalid', 'expected the request to be JSON');
    // The stream broke, or was too slow and was cut off.
    return 'gone';
  } finally {
    clearTimeout(late);
  }
}

/** Row after row. Rejects when the client breaks off; an over-long row is the same. */
async function* rowsOf(lines: LineReader): AsyncGenerator<string> {
  for (;;) {
    const line = await lines.next(limits.rowBytes);
    if (line === null) return;
    yield line;
  }
}

/** Waits for the reader: everybody who writes waits for the same moment. */
class LineWriter {
  readonly #response: ServerResponse;
  #room: Promise<void> | null = null;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  async write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0 || this.#response.destroyed) return;
    if (this.#response.write(`${lines.join('\n')}\n`)) return;
    this.#room ??= this.#drained();
    await this.#room;
  }

  async #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#response.once('drain', resolve);
    this.#response.once('close', resolve);
    await promise;
    this.#response.off('drain', resolve);
    this.#response.off('close', resolve);
    this.#room = null;
  }
}

/** Closing a socket with unread bytes in it would make the kernel throw away what the client has not read yet. */
async function goodbye(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.readableEnded || response.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, goodbyeMs);
  for (const event of ['end', 'close', 'error']) request.once(event, resolve);
  request.on('data', () => undefined);
  request.resume();
  await promise;
  clearTimeout(timer);
}
