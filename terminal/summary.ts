// Counts what a stream of entries said, and the lines that end a command: rows by outcome, envelopes, time.
import { type RowOutcome, rowOutcomes } from '../protocol/result-envelope.ts';
import type { ShownEntry } from './read-entry.ts';

export class Tally {
  readonly #outcomes = new Map<RowOutcome, number>();
  #envelopes = 0;
  #failedEnvelopes = 0;

  add(entry: ShownEntry): void {
    if (entry.kind === 'row_end') {
      this.#outcomes.set(entry.outcome, (this.#outcomes.get(entry.outcome) ?? 0) + 1);
    } else {
      this.#envelopes += 1;
      if (entry.failed) this.#failedEnvelopes += 1;
    }
  }

  get envelopes(): number {
    return this.#envelopes;
  }

  get failedEnvelopes(): number {
    return this.#failedEnvelopes;
  }

  /** Rows that ended. */
  get ended(): number {
    return [...this.#outcomes.values()].reduce((sum, rows) => sum + rows, 0);
  }

  /** Rows that ended in any other way than `succeeded`. */
  get notSucceeded(): number {
    return this.ended - this.count('succeeded');
  }

  count(outcome: RowOutcome): number {
    return this.#outcomes.get(outcome) ?? 0;
  }
}

/** For example `3 rows in 1.2 s: 2 succeeded, 1 failed; 17 results`. */
export function summaryLine(tally: Tally, elapsedMs: number): string {
  const outcomes = rowOutcomes
    .filter((outcome) => tally.count(outcome) > 0)
    .map((outcome) => `${tally.count(outcome)} ${outcome === 'unknown' ? 'of unknown outcome' : outcome}`);
  const rows = `${tally.ended} ${tally.ended === 1 ? 'row' : 'rows'} in ${duration(elapsedMs)}`;
  const results = `${tally.envelopes} ${tally.envelopes === 1 ? 'result' : 'results'}`;
  return `${rows}${outcomes.length === 0 ? '' : `: ${outcomes.join(', ')}`}; ${results}\n`;
}

/** `0.4 s`, `59.9 s`, `12 min 5 s`, `3 h 10 min`. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
