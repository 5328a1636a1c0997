// Envelopes as CSV (RFC 4180 quoting, LF), for programs. The header is decided from the first envelopes and never changes; a member that appears later
// goes into the last column, `more`, as JSON: nothing is lost, and memory does not grow. Data is written as it is, also when it starts with
// `=`, `+`, `-` or `@`: changing it would corrupt it for programs. The help page tells spreadsheet users to import columns as text.
import type { Json } from '../protocol/json.ts';
import { stringifyJson } from '../protocol/json.ts';
import { cellText, failureOf, memberName, membersOf } from './envelope-members.ts';
import type { EnvelopeEntry } from './read-entry.ts';

const lead = ['row', 'item', 'has_error', 'error_code', 'error'] as const;
const more = 'more';
const ours: ReadonlySet<string> = new Set([...lead, more]);
/** `result.User` is a column; what it holds is one cell of JSON. */
const openLevels = 1;

export class EnvelopeCsv {
  #columns: readonly string[] = [];

  start(sample: readonly EnvelopeEntry[]): string {
    this.#columns = [...new Set(sample.filter(({ failed }) => !failed).flatMap((entry) => [...members(entry).keys()]))];
    return record([...lead, ...this.#columns, more]) + sample.map((entry) => this.line(entry)).join('');
  }

  line(entry: EnvelopeEntry): string {
    const { error, code } = failureOf(entry.envelope);
    const left = members(entry);
    const cells = this.#columns.map((name) => {
      const text = cellText(left.get(name));
      left.delete(name);
      return text;
    });
    // A failed object action has `result: null`, which says nothing.
    if (left.get('result') === null) left.delete('result');
    const rest = left.size === 0 ? '' : stringifyJson(Object.fromEntries(left));
    const item = entry.item === null ? '' : String(entry.item);
    return record([String(entry.row), item, String(entry.failed), code, error, ...cells, rest]);
  }
}

function members(entry: EnvelopeEntry): Map<string, Json> {
  return new Map([...membersOf(entry.envelope, openLevels)].map(([name, value]) => [memberName(name, ours), value]));
}

function record(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`;
}
