// The newest entries of one job in memory, so that what was just written is sent, and its acknowledgement checked, without reading it back from
// the disk. A short tail within fixed bounds: whoever wants what is not in it any more reads the journal.
import type { Digest } from '../../protocol/ids.ts';
import { limits } from '../../protocol/limits.ts';
import { utf8Bytes } from './envelope.ts';
import type { StoredEntry } from './journal.ts';

/** A page of a listing and as many as may be sent before it ahead of the acknowledgements. */
const maxEntries = 4_000;
/** Characters of their lines: as many small items. */
const maxUnits = 4 * limits.resultsBytes;

export class RecentEntries {
  #entries: StoredEntry[] = [];
  #units = 0;

  /** They follow on what was added before. */
  add(entries: readonly StoredEntry[]): void {
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#units += entry.line.length;
    }
    let over = 0;
    while (this.#entries.length - over > maxEntries || (this.#units > maxUnits && over < this.#entries.length)) {
      this.#units -= this.#entries[over]?.line.length ?? 0;
      over += 1;
    }
    if (over > 0) this.#entries.splice(0, over);
  }

  /** Entries up to `sequence` are not asked for again. */
  forget(sequence: number): void {
    const first = this.#entries[0]?.sequence;
    if (first === undefined || first > sequence) return;
    for (const { line } of this.#entries.splice(0, sequence - first + 1)) this.#units -= line.length;
  }

  /** At least one, whatever `maxBytes` is; null when they do not begin in memory. */
  from(sequence: number, bounds: { readonly maxCount: number; readonly maxBytes: number }): StoredEntry[] | null {
    const start = this.#indexOf(sequence);
    if (start === null) return null;
    const found = this.#entries.slice(start, start + Math.max(0, bounds.maxCount));
    return found.slice(0, countWithin(found, bounds.maxBytes));
  }

  headAt(sequence: number): Digest | null {
    const at = this.#indexOf(sequence);
    return at === null ? null : (this.#entries[at]?.head ?? null);
  }

  #indexOf(sequence: number): number | null {
    const first = this.#entries[0]?.sequence;
    if (first === undefined || sequence < first || sequence >= first + this.#entries.length) return null;
    return sequence - first;
  }
}

/** How many of the first entries have at most `maxBytes` in their lines; at least one. */
function countWithin(entries: readonly StoredEntry[], maxBytes: number): number {
  const units = entries.reduce((sum, { line }) => sum + line.length, 0);
  // Three bytes is the most that one UTF-16 unit takes in UTF-8, so short lines need no counting.
  if (units * 3 <= maxBytes) return entries.length;
  let bytes = 0;
  const over = entries.findIndex(({ line }) => (bytes += utf8Bytes(line)) > maxBytes);
  return over === -1 ? entries.length : Math.max(1, over);
}
