// The newest entries of one job in memory, so that what was just written is sent, and its acknowledgement checked, without reading it back from
// the disk. A short tail within fixed bounds: whoever wants what is not in it any more reads the journal.
import type { Digest } from '../../protocol/ids.ts';
import { limits } from '../../protocol/limits.ts';
import { utf8Bytes } from './envelope.ts';
import type { StoredEntry } from './journal.ts';

/** As many as may be sent ahead of the acknowledgements. */
const maxEntries = 1_000;
/** Characters of their lines: a page of a listing and some more. */
const maxUnits = 2 * limits.resultsBytes;

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
    const found: StoredEntry[] = [];
    let bytes = 0;
    for (let at = start; at < this.#entries.length && found.length < bounds.maxCount; at += 1) {
      const entry = this.#entries[at];
      if (entry === undefined) break;
      bytes += utf8Bytes(entry.line);
      if (found.length > 0 && bytes > bounds.maxBytes) break;
      found.push(entry);
    }
    return found;
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
