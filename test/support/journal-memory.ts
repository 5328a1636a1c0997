// The journal's twin in memory: the same meaning as agent/io/journal-sqlite.ts (test/contract/journal.ts runs on both), nothing durable. Values
// are copied through their JSON text at `commit`, as the disk would; structuredClone would lose a RawNumber.
import { JournalError } from '../../agent/io/journal-error.ts';
import type {
  Change,
  Journal,
  JournalFacts,
  PendingRow,
  RowProgress,
  StoredEntry,
  StoredJob,
} from '../../agent/job/journal.ts';
import type { JobId } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';

interface HeldEntry extends StoredEntry {
  readonly bytes: number;
  readonly keepUntil: number | null;
}

interface HeldJob {
  stored: StoredJob;
  readonly order: number;
  readonly rows: Map<number, PendingRow>;
  readonly entries: Map<number, HeldEntry>;
}

interface Waiting {
  readonly work: () => void;
  readonly done: () => void;
  readonly failed: (error: JournalError) => void;
}

function copy<Value>(value: Value): Value {
  return parseJson(JSON.stringify(value)) as Value;
}

function ascending(map: ReadonlyMap<number, unknown>): number[] {
  return [...map.keys()].sort((a, b) => a - b);
}

class MemoryJournal implements Journal {
  readonly #jobs = new Map<JobId, HeldJob>();
  #facts: JournalFacts = { sessionCounter: 0, highWaterMs: 0, keySet: null };
  #order = 0;
  #waiting: Waiting[] = [];
  #stopped: JournalError | null = null;
  #closed = false;
  /** How to take back what the open transaction did. */
  #undo: (() => void)[] = [];

  commit(changes: readonly Change[]): Promise<void> {
    const copies = copy(changes);
    return this.#add(() => {
      for (const change of copies) this.#apply(change);
    });
  }

  async facts(): Promise<JournalFacts> {
    this.#open();
    return copy(this.#facts);
  }

  async job(id: JobId): Promise<StoredJob | null> {
    this.#open();
    return copy(this.#jobs.get(id)?.stored ?? null);
  }

  async openJobs(): Promise<readonly StoredJob[]> {
    this.#open();
    return copy(this.#oldestFirst().filter(({ state }) => state.phase !== 'closed' && state.phase !== 'rejected'));
  }

  async recentJobs(count: number): Promise<readonly StoredJob[]> {
    this.#open();
    return copy(this.#oldestFirst().toReversed().slice(0, count));
  }

  async pendingRows(job: JobId, afterRow: number, count: number): Promise<readonly PendingRow[]> {
    this.#open();
    const rows = this.#jobs.get(job)?.rows ?? new Map<number, PendingRow>();
    const wanted = ascending(rows).filter((row) => row > afterRow);
    return copy(wanted.slice(0, count).flatMap((row) => rows.get(row) ?? []));
  }

  async entries(
    job: JobId,
    fromSequence: number,
    bounds: { readonly maxCount: number; readonly maxBytes: number },
  ): Promise<readonly StoredEntry[]> {
    this.#open();
    const found: StoredEntry[] = [];
    let left = bounds.maxBytes;
    for (const { sequence, line, head, bytes } of this.#entriesFrom(job, fromSequence).slice(0, bounds.maxCount)) {
      left -= bytes;
      if (found.length > 0 && left < 0) break;
      found.push({ sequence, line, head });
    }
    return found;
  }

  async firstHeld(job: JobId, fromSequence: number): Promise<number | null> {
    this.#open();
    return this.#entriesFrom(job, fromSequence)[0]?.sequence ?? null;
  }

  async headAt(job: JobId, sequence: number): Promise<StoredEntry['head'] | null> {
    this.#open();
    return this.#jobs.get(job)?.entries.get(sequence)?.head ?? null;
  }

  spoolBytes(): number {
    const entries = [...this.#jobs.values()].flatMap((job) => [...job.entries.values()]);
    return entries.reduce((sum, entry) => sum + (entry.keepUntil === null ? entry.bytes : 0), 0);
  }

  keptBytes(): number {
    const entries = [...this.#jobs.values()].flatMap((job) => [...job.entries.values()]);
    return entries.reduce((sum, entry) => sum + (entry.keepUntil === null ? 0 : entry.bytes), 0);
  }

  async trimKept(maxBytes: number): Promise<number> {
    let dropped = 0;
    await this.#add(() => {
      const kept = [...this.#jobs.values()].flatMap(({ entries }) =>
        [...entries.values()].filter((entry) => entry.keepUntil !== null).map((entry) => ({ entries, entry })),
      );
      kept.sort((a, b) => (a.entry.keepUntil ?? 0) - (b.entry.keepUntil ?? 0));
      for (const { entries, entry } of kept) {
        if (this.keptBytes() <= maxBytes) break;
        this.#put(entries, entry.sequence, undefined);
        dropped += 1;
      }
    });
    return dropped;
  }

  async purge(nowMs: number): Promise<{ readonly jobs: number; readonly entries: number }> {
    const purged = { jobs: 0, entries: 0 };
    await this.#add(() => {
      for (const [id, job] of this.#jobs) {
        for (const entry of job.entries.values()) {
          if (entry.keepUntil === null || entry.keepUntil > nowMs) continue;
          this.#put(job.entries, entry.sequence, undefined);
          purged.entries += 1;
        }
        const { state, forgetAt } = job.stored;
        const over = ['closed', 'rejected', 'quarantined'].includes(state.phase) && forgetAt <= nowMs;
        if (!over || [...job.entries.values()].some((entry) => entry.keepUntil !== null)) continue;
        purged.entries += job.entries.size;
        purged.jobs += 1;
        this.#put(this.#jobs, id, undefined);
      }
    });
    return purged;
  }

  async close(): Promise<void> {
    this.#flush();
    this.#stopped ??= new JournalError('closed', 'the journal was closed');
    this.#closed = true;
  }

  #open(): void {
    if (this.#closed) throw new JournalError('closed', 'the journal was closed');
  }

  #oldestFirst(): StoredJob[] {
    const jobs = [...this.#jobs.values()];
    jobs.sort((a, b) => a.stored.receivedAt - b.stored.receivedAt || a.order - b.order);
    return jobs.map(({ stored }) => stored);
  }

  #entriesFrom(job: JobId, fromSequence: number): HeldEntry[] {
    const entries = this.#jobs.get(job)?.entries ?? new Map<number, HeldEntry>();
    const wanted = ascending(entries).filter((sequence) => sequence >= fromSequence);
    return wanted.flatMap((sequence) => entries.get(sequence) ?? []);
  }

  #add(work: () => void): Promise<void> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#waiting.push({ work, done: resolve, failed: reject }) === 1) setImmediate(() => this.#flush());
    return promise;
  }

  #flush(): void {
    const group = this.#waiting;
    this.#waiting = [];
    this.#undo = [];
    try {
      for (const { work } of group) work();
    } catch (cause) {
      for (const takeBack of this.#undo.toReversed()) takeBack();
      this.#stopped = new JournalError('failed', 'the journal could not be written', { cause });
      for (const { failed } of group) failed(this.#stopped);
      return;
    }
    for (const { done } of group) done();
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'job': {
        if (this.#jobs.has(change.job.id)) throw new Error(`job ${change.job.id} is in the journal already`);
        const added = { stored: change.job, order: this.#order++, rows: new Map(), entries: new Map() };
        this.#put(this.#jobs, change.job.id, added);
        break;
      }
      case 'job_state': {
        const job = this.#known(change.job);
        const { state, outcomes, statement, forgetAt } = change;
        const before = job.stored;
        this.#undo.push(() => (job.stored = before));
        job.stored = { ...before, state, outcomes, statement, forgetAt };
        break;
      }
      case 'rows':
        change.lines.forEach((line, at) => {
          const row = change.firstRow + at;
          this.#insert(this.#known(change.job).rows, row, { row, line, progress: null });
        });
        break;
      case 'row_progress':
        this.#progress(change.job, change.row, change.progress);
        break;
      case 'row_ended':
        this.#put(this.#jobs.get(change.job)?.rows, change.row, undefined);
        break;
      case 'rows_dropped': {
        const rows = this.#jobs.get(change.job)?.rows;
        for (const row of rows?.keys() ?? []) this.#put(rows, row, undefined);
        break;
      }
      case 'entries':
        for (const entry of change.entries) {
          const held = { ...entry, bytes: Buffer.byteLength(entry.line), keepUntil: null };
          this.#insert(this.#known(change.job).entries, entry.sequence, held);
        }
        break;
      case 'entries_acked':
        this.#acked(change.job, change.through, change.keepUntil);
        break;
      case 'session_counter':
        this.#setFacts({ sessionCounter: change.value });
        break;
      case 'high_water':
        this.#setFacts({ highWaterMs: change.atMs });
        break;
      case 'key_set':
        this.#setFacts({ keySet: change.keySet });
        break;
      default:
        change satisfies never;
    }
  }

  #progress(id: JobId, number: number, progress: RowProgress): void {
    const { rows } = this.#known(id);
    const row = rows.get(number);
    if (row === undefined) throw new Error(`row ${number} of job ${id} is not in the journal`);
    this.#put(rows, number, { ...row, progress });
  }

  #acked(id: JobId, through: number, keepUntil: number | null): void {
    const entries = this.#jobs.get(id)?.entries;
    for (const entry of entries?.values() ?? []) {
      if (entry.sequence > through || entry.keepUntil !== null) continue;
      this.#put(entries, entry.sequence, keepUntil === null ? undefined : { ...entry, keepUntil });
    }
  }

  #known(id: JobId): HeldJob {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new Error(`job ${id} is not in the journal`);
    return job;
  }

  #setFacts(change: Partial<JournalFacts>): void {
    const before = this.#facts;
    this.#undo.push(() => (this.#facts = before));
    this.#facts = { ...before, ...change };
  }

  #insert<Value>(map: Map<number, Value>, key: number, value: Value): void {
    if (map.has(key)) throw new Error(`${key} is in the journal already`);
    this.#put(map, key, value);
  }

  #put<Key, Value>(map: Map<Key, Value> | undefined, key: Key, value: Value | undefined): void {
    const before = map?.get(key);
    this.#undo.push(() => (before === undefined ? map?.delete(key) : map?.set(key, before)));
    if (value === undefined) map?.delete(key);
    else map?.set(key, value);
  }
}

export function memoryJournal(): Journal {
  return new MemoryJournal();
}
