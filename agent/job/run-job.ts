// Step "queue": runs the rows of one accepted job, a bounded number side by side, and ends those that will not run. It keeps a short window
// of rows in memory, however many the job has. The rate of calls is not decided here: every job's calls meet in one limiter.
import { mayRun, skipChunk } from '../../protocol/agent-job.ts';
import { isRefusal, refuse } from '../../protocol/error-codes.ts';
import type { Envelope, RowOutcome } from '../../protocol/result-envelope.ts';
import { envelopeLines, refusalEnvelope } from './envelope.ts';
import type { Stop } from './call.ts';
import type { EndedRow, JobRecord } from './job-record.ts';
import type { Journal, PendingRow } from './journal.ts';
import { type RowPorts, runRow } from './pipeline.ts';

export interface RunJobPorts extends Omit<RowPorts, 'work' | 'sink' | 'stop' | 'room' | 'sessionName'> {
  readonly journal: Journal;
  /** Milliseconds since the epoch, never less than before. */
  readonly nowMs: () => number;
  /** True while no row may start because the spool is full. */
  readonly spoolFull: () => boolean;
  /** The journal failed: the process is ahead of its disk and must start again. */
  readonly onFault: (error: unknown) => void;
}

const window = 128;

/** Resolves when every row has ended, or when the signal stopped it. */
export async function runJob(record: JobRecord, ports: RunJobPorts): Promise<void> {
  const rows = new RowWindow(record, ports.journal);
  const underWay = new Set<Promise<void>>();
  const concurrency = concurrencyOf(record.plan);
  while (!ports.drain.aborted && record.state.phase === 'accepted') {
    const rest = restOutcome(record, ports.nowMs());
    if (rest !== null) {
      await Promise.all(underWay);
      await endRest(record, rest, ports);
      // Rows that were just coming in are on disk in a moment, and then end too.
      if (record.state.phase === 'accepted' && !(await changedOrLate(record, ports))) break;
      continue;
    }
    const row = underWay.size < concurrency && !ports.spoolFull() ? await rows.next() : null;
    if (row !== null) {
      const work = runPlanned(record, row, ports)
        .catch(ports.onFault)
        .finally(() => {
          underWay.delete(work);
          record.changed.ring();
        });
      underWay.add(work);
    } else if (!(await changedOrLate(record, ports))) break;
  }
  await Promise.all(underWay);
}

/** False when the process stops. Waits for rows, for a row's end, for a cancel, or for the job's last moment. */
async function changedOrLate(record: JobRecord, ports: RunJobPorts): Promise<boolean> {
  const done = new AbortController();
  const stop = (): void => done.abort();
  ports.drain.addEventListener('abort', stop, { once: true });
  const waitMs = Math.min(Math.max(notAfterMs(record) - ports.nowMs(), 0) + 1, 60_000);
  const slept = ports.clock.sleep(waitMs, done.signal).then(
    () => record.changed.ring(),
    () => undefined,
  );
  if (ports.drain.aborted) stop();
  else await Promise.race([record.changed.wait(), slept]);
  stop();
  await slept;
  ports.drain.removeEventListener('abort', stop);
  return !ports.drain.aborted;
}

async function runPlanned(record: JobRecord, pending: PendingRow, ports: RunJobPorts): Promise<void> {
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
      room: () => roomFor(record, ports),
      sink: {
        progress: async (index, lines, progress) => {
          await record.progress(index, lines, progress);
          items += lines.length;
        },
        end: (index, end) => record.end([{ row: index, ...end }]),
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

/** A listing waits between its pages as rows wait before their start; what was asked for already still has room. */
async function roomFor(record: JobRecord, ports: RunJobPorts): Promise<void> {
  while (ports.spoolFull() && !ports.drain.aborted && stopOf(record, ports.nowMs()) === null)
    await ports.clock.sleep(100);
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
  const failed = (outcomes.failed ?? 0) + (outcomes.refused ?? 0) + (outcomes.unknown ?? 0);
  return claims?.options.on_error === 'stop' && failed > 0 ? { outcome: 'stopped', envelope: null } : null;
}

async function endRest(record: JobRecord, rest: Rest, ports: RunJobPorts): Promise<void> {
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
async function endBegun(record: JobRecord, row: PendingRow, ports: RunJobPorts): Promise<void> {
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
      this.#rows = [...(await this.#journal.pendingRows(this.#record.id, this.#last, window))];
      this.#last = this.#rows.at(-1)?.row ?? this.#last;
    }
    return this.#rows.shift() ?? null;
  }
}
