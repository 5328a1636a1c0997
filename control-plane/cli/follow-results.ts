// The result lines of a job, each once and in order, across broken connections and restarts of the control plane. A line's sequence is its place in
// the job, from 1: after a break the stream goes on behind the last whole line that was handed out.
import { setTimeout as delay } from 'node:timers/promises';
import { type Failure, isFailure } from '../../terminal/fail.ts';
import { type ApiClient, mayPass, unreachable } from './client.ts';
import { isOver, type JobView, jobViewSchema } from './job-view.ts';

export type FollowEvent =
  | { readonly kind: 'line'; readonly sequence: number; readonly text: string }
  /** The connection broke; it is tried again after `waitMs`. */
  | { readonly kind: 'broken'; readonly reason: string; readonly waitMs: number }
  | { readonly kind: 'resumed' }
  /** Nothing more will come. */
  | { readonly kind: 'end'; readonly view: JobView }
  | Failure;

export interface FollowOptions {
  /** Sequence of the last line that is already known. */
  readonly after: number;
  /** Wait for lines that are still to come. */
  readonly follow: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Silence after which a connection counts as dead; the server sends an empty line well before. */
  readonly idleMs?: number;
  readonly signal: AbortSignal;
}

const idleMs = 90_000;
const firstWaitMs = 500;
const longestWaitMs = 15_000;
/** Longest line that is read: an envelope of several parts, and its frame. */
const longestLineBytes = 20 * 1024 * 1024;
/** Breaks in a row after which a command that does not follow gives up. One that follows never does. */
const triesWithoutFollow = 5;

export async function* followResults(
  client: ApiClient,
  job: string,
  options: FollowOptions,
): AsyncGenerator<FollowEvent> {
  let sequence = options.after;
  let fruitless = 0;
  let everConnected = false;
  for (;;) {
    const before = sequence;
    const lines = new ResultStream(client, job, { ...options, after: sequence });
    const opened = await lines.open();
    if (opened === null && fruitless > 0 && everConnected) yield { kind: 'resumed' };
    everConnected ||= opened === null;
    const ended = opened ?? (yield* lines.read());
    sequence = lines.sequence;
    fruitless = sequence > before ? 0 : fruitless + 1;
    const next = ended ?? (await afterEnd(client, job, { ...options, sequence, fruitless }));
    if (next !== null && !isFailure(next)) return yield* only(next);
    // A failure ends it when waiting cannot help, when nothing was ever reached, or when nobody asked to wait.
    if (next !== null && (!mayPass(next) || !everConnected || (!options.follow && fruitless >= triesWithoutFollow)))
      return yield* only(next);
    fruitless = Math.max(1, fruitless);
    const waitMs = Math.round(
      Math.min(longestWaitMs, firstWaitMs * 2 ** (fruitless - 1)) * (0.5 + options.random() / 2),
    );
    yield { kind: 'broken', reason: next?.detail ?? 'the stream ended before the job', waitMs };
    await delay(waitMs, undefined, { signal: options.signal });
  }
}

async function* only(event: FollowEvent): AsyncGenerator<FollowEvent, undefined> {
  yield event;
}

/** After a stream's orderly end: the end of it all, a failure, or null when there is more to read. */
async function afterEnd(
  client: ApiClient,
  job: string,
  state: { readonly follow: boolean; readonly sequence: number; readonly fruitless: number },
): Promise<(FollowEvent & ({ kind: 'end' } | Failure)) | null> {
  const answer = await client.json(`/jobs/${encodeURIComponent(job)}`, jobViewSchema);
  if (isFailure(answer)) return answer;
  const view = answer.value;
  const all = state.sequence >= view.last_sequence;
  if (!state.follow || (isOver(view.status) && all)) return { kind: 'end', view };
  // Lines that the job counts and the server does not have (results_lost) never come: do not wait for them for ever.
  return isOver(view.status) && state.fruitless >= 3 ? { kind: 'end', view } : null;
}

/** One connection. */
class ResultStream {
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #idleMs: number;
  readonly #signal: AbortSignal;
  readonly #dead = new AbortController();
  #body: ReadableStream<Uint8Array> | null = null;
  #sequence: number;
  #rest: Uint8Array[] = [];

  constructor(client: ApiClient, job: string, options: FollowOptions) {
    this.#client = client;
    this.#path = `/jobs/${encodeURIComponent(job)}/results?after=${options.after}${options.follow ? '&follow=true' : ''}`;
    this.#idleMs = options.idleMs ?? idleMs;
    this.#signal = options.signal;
    this.#sequence = options.after;
  }

  /** Of the last whole line. */
  get sequence(): number {
    return this.#sequence;
  }

  async open(): Promise<Failure | null> {
    const timer = this.#watch();
    const body = await this.#client.stream(this.#path, this.#dead.signal);
    clearTimeout(timer);
    if (isFailure(body)) return body;
    this.#body = body;
    return null;
  }

  /** Null at an orderly end. */
  async *read(): AsyncGenerator<FollowEvent, Failure | null> {
    const reader = this.#body?.getReader();
    try {
      for (;;) {
        // Only our waiting counts as silence, not the time that the reader of our output takes.
        const timer = this.#watch();
        const next = await reader?.read().finally(() => clearTimeout(timer));
        if (next === undefined || next.done) break;
        for (const text of this.#lines(next.value)) yield this.#line(text);
      }
      // What an orderly end leaves without a line feed is whole.
      const last = Buffer.concat(this.#rest).toString('utf8');
      if (last.trim() !== '') yield this.#line(last);
      return null;
    } catch (error) {
      if (this.#signal.aborted) throw error;
      return unreachable(this.#client.server.url, error);
    } finally {
      this.#dead.abort();
    }
  }

  #watch(): NodeJS.Timeout {
    return setTimeout(() => this.#dead.abort(new Error(`no sign of life for ${this.#idleMs} ms`)), this.#idleMs);
  }

  #line(text: string): FollowEvent {
    this.#sequence += 1;
    return { kind: 'line', sequence: this.#sequence, text };
  }

  /** Whole lines; empty ones are signs of life. */
  *#lines(chunk: Uint8Array): Generator<string> {
    let start = 0;
    for (let feed = chunk.indexOf(10); feed !== -1; feed = chunk.indexOf(10, start)) {
      const text = Buffer.concat([...this.#rest, chunk.subarray(start, feed)]).toString('utf8');
      this.#rest = [];
      start = feed + 1;
      if (text.trim() !== '') yield text;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
    const held = this.#rest.reduce((sum, part) => sum + part.length, 0);
    if (held > longestLineBytes) throw new Error(`a line is longer than ${longestLineBytes} bytes`);
  }
}
