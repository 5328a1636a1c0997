// RFC 4180, read strictly and piece by piece: quotes, doubled quotes, line breaks inside quotes, CRLF or LF. The separator is the comma and
// is never guessed. Memory is one record; a quote that is never closed ends at the size limit, not at the end of the file.
import type { SourceFault } from './decode-text.ts';

export interface CsvRecord {
  readonly kind: 'record';
  /** Line of the file where it starts, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

type State = 'record_start' | 'cell_start' | 'plain' | 'quoted' | 'after_quote' | 'after_cr';

const plainRun = /[^",\r\n]*/y;
const quotedRun = /[^"]*/y;

export class CsvScanner {
  readonly #maxChars: number;
  #state: State = 'record_start';
  /** The state before a line break. */
  #pending: State = 'record_start';
  #cells: string[] = [];
  #cell = '';
  #chars = 0;
  #line = 1;
  #startLine = 1;
  #quoteLine = 1;

  constructor(maxRecordChars: number) {
    this.#maxChars = maxRecordChars;
  }

  /** Reads the next piece of the file. After a fault nothing more may be pushed. */
  *push(text: string): Generator<CsvRecord | SourceFault> {
    for (let at = 0; at < text.length;) {
      at = this.#run(text, at);
      if (this.#chars > this.#maxChars) {
        yield this.#tooLarge();
        return;
      }
      if (at >= text.length) return;
      const step = this.#take(text[at] ?? '');
      if (step !== null) yield step;
      if (step?.kind === 'fault') return;
      at += 1;
    }
  }

  /** The end of the file: the last record needs no line break. */
  *end(): Generator<CsvRecord | SourceFault> {
    if (this.#state === 'quoted')
      yield this.#fault('a closing quote', 'the end of the file', `the quote was opened on line ${this.#quoteLine}`);
    else if (this.#state === 'after_cr')
      yield this.#fault('a line feed after the carriage return', 'the end of the file', 'lines end with LF or CRLF');
    else if (this.#state !== 'record_start') yield this.#finish();
  }

  /** Takes everything up to the next character that means something. */
  #run(text: string, at: number): number {
    if (this.#state !== 'plain' && this.#state !== 'quoted') return at;
    const pattern = this.#state === 'plain' ? plainRun : quotedRun;
    pattern.lastIndex = at;
    const run = pattern.exec(text)?.[0] ?? '';
    if (this.#state === 'quoted')
      for (let feed = run.indexOf('\n'); feed !== -1; feed = run.indexOf('\n', feed + 1)) this.#line += 1;
    this.#cell += run;
    this.#chars += run.length;
    return at + run.length;
  }

  #take(char: string): CsvRecord | SourceFault | null {
    if (this.#state === 'after_cr') {
      if (char === '\n') return this.#lineEnd();
      return this.#fault('a line feed after the carriage return', `'${char}'`, 'lines end with LF or CRLF');
    }
    if (this.#state === 'quoted') {
      this.#state = 'after_quote';
      return null;
    }
    if (char === '\r') {
      this.#pending = this.#state;
      this.#state = 'after_cr';
      return null;
    }
    if (char === '\n') {
      this.#pending = this.#state;
      return this.#lineEnd();
    }
    if (this.#state === 'record_start') this.#startLine = this.#line;
    return char === '"' ? this.#quote() : this.#other(char);
  }

  #quote(): SourceFault | null {
    switch (this.#state) {
      case 'record_start':
      case 'cell_start':
        this.#state = 'quoted';
        this.#quoteLine = this.#line;
        return null;
      case 'after_quote':
        this.#cell += '"';
        this.#chars += 1;
        this.#state = 'quoted';
        return null;
      default:
        return this.#fault(
          'a cell in quotes from its first character on',
          'a quote inside a plain cell',
          'write "a ""quoted"" word"',
        );
    }
  }

  #other(char: string): SourceFault | null {
    if (char === ',') {
      this.#cells.push(this.#cell);
      this.#cell = '';
      // A separator counts as well: a record of nothing but commas has a limit too.
      this.#chars += 1;
      this.#state = 'cell_start';
      return null;
    }
    if (this.#state === 'after_quote')
      return this.#fault(
        'a comma or the end of the line after a closing quote',
        `'${char}'`,
        'write "a ""quoted"" word"',
      );
    this.#cell += char;
    this.#chars += 1;
    this.#state = 'plain';
    return null;
  }

  /** A line without any character is no record: write `""` for an empty cell in a file of one column. */
  #lineEnd(): CsvRecord | null {
    this.#line += 1;
    const blank = this.#pending === 'record_start';
    this.#state = 'record_start';
    return blank ? null : this.#finish();
  }

  #finish(): CsvRecord {
    const cells = [...this.#cells, this.#cell];
    this.#cells = [];
    this.#cell = '';
    this.#chars = 0;
    return { kind: 'record', line: this.#startLine, cells };
  }

  #fault(expected: string, found: string, help: string): SourceFault {
    return { kind: 'fault', line: this.#line, expected, found, help };
  }

  #tooLarge(): SourceFault {
    const help =
      this.#state === 'quoted' ? `a quote was opened on line ${this.#quoteLine}: is it closed?` : 'split the row';
    const expected = `a row of at most ${this.#maxChars} bytes`;
    return { kind: 'fault', line: this.#startLine, expected, found: 'a longer one', help, tooLarge: true };
  }
}
