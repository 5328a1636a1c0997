// The spool's quota: how much of the disk results may take that the control plane has not acknowledged. At the quota no row starts and no
// further page is asked for. What is under way still gets its answer written, whatever it is: for that a reserve is kept beyond the quota, and
// so many rows at once as might need it all are not begun; jobs have the places for them by turns. Results that were delivered and are kept to
// be read on the host go first.
import type { JobId } from '../../protocol/ids.ts';
import { limits } from '../../protocol/limits.ts';
import type { EventSink } from '../events.ts';
import type { Clock } from './clock.ts';
import type { Journal } from './journal.ts';

export interface SpoolPorts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Bytes of unacknowledged entries beyond which no row starts, and of these and kept ones together. */
  readonly quotaBytes: number;
  /** Calls that may be under way at once, over all connections. */
  readonly callsAtOnce: number;
  /** There is room again: whoever waits looks again. */
  readonly onRoom: () => void;
}

export interface SpoolState {
  readonly bytes: number;
  /** Bytes of entries that were delivered and are kept readable on the host. */
  readonly keptBytes: number;
  readonly quotaBytes: number;
  /** Beyond the quota, for answers of what is under way. */
  readonly reserveBytes: number;
  readonly rowsUnderWay: number;
  /** When it became full (milliseconds since the epoch); null while there is room. */
  readonly fullSinceMs: number | null;
}

/** Kept entries are dropped down to this part of what is left for them, so that not every acknowledgement drops some. */
const keptPart = 0.9;

export class Spool {
  readonly #ports: SpoolPorts;
  readonly #reserveBytes: number;
  readonly #waiting = new Set<() => void>();
  #underWay = 0;
  /** Jobs whose next row was turned away, first come first: each has one place before those behind it. */
  readonly #line = new Set<JobId>();
  #trimming = false;
  #fullSince: { readonly atMs: number; readonly monotonicMs: number } | null = null;

  constructor(ports: SpoolPorts) {
    this.#ports = ports;
    this.#reserveBytes = Math.max(1, ports.callsAtOnce) * limits.envelopeBytes;
  }

  get state(): SpoolState {
    const { journal, quotaBytes } = this.#ports;
    return {
      bytes: journal.spoolBytes(),
      keptBytes: journal.keptBytes(),
      quotaBytes,
      reserveBytes: this.#reserveBytes,
      rowsUnderWay: this.#underWay,
      fullSinceMs: this.#fullSince?.atMs ?? null,
    };
  }

  /** Takes the place of one row of a job; give it back with `leave`. False: none may start now, and `onRoom` says when. */
  enter(job: JobId): boolean {
    const at = [...this.#line].indexOf(job);
    const before = at === -1 ? this.#line.size : at;
    if (this.#places() <= before) {
      this.#line.add(job);
      return false;
    }
    this.#line.delete(job);
    this.#underWay += 1;
    return true;
  }

  leave(): void {
    this.#underWay -= 1;
    this.#look();
  }

  turnedAway(job: JobId): boolean {
    return this.#line.has(job);
  }

  /** The job no longer wants the place that its row was turned away from. */
  forgo(job: JobId): void {
    if (this.#line.delete(job)) this.#look();
  }

  /** Rows that may start now: as many as might need all that is left. */
  #places(): number {
    if (this.#full()) return 0;
    const { journal, quotaBytes } = this.#ports;
    const free = quotaBytes + this.#reserveBytes - journal.spoolBytes();
    return Math.floor(free / limits.envelopeBytes) - this.#underWay;
  }

  /** Between the pages of a listing: resolves when there is room for another, or when the signal is aborted. */
  async room(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#full()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      await promise;
      this.#waiting.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }

  /** After a commit that made or acknowledged entries. */
  async changed(): Promise<void> {
    this.#look();
    const { journal, quotaBytes, events } = this.#ports;
    const left = Math.max(0, quotaBytes - journal.spoolBytes());
    if (this.#trimming || journal.keptBytes() <= left) return;
    this.#trimming = true;
    try {
      const entries = await journal.trimKept(Math.floor(left * keptPart));
      events('spool.trimmed', { entries, bytes: journal.keptBytes(), quotaBytes });
    } finally {
      this.#trimming = false;
    }
  }

  #full(): boolean {
    const { journal, quotaBytes, clock, events } = this.#ports;
    const bytes = journal.spoolBytes();
    if (bytes < quotaBytes) return false;
    if (this.#fullSince === null) {
      this.#fullSince = { atMs: clock.now(), monotonicMs: clock.monotonicMs() };
      events('spool.full', { bytes, quotaBytes, rows: this.#underWay });
    }
    return true;
  }

  #look(): void {
    const { journal, quotaBytes, clock, events, onRoom } = this.#ports;
    const since = this.#fullSince;
    const freed = since !== null && !this.#full();
    if (freed) {
      const durationMs = clock.monotonicMs() - since.monotonicMs;
      this.#fullSince = null;
      events('spool.room', { bytes: journal.spoolBytes(), quotaBytes, durationMs });
      for (const wake of this.#waiting) wake();
    }
    if (freed || this.#line.size > 0) onRoom();
  }
}
