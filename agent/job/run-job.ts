// Step "queue": runs the rows of one accepted job, a bounded number side by side, and ends those that will not run. It keeps a short window
// of rows in memory, however many the job has. The rate of calls is not decided here: every job's calls meet in one limiter.
import { mayRun, skipChunk } from '../../protocol/agent-job.ts';
import { isRefusal, refuse } from '../../protocol/error-codes.ts';
import type { Envelope, RowOutcome } from '../../protocol/result-envelope.ts';
import { envelopeLines, refusalEnvelope } from './envelope.ts';
import { type EndedRow, failedRows, type JobRecord } from './job-record.ts';
import type { Journal, PendingRow } from './journal.ts';
import { type RowPorts, runRow } from './pipeline.ts';
import type { Spool } from './spool.ts';
import { JobStops, type Stop, type StopSignals } from './stops.ts';

type OfOneRow = 'work' | 'sink' | 'stop' | 'room' | 'sessionName' | keyof StopSignals;

export interface RunJobPorts extends Omit<RowPorts, OfOneRow> {
  readonly journal: Journal;
  /** Milliseconds since the epoch, never less than before. */
  readonly nowMs: () => number;
  readonly spool: Spool;
  /** The journal failed: the process is ahead of its disk and must start again. */
  readonly onFault: (error: unknown) => void;
}

const window = 128;
const longestWaitMs = 60_000;
/** Rows of reads that have ended in memory and not yet on disk: after a crash they run again. */
const mostEnding = 64;

type RunningPorts = RunJobPorts & { readonly stops: JobStops };

/** Resolves when every row has ended, or when the signal stopped it. */
export async function runJob(record: JobRecord, jobPorts: RunJobPorts): Promise<void> {
  const stops = new JobStops(jobPorts.drain, jobPorts.signal);
  const ports = { ...jobPorts, stops };
  const over = new AbortController();
  const ringing = ringWhenLate(record, ports, over.signal);
  try {
    await runRows(record, ports);
  } finally {
    stops.over();
    over.abort();
    await ringing;
  }
}

async function runRows(record: JobRecord, ports: RunningPorts): Promise<void> {
  const rows = new RowWindow(record, ports.journal);
  const underWay = new Set<Promise<void>>();
  // Answered, and on the way to the disk: they hold no place of a call.
  const ending = new Set<Promise<void>>();
  const concurrency = concurrencyOf(record.plan);
  while (!ports.drain.aborted && record.state.phase === 'accepted') {
    const rest = restOutcome(record, ports.nowMs());
    if (rest !== null) {
      stopRows(rest, ports.stops);
      ports.spool.forgo(record.id);
      if (underWay.size + ending.size === 0) await endRest(record, rest, ports);
      // Rows that were just coming in are on disk in a moment, and then end too.
      if (record.state.phase === 'accepted' && !(await changedOrLate(record, ports))) break;
      continue;
    }
    const free = underWay.size < concurrency && ending.size < mostEnding;
    const row = free ? await nextRow(rows, record, ports.spool) : null;
    record.waitsFor = free && row === null ? waitOf(record, underWay.size + ending.size, ports.spool) : null;
    if (row !== null) {
      const answered = (): void => {
        if (underWay.delete(work)) ending.add(work);
        record.changed.ring();
      };
      const work = runPlanned(record, row, ports, answered)
        .catch(ports.onFault)
        .finally(() => {
          ports.spool.leave();
          underWay.delete(work);
          ending.delete(work);
          record.changed.ring();
        });
      underWay.add(work);
    } else if (!(await changedOrLate(record, ports))) break;
  }
  // No row begins any more, and what is under way may take long.
  ports.spool.forgo(record.id);
  // Quarantined: what is under way is nobody's result any more.
  if (record.state.phase === 'quarantined') ports.stops.cut();
  await Promise.all([...underWay, ...ending]);
}

/** Reads of a cancelled job are cut off; at the latest start of a call only what has not begun is. */
function stopRows(rest: Rest, stops: JobStops): void {
  if (rest.outcome === 'cancelled') stops.cut();
  if (rest.outcome === 'expired') stops.begin();
}

/** A row with its place in the spool, or null when there is no row or no place. */
async function nextRow(rows: RowWindow, { id }: JobRecord, spool: Spool): Promise<PendingRow | null> {
  const row = await rows.next();
  if (row === null || spool.enter(id)) return row;
  rows.putBack(row);
  return null;
}

/** False when the process stops. Waits for rows, for a row's end, for a cancel, or for the job's last moment. */
async function changedOrLate(record: JobRecord, ports: RunningPorts): Promise<boolean> {
  if (!ports.drain.aborted) await record.changed.wait();
  return !ports.drain.aborted;
}

/** Rings at the job's last moment and when the process stops, until `over`: one timer for the job, however often it waits. */
async function ringWhenLate(record: JobRecord, ports: RunningPorts, over: AbortSignal): Promise<void> {
  const ring = (): void => record.changed.ring();
  ports.drain.addEventListener('abort', ring, { once: true });
  try {
    while (!over.aborted) {
      const leftMs = notAfterMs(record) - ports.nowMs();
      // Trusted time can run faster than the timer's, so a far moment is looked at again.
      await ports.clock.sleep(leftMs < 0 ? longestWaitMs : Math.min(leftMs + 1, longestWaitMs), over);
      ring();
    }
  } catch (error) {
    if (!over.aborted) throw error;
  } finally {
    ports.drain.removeEventListener('abort', ring);
  }
}

/** `answered` is called when the end of a read is known, before it is durable. */
async function runPlanned(
  record: JobRecord,
  pending: PendingRow,
  ports: RunningPorts,
  answered: () => void = () => undefined,
): Promise<void> {
  const { plan } = record;
  if (plan === null || isRefusal(plan)) return;
  const { row } = pending;
  let items = pending.progress?.items ?? 0;
  try {
    await runRow(plan, pending, {
      ...ports,
      work: { job: record.id },
      sessionName: plan.connection.roleSessionName ?? record.id,
      stop: () => stopOf(record, ports.nowMs()),
      waits: ports.stops.waits,
      reads: ports.stops.reads,
      room: (waits) => roomFor(record, ports.spool, waits),
      sink: {
        progress: async (index, lines, progress) => {
          await record.progress(index, lines, progress);
          items += lines.length;
        },
        end: (index, end) => {
          const durable = record.end([{ row: index, ...end }]);
          // A change keeps its place until it is durable: after a crash it would be reported as unknown, and no more of them than were under way.
          if (plan.action.repeat === 'safe') answered();
          return durable;
        },
      },
    });
  } catch (error) {
    // A fault in this program ends one row, not the job. If it was the journal's, this end fails too and goes up.
    ports.events('agent.fault', { code: 'internal' });
    const outcome = plan.action.repeat === 'safe' ? 'failed' : 'unknown';
    await record.end([endedRow({ row, items }, { outcome, envelope: faultEnvelope(error) })]);
  }
}

function stopOf(record: JobRecord, nowMs: number): Stop | null {
  if (record.state.phase !== 'accepted') return 'interrupted';
  if (record.state.cancelled) return 'cancelled';
  return nowMs > notAfterMs(record) ? 'expired' : null;
}

/** What a job waits for that could begin a row and does not. */
function waitOf({ id }: JobRecord, underWay: number, spool: Spool): JobRecord['waitsFor'] {
  if (spool.state.fullSinceMs !== null || spool.turnedAway(id)) return 'spool';
  return underWay === 0 ? 'rows' : null;
}

/** A listing waits between its pages as rows wait before their start; what was asked for already still has room. */
async function roomFor(record: JobRecord, spool: Spool, waits: AbortSignal): Promise<void> {
  const room = spool.room(waits);
  if (spool.state.fullSinceMs !== null) record.waitsFor = 'spool';
  await room;
  record.waitsFor = null;
}

function faultEnvelope(error: unknown): Envelope {
  const name = error instanceof Error ? error.name : 'an unknown fault';
  return refusalEnvelope(refuse('internal', `the agent failed while it ran this row (${name}); its log says when`));
}

interface Rest {
  readonly outcome: RowOutcome;
  readonly envelope: Envelope | null;
}

function endedRow({ row, items }: { row: number; items: number }, rest: Rest): EndedRow {
  const lines = rest.envelope === null ? [] : envelopeLines(row, null, [rest.envelope]).lines;
  return { row, lines, items: items + lines.length, outcome: rest.outcome };
}

/** How the rows end that have not started, when they no longer may. */
function restOutcome(record: JobRecord, nowMs: number): Rest | null {
  const { outcomes, plan, claims } = record;
  if (plan === null) return { outcome: 'cancelled', envelope: null };
  if (isRefusal(plan)) return { outcome: 'refused', envelope: refusalEnvelope(plan) };
  if (!mayRun(record.state)) return { outcome: 'cancelled', envelope: null };
  if (record.rowsRefusal !== null) return { outcome: 'refused', envelope: refusalEnvelope(record.rowsRefusal) };
  if (nowMs > notAfterMs(record)) return { outcome: 'expired', envelope: null };
  return claims?.options.on_error === 'stop' && failedRows(outcomes) > 0
    ? { outcome: 'stopped', envelope: null }
    : null;
}

async function endRest(record: JobRecord, rest: Rest, ports: RunningPorts): Promise<void> {
  for (let last = -1; !ports.drain.aborted;) {
    const pending = await ports.journal.pendingRows(record.id, last, window);
    if (pending.length === 0) break;
    last = pending.at(-1)?.row ?? last;
    const unread = pending.filter((row) => !row.progress?.intent);
    if (unread.length > 0) {
      await record.end(unread.map(({ row, progress }) => endedRow({ row, items: progress?.items ?? 0 }, rest)));
    }
    for (const row of pending) if (row.progress?.intent) await endBegun(record, row, ports);
  }
  while (!ports.drain.aborted && record.state.nextChunk < record.state.chunks) {
    const { nextChunk } = record.state;
    const first = record.firstRowOf(nextChunk);
    const count = record.claims?.rows.chunks[nextChunk]?.rows ?? 0;
    const rows = Array.from({ length: count }, (_, index) => endedRow({ row: first + index, items: 0 }, rest));
    await record.end(rows, skipChunk);
  }
}

/** A change that may have been carried out is read back even now: "cancelled" would be a guess. */
async function endBegun(record: JobRecord, row: PendingRow, ports: RunningPorts): Promise<void> {
  if (record.plan !== null && !isRefusal(record.plan)) {
    await runPlanned(record, row, ports);
    return;
  }
  const detail =
    'the call may have been carried out before a restart; the host no longer allows the job, so it was not read back';
  const envelope = refusalEnvelope(refuse('outcome_unknown', detail));
  await record.end([endedRow({ row: row.row, items: row.progress?.items ?? 0 }, { outcome: 'unknown', envelope })]);
}

function notAfterMs(record: JobRecord): number {
  return (record.claims?.not_after ?? 0) * 1000;
}

function concurrencyOf(plan: JobRecord['plan']): number {
  if (plan === null || isRefusal(plan)) return 1;
  const host = plan.connection.limits.inFlight;
  return Math.min(plan.options.concurrency ?? host, host);
}

/** The next rows that have not ended, read a window at a time. */
class RowWindow {
  #rows: PendingRow[] = [];
  #last = -1;
  readonly #record: JobRecord;
  readonly #journal: Journal;

  constructor(record: JobRecord, journal: Journal) {
    this.#record = record;
    this.#journal = journal;
  }

  async next(): Promise<PendingRow | null> {
    if (this.#rows.length === 0) {
      // All that came was read: the journal has no more.
      if (this.#last + 1 >= this.#record.firstRowOf(this.#record.state.nextChunk)) return null;
      this.#rows = [...(await this.#journal.pendingRows(this.#record.id, this.#last, window))];
      this.#last = this.#rows.at(-1)?.row ?? this.#last;
    }
    return this.#rows.shift() ?? null;
  }

  putBack(row: PendingRow): void {
    this.#rows.unshift(row);
  }
}
