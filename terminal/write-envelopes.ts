// Prints the entries of a job on stdout as JSON Lines, a table or CSV, while they come. Row ends are counted, not printed.
import { stringifyJson } from '../protocol/json.ts';
import { EnvelopeCsv } from './envelope-csv.ts';
import { memberName } from './envelope-members.ts';
import { EnvelopeTable } from './envelope-table.ts';
import { type EnvelopeEntry, type JsonObject, readEntry } from './read-entry.ts';
import { Tally } from './summary.ts';
import { type Output, widthOf, writeText } from './terminal.ts';
import { jsonForTerminal, visibleLines } from './visible-text.ts';

export const envelopeFormats = ['jsonl', 'table', 'csv'] as const;
export type EnvelopeFormat = (typeof envelopeFormats)[number];

export interface WriterOptions {
  readonly format: EnvelopeFormat;
  readonly out: Output;
  /** Terminal cells for a table; otherwise what the terminal says, and no limit in a file or pipe. */
  readonly width?: number;
  readonly colour?: boolean;
  /** Called before anything is written, so that a progress bar can make room. */
  readonly beforeWrite?: () => void;
}

export interface EnvelopeWriter {
  /** @returns false when the line is no entry; nothing is printed then. */
  write(entryLine: string): Promise<boolean>;
  /** Prints what was held back. @returns remarks for the user, for stderr */
  end(): Promise<readonly string[]>;
  readonly tally: Tally;
}

/** Envelopes from which a table or a CSV header decides its columns. */
const sampleSize = 50;
/** A table does not wait longer for its sample. */
const sampleMs = 400;

export function envelopeWriter(options: WriterOptions): EnvelopeWriter {
  const { out, beforeWrite } = options;
  const tally = new Tally();
  const form = formOf(options);
  let sample: EnvelopeEntry[] | null = form.start === null ? null : [];
  let timer: NodeJS.Timeout | undefined;
  const print = (text: string): Promise<void> => {
    if (text !== '') beforeWrite?.();
    return writeText(out, text);
  };
  const startNow = (): Promise<void> => {
    clearTimeout(timer);
    const held = sample ?? [];
    sample = null;
    return print(form.start?.(held) ?? '');
  };
  const show = async (entry: EnvelopeEntry): Promise<void> => {
    if (sample === null) return print(form.line(entry));
    sample.push(entry);
    if (sample.length >= sampleSize) return startNow();
    if (form.impatient) timer ??= setTimeout(() => void startNow(), sampleMs);
  };
  return {
    tally,
    async write(entryLine) {
      const entry = readEntry(entryLine);
      if (entry === null) return false;
      tally.add(entry);
      if (entry.kind === 'envelope') await show(entry);
      return true;
    },
    async end() {
      if (sample !== null && (sample.length > 0 || !form.impatient)) await startNow();
      clearTimeout(timer);
      return form.remarks();
    },
  };
}

interface Form {
  /** Null: no sample is needed. */
  readonly start: ((sample: readonly EnvelopeEntry[]) => string) | null;
  line(entry: EnvelopeEntry): string;
  /** Starts after a moment, also with a small sample. */
  readonly impatient: boolean;
  remarks(): readonly string[];
}

function formOf({ format, out, width, colour }: WriterOptions): Form {
  const shown = out.isTTY === true;
  if (format === 'table') {
    const room = width ?? (shown ? widthOf(out) : null);
    return tableForm(new EnvelopeTable({ width: room, colour: colour ?? false }));
  }
  if (format === 'csv') return csvForm(new EnvelopeCsv(), shown);
  return { start: null, line: jsonLine, impatient: false, remarks: () => [] };
}

function tableForm(table: EnvelopeTable): Form {
  return {
    start: (sample) => table.start(sample),
    line: (entry) => table.line(entry),
    impatient: true,
    remarks: () => leftOut(table.left),
  };
}

function csvForm(csv: EnvelopeCsv, shown: boolean): Form {
  // On a terminal it is looked at, not read by a program: nothing in it may act on the terminal.
  const safe = (text: string): string => (shown ? visibleLines(text) : text);
  return {
    start: (sample) => safe(csv.start(sample)),
    line: (entry) => safe(csv.line(entry)),
    impatient: false,
    remarks: () => [],
  };
}

const ours: ReadonlySet<string> = new Set(['row', 'item']);

/** `row`, `item`, then the envelope's own members. */
function jsonLine({ row, item, envelope }: EnvelopeEntry): string {
  const members = Object.entries(envelope).map(([name, value]) => [memberName(name, ours), value] as const);
  const line: JsonObject = { row, ...(item === null ? {} : { item }), ...Object.fromEntries(members) };
  return `${jsonForTerminal(stringifyJson({ ...line }))}\n`;
}

function leftOut(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const some = names.slice(0, 5).join(', ');
  const others = names.length > 5 ? ` and ${names.length - 5} others` : '';
  return [`the table has no room for ${some}${others}: use --format jsonl or csv to see everything`];
}
