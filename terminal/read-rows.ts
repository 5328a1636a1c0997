// Rows for a job, from a file or standard input: CSV with a header, JSON Lines, or a JSON array. Each row comes out as one line of JSON, as it will
// be sent and signed; numbers keep their source text. Streaming: memory does not grow with the file. The first fault ends it.
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { jsonFault } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { decodeText, isFault, type SourceFault } from './decode-text.ts';
import { type Failure, failure } from './fail.ts';
import { CsvScanner } from './scan-csv.ts';
import { JsonArrayScanner } from './scan-json-array.ts';

type Format = 'csv' | 'json_lines' | 'json_array';
type Texts = AsyncGenerator<string | SourceFault>;
type Rows = AsyncGenerator<string | SourceFault>;

interface ReadOptions {
  readonly stdin: Readable;
  readonly signal?: AbortSignal;
}

/**
 * @param source a path, or `-` for standard input
 * Yields rows, and at most one failure (`row_malformed`, `row_too_large`, `file_unreadable`), which is the last.
 */
export async function* readRows(source: string, options: ReadOptions): AsyncGenerator<string | Failure> {
  const name = source === '-' ? 'standard input' : source;
  const input = source === '-' ? options.stdin : createReadStream(source);
  try {
    if (options.signal !== undefined) addAbortSignal(options.signal, input);
    for await (const row of rowsOf(source, decodeText(input))) yield isFault(row) ? faultFailure(name, row) : row;
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    yield failure('io', 'file_unreadable', `${name} cannot be read: ${reason}`, 'check the path and its permissions');
  } finally {
    input.destroy();
  }
}

function faultFailure(name: string, fault: SourceFault): Failure {
  const detail = `${name}, line ${fault.line}: expected ${fault.expected}, found ${fault.found}`;
  return failure('bad_data', fault.tooLarge === true ? 'row_too_large' : 'row_malformed', detail, fault.help);
}

async function* rowsOf(source: string, texts: Texts): Rows {
  const head = await firstVisible(texts);
  if (isFault(head)) {
    yield head;
    return;
  }
  const rest = startingWith(head, texts);
  switch (formatOf(source, head)) {
    case 'csv':
      yield* csvRows(rest);
      return;
    case 'json_lines':
      yield* jsonLineRows(rest);
      return;
    case 'json_array':
      yield* jsonArrayRows(rest);
      return;
  }
}

/** The text up to the first piece with something to see, so that the format can be told. Blank text alone is cut short: it says nothing. */
async function firstVisible(texts: Texts): Promise<string | SourceFault> {
  let head = '';
  for (let next = await texts.next(); next.done !== true; next = await texts.next()) {
    if (isFault(next.value)) return next.value;
    head += next.value;
    if (head.trim() !== '') return head;
    if (head.length > limits.rowBytes)
      return { kind: 'fault', line: 1, expected: 'rows', found: 'blank text', tooLarge: true };
  }
  return head;
}

async function* startingWith(head: string, rest: Texts): Texts {
  yield head;
  yield* rest;
}

/** By the name's ending; `.json` and all other names by the first character. */
function formatOf(source: string, head: string): Format {
  const ending = source === '-' ? '' : extname(source).toLowerCase();
  if (ending === '.csv') return 'csv';
  if (ending === '.jsonl' || ending === '.ndjson') return 'json_lines';
  const first = head.trimStart()[0];
  if (first === '[') return 'json_array';
  return first === '{' || ending === '.json' ? 'json_lines' : 'csv';
}

async function* csvRows(texts: Texts): Rows {
  const scanner = new CsvScanner(limits.rowBytes);
  const table = new CsvTable();
  for await (const text of texts) {
    if (isFault(text)) {
      yield text;
      return;
    }
    for (const record of scanner.push(text)) {
      const row = isFault(record) ? record : table.row(record.cells, record.line);
      if (row !== null) yield row;
      if (isFault(row)) return;
    }
  }
  for (const record of scanner.end()) {
    const row = isFault(record) ? record : table.row(record.cells, record.line);
    if (row !== null) yield row;
  }
  if (!table.hasHeader) yield { kind: 'fault', line: 1, expected: 'a header line with column names', found: 'nothing' };
}

/** Turns records into rows by the header. Every value is text. */
class CsvTable {
  #members: readonly string[] | null = null;

  get hasHeader(): boolean {
    return this.#members !== null;
  }

  row(cells: readonly string[], line: number): string | SourceFault | null {
    if (this.#members === null) return this.#header(cells, line);
    const wanted = this.#members.length;
    if (cells.length !== wanted) {
      const help = 'quote a cell that holds a comma: "a, b"';
      return { kind: 'fault', line, expected: count(wanted), found: count(cells.length), help };
    }
    // Written member by member: an object in between would move names like "1" to the front and lose "__proto__".
    const row = `{${this.#members.map((member, at) => member + JSON.stringify(cells[at])).join(',')}}`;
    return tooLarge(row, line) ?? row;
  }

  #header(cells: readonly string[], line: number): SourceFault | null {
    const seen = new Set<string>();
    const twice = cells.find((name) => seen.size === seen.add(name).size);
    if (twice !== undefined)
      return { kind: 'fault', line, expected: 'each column name once', found: `${JSON.stringify(twice)} twice` };
    this.#members = cells.map((name) => `${JSON.stringify(name)}:`);
    return null;
  }
}

const count = (cells: number): string => (cells === 1 ? '1 cell' : `${cells} cells`);

async function* jsonLineRows(texts: Texts): Rows {
  let rest = '';
  let line = 1;
  for await (const text of texts) {
    if (isFault(text)) {
      yield text;
      return;
    }
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const each of lines) {
      const row = jsonLine(each, line);
      if (row !== null) yield row;
      if (isFault(row)) return;
      line += 1;
    }
    const fault = tooLarge(rest, line);
    if (fault !== null) {
      yield fault;
      return;
    }
  }
  const last = jsonLine(rest, line);
  if (last !== null) yield last;
}

function jsonLine(text: string, line: number): string | SourceFault | null {
  const row = text.endsWith('\r') ? text.slice(0, -1) : text;
  return row.trim() === '' ? null : checkedRow(row, line);
}

async function* jsonArrayRows(texts: Texts): Rows {
  const scanner = new JsonArrayScanner(limits.rowBytes);
  for await (const text of texts) {
    if (isFault(text)) {
      yield text;
      return;
    }
    for (const element of scanner.push(text)) {
      const row = isFault(element) ? element : checkedRow(element.text, element.line);
      yield row;
      if (isFault(row)) return;
    }
  }
  yield* scanner.end();
}

function tooLarge(row: string, line: number): SourceFault | null {
  if (row.length * 3 <= limits.rowBytes) return null;
  const found = Buffer.byteLength(row);
  if (found <= limits.rowBytes) return null;
  return {
    kind: 'fault',
    line,
    expected: `a row of at most ${limits.rowBytes} bytes`,
    found: `${found}`,
    tooLarge: true,
  };
}

/** The text itself when it is one JSON object that both ends read alike. */
function checkedRow(row: string, line: number): string | SourceFault {
  const large = tooLarge(row, line);
  if (large !== null) return large;
  const expected = 'a JSON object on one line';
  try {
    const value: unknown = JSON.parse(row);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return { kind: 'fault', line, expected, found: Array.isArray(value) ? 'an array' : typeof value };
  } catch (error) {
    return { kind: 'fault', line, expected, found: error instanceof Error ? error.message : String(error) };
  }
  const fault = jsonFault(row, limits.jsonDepth);
  if (fault === null) return row;
  return fault === 'duplicate_key'
    ? { kind: 'fault', line, expected: 'each member name once', found: 'one name twice in an object' }
    : { kind: 'fault', line, expected: `at most ${limits.jsonDepth} levels`, found: 'deeper nesting' };
}
