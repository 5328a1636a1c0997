// One local run under way: rows come in from whoever asked, entries go back, and what may change something is in the log before it leaves. A
// slow reader of the entries slows the rows down; a caller that cancels or goes away stops rows from starting, and never a change under way.
import { refuse } from '../../protocol/error-codes.ts';
import { rowEndLine } from '../../protocol/result-envelope.ts';
import { Bell } from '../job/bell.ts';
import { envelopeLines, refusalEnvelope } from '../job/envelope.ts';
import { type RowPorts, type RowSink, runRow } from '../job/pipeline.ts';
import type { Plan } from '../job/plan.ts';
import type { StopSignals } from '../job/stops.ts';
import type { RunChange, RunEnd, RunLog, StoredRun } from './run-log.ts';

/** Whoever asked for a run. */
export interface RunCaller {
  /** Rows as lines of JSON, taken one by one when there is room for them. A rejection means that the caller is gone. */
  readonly rows: AsyncIterable<string>;
  /** Resolves when the caller took them, or is gone. */
  readonly deliver: (lines: readonly string[]) => Promise<void>;
  /** Aborted with the reason `lost` or `output_closed` when nobody reads the results any more; with any other when the caller cancels. */
  readonly signal: AbortSignal;
}

export interface LocalRunPorts extends Omit<
  RowPorts,
  'work' | 'sink' | 'stop' | 'room' | 'sessionName' | keyof StopSignals
> {
  readonly log: RunLog;
  /** The journal failed. */
  readonly onFault: (error: unknown) => void;
}

const unread: ReadonlySet<unknown> = new Set(['lost', 'output_closed']);

type Stopping = Extract<RunEnd, 'stopped' | 'cancelled' | 'lost' | 'drained'>;

export class LocalRun {
  readonly #plan: Plan;
  readonly #ports: LocalRunPorts;
  readonly #caller: RunCaller;
  /** No row starts any more. */
  readonly #noMore = new AbortController();
  /** Rows under way end as soon as they may; after an `on_error: stop` they end as they would have. */
  readonly #halt = new AbortController();
  /** Reads under way are cut off: nobody waits for them. */
  readonly #cut = new AbortController();
  #why: Stopping | null = null;
  #underWay = 0;
  #left = 0;
  #stored: StoredRun;

  constructor(stored: StoredRun, plan: Plan, caller: RunCaller, ports: LocalRunPorts) {
    this.#stored = stored;
    this.#plan = plan;
    this.#caller = caller;
    this.#ports = ports;
  }

  get stored(): StoredRun {
    return this.#stored;
  }

  /** Rows that have started and not ended. */
  get underWay(): number {
    return this.#underWay;
  }

  cancel(): void {
    this.#stop('cancelled');
  }

  /** Resolves when no row is under way any more and the end is in the log. */
  async go(): Promise<StoredRun> {
    const { drain, clock, signal: now } = this.#ports;
    const { signal } = this.#caller;
    const onNow = (): void => this.#cut.abort();
    const onDrain = (): void => this.#stop('drained');
    const onSignal = (): void => this.#stop(unread.has(signal.reason) ? 'lost' : 'cancelled');
    drain.addEventListener('abort', onDrain);
    signal.addEventListener('abort', onSignal);
    now.addEventListener('abort', onNow);
    if (drain.aborted) onDrain();
    if (signal.aborted) onSignal();
    try {
      const all = await this.#rows();
      // `inTime`: whatever stopped it came when every row that was given had ended.
      const inTime = all && this.#left === 0 && this.#why !== 'lost';
      const end = inTime ? 'completed' : (this.#why ?? 'completed');
      // A process that stops now finds the run at its next start.
      if (!(now.aborted && this.#stored.changes && this.#left > 0)) await this.#keep([], { end, endedAt: clock.now() });
      return this.#stored;
    } finally {
      drain.removeEventListener('abort', onDrain);
      signal.removeEventListener('abort', onSignal);
      now.removeEventListener('abort', onNow);
    }
  }

  #stop(why: Stopping): void {
    // Whoever went away has not seen the end, whatever else stopped the rows.
    if (this.#why === null || why === 'lost') this.#why = why;
    this.#noMore.abort();
    if (why !== 'stopped') this.#halt.abort();
    if (why === 'cancelled' || why === 'lost') this.#cut.abort();
  }

  /** True when the rows came to their end. */
  async #rows(): Promise<boolean> {
    const { connection, options } = this.#plan;
    const limit = Math.min(options.concurrency ?? connection.limits.inFlight, connection.limits.inFlight);
    const rows = this.#caller.rows[Symbol.asyncIterator]();
    const ports = this.#rowPorts();
    const ended = new Bell();
    const stopped = this.#noMore.signal;
    let all = false;
    for (let row = 0; !stopped.aborted; row += 1) {
      const next = await orAborted(rows.next(), stopped).catch(() => (this.#stop('lost'), null));
      if (next === null) break;
      all = next.done === true;
      if (next.done === true) break;
      this.#underWay += 1;
      void this.#row(row, next.value, ports).finally(() => {
        this.#underWay -= 1;
        ended.ring();
      });
      while (this.#underWay >= limit) await ended.wait();
    }
    while (this.#underWay > 0) await ended.wait();
    // Not awaited: a generator in the middle of waiting for its next row answers only after that.
    void rows.return?.().catch(() => undefined);
    return all;
  }

  async #row(row: number, line: string, ports: RowPorts): Promise<void> {
    const { onFault, events } = this.#ports;
    try {
      if ((await runRow(this.#plan, { row, line, progress: null }, ports)) === null) this.#left += 1;
    } catch (error) {
      // A fault in this program ends one row, not the run. If it was the journal's, this end fails too and goes up.
      events('agent.fault', { code: 'internal' });
      const name = error instanceof Error ? error.name : 'an unknown fault';
      const fault = refuse('internal', `the agent failed while it ran this row (${name}); its log says when`);
      const { lines } = envelopeLines(row, null, [refusalEnvelope(fault)]);
      const outcome = this.#plan.action.repeat === 'safe' ? 'failed' : 'unknown';
      await ports.sink.end(row, { lines, items: lines.length, outcome }).catch((failed: unknown) => {
        this.#left += 1;
        this.#stop('drained');
        onFault(failed);
      });
    }
  }

  #rowPorts(): RowPorts {
    const { caller, clock, turns, events, signal } = this.#ports;
    return {
      work: { run: this.#stored.id },
      sessionName: this.#plan.connection.roleSessionName ?? `iam-agent-exec-${clock.now()}`,
      caller,
      clock,
      turns,
      events,
      sink: this.#sink(),
      stop: () => (this.#why === 'cancelled' || this.#why === 'lost' ? 'cancelled' : null),
      room: () => Promise.resolve(),
      drain: this.#halt.signal,
      waits: this.#halt.signal,
      reads: this.#cut.signal,
      // A change, and reading one back, is cut off only when the process stops.
      signal: this.#plan.action.repeat === 'safe' ? this.#cut.signal : signal,
    };
  }

  #sink(): RowSink {
    const { id, changes } = this.#stored;
    const deliver = (lines: readonly string[]): Promise<void> => this.#caller.deliver(lines);
    return {
      progress: async (row, lines, { intent }) => {
        if (intent !== null) await this.#ports.log.commitRuns([{ kind: 'run_intent', run: id, row, intent }]);
        else {
          if (changes) await this.#keep(this.#entries(lines), { entries: this.#stored.entries + lines.length });
          await deliver(lines);
        }
      },
      end: async (row, { lines, items, outcome }) => {
        const all = [...lines, rowEndLine(row, items, outcome)];
        const { outcomes, entries } = this.#stored;
        const counted = { outcomes: { ...outcomes, [outcome]: (outcomes[outcome] ?? 0) + 1 } };
        if (changes) {
          const kept: RunChange[] = [...this.#entries(all), { kind: 'run_row_ended', run: id, row }];
          await this.#keep(kept, { ...counted, entries: entries + all.length });
        } else this.#stored = { ...this.#stored, ...counted };
        if (outcome !== 'succeeded' && this.#plan.options.on_error === 'stop') this.#stop('stopped');
        await deliver(all);
      },
    };
  }

  #entries(lines: readonly string[]): readonly RunChange[] {
    return lines.length === 0
      ? []
      : [{ kind: 'run_entries', run: this.#stored.id, from: this.#stored.entries + 1, lines }];
  }

  /** The state changes at once, so that rows that end side by side get places of their own; durable when it resolves. */
  async #keep(changes: readonly RunChange[], next: Partial<StoredRun>): Promise<void> {
    this.#stored = { ...this.#stored, ...next };
    await this.#ports.log.commitRuns([...changes, { kind: 'run', run: this.#stored }]);
  }
}

/** Null when the signal comes first. Leaves no listener behind: a run has very many rows. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const onAbort = (): void => resolve(null);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
