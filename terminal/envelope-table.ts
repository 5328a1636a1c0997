// Envelopes as a table for people, row by row. Columns are decided once, from the first envelopes; what has no column is counted and said at
// the end. A failed envelope is one line with its code and its whole error, so no column can hide it. Nothing printed can act on the terminal.
import { cellText, failureOf, memberName, membersOf } from './envelope-members.ts';
import type { EnvelopeEntry } from './read-entry.ts';
import { cut, displayWidth, padded, visible } from './visible-text.ts';

export interface TableStyle {
  /** Cells of the terminal; null is no limit. */
  readonly width: number | null;
  readonly colour: boolean;
}

interface Column {
  readonly name: string;
  readonly width: number;
}

const ours: ReadonlySet<string> = new Set(['row', 'item', 'status']);
const gap = '  ';
const widest = 60;
const narrowest = 8;
const errorChars = 2_000;
/** Levels below `result` that become columns: `User.UserName`. */
const openLevels = 3;

export class EnvelopeTable {
  readonly #style: TableStyle;
  #lead: readonly Column[] = [];
  #columns: readonly Column[] = [];
  readonly #left: Set<string> = new Set();

  constructor(style: TableStyle) {
    this.#style = style;
  }

  /** Decides the columns and gives the header and the lines of these envelopes. */
  start(sample: readonly EnvelopeEntry[]): string {
    const leads = sample.map(leadCells);
    this.#lead = ['row', 'item', 'status']
      .map((name, at) => ({
        name,
        width: Math.max(name.length, ...leads.map((cells) => displayWidth(cells[at] ?? ''))),
      }))
      .filter(({ name }) => name !== 'item' || sample.some((entry) => entry.item !== null));
    this.#columns = this.#fitted(naturalColumns(sample));
    const names = [...this.#lead, ...this.#columns].map(({ name, width }) => padded(cut(name, width), width));
    return this.#paint('1', names.join(gap).trimEnd()) + sample.map((entry) => this.line(entry)).join('');
  }

  line(entry: EnvelopeEntry): string {
    const cells = leadCells(entry);
    const [row = '', item = '', status = ''] = cells;
    const lead = this.#lead.map(({ name, width }) =>
      padded(name === 'row' ? row : name === 'item' ? item : status, width),
    );
    if (entry.failed) {
      const error = visible(failureOf(entry.envelope).error);
      return this.#paint('31', [...lead, cut(error, errorChars)].join(gap).trimEnd());
    }
    const members = shownMembers(entry);
    for (const name of members.keys()) if (!this.#columns.some((column) => column.name === name)) this.#left.add(name);
    const rest = this.#columns.map(({ name, width }) => padded(cut(members.get(name) ?? '', width), width));
    return `${[...lead, ...rest].join(gap).trimEnd()}\n`;
  }

  /** Names of members that had no column. */
  get left(): readonly string[] {
    return [...this.#left];
  }

  #paint(style: string, text: string): string {
    return this.#style.colour ? `\u001B[${style}m${text}\u001B[0m\n` : `${text}\n`;
  }

  /** Narrows the widest column until all fit; when even that is too wide, the last ones go. */
  #fitted(natural: readonly Column[]): readonly Column[] {
    const limit = this.#style.width;
    if (limit === null) return natural;
    const taken = this.#lead.reduce((sum, { width }) => sum + width + gap.length, 0);
    const columns = natural.map((column) => ({ ...column }));
    const over = (): number => columns.reduce((sum, { width }) => sum + width + gap.length, taken - gap.length) - limit;
    while (over() > 0 && columns.length > 0) {
      const largest = columns.reduce((most, column) => (column.width > most.width ? column : most));
      if (largest.width > narrowest) largest.width -= 1;
      else columns.pop();
    }
    return columns;
  }
}

function leadCells(entry: EnvelopeEntry): readonly string[] {
  const status = entry.failed ? visible(failureOf(entry.envelope).code) || 'error' : 'ok';
  return [String(entry.row), entry.item === null ? '' : String(entry.item), status];
}

/** What is worth a column: not AWS's response metadata, and without the `result.` that every object action has. */
function shownMembers(entry: EnvelopeEntry): Map<string, string> {
  const shown = new Map<string, string>();
  for (const [path, value] of membersOf(entry.envelope, openLevels)) {
    const name = visible(path.replace(/^result\./, ''));
    if (name === 'ResponseMetadata' || name.startsWith('ResponseMetadata.')) continue;
    shown.set(memberName(name, ours), visible(cellText(value)));
  }
  return shown;
}

function naturalColumns(sample: readonly EnvelopeEntry[]): readonly Column[] {
  const widths = new Map<string, number>();
  for (const entry of sample.filter(({ failed }) => !failed))
    for (const [name, text] of shownMembers(entry)) {
      const width = text.length > widest * 2 ? widest : Math.max(displayWidth(name), displayWidth(text));
      widths.set(name, Math.min(widest, Math.max(widths.get(name) ?? 0, width)));
    }
  return [...widths].map(([name, width]) => ({ name, width }));
}
