// Cuts a JSON array of objects into its elements, piece by piece: memory is one element. Only the outline is read here; whether an element is
// JSON is checked by the caller. The text of an element is kept, but for line breaks between its tokens.
import type { SourceFault } from './decode-text.ts';

export interface JsonElement {
  readonly kind: 'element';
  /** Line of the file where it starts, from 1. */
  readonly line: number;
  readonly text: string;
}

type State = 'before_array' | 'first' | 'element' | 'in_object' | 'in_string' | 'after_element' | 'after_array';

const space = /[ \t\r\n]*/y;
const outsideRun = /[^"{}[\] \t\r\n]+/y;
const stringRun = /(?:[^"\\]|\\[^])*/y;

export class JsonArrayScanner {
  readonly #maxChars: number;
  #state: State = 'before_array';
  #text = '';
  #depth = 0;
  #line = 1;
  #startLine = 1;
  #rest = '';

  constructor(maxElementChars: number) {
    this.#maxChars = maxElementChars;
  }

  *push(piece: string): Generator<JsonElement | SourceFault> {
    const text = this.#rest + piece;
    this.#rest = '';
    for (let at = 0; at < text.length;) {
      at = this.#state === 'in_string' ? this.#stringPart(text, at) : this.#spacePart(text, at);
      if (at >= text.length) break;
      if (this.#state === 'in_object') at = this.#tokens(text, at);
      if (at >= text.length) break;
      const step = this.#take(text[at] ?? '');
      if (step !== null) yield step;
      if (step?.kind === 'fault') return;
      at += 1;
    }
    if (this.#text.length > this.#maxChars) yield this.#tooLarge();
  }

  *end(): Generator<SourceFault> {
    if (this.#state !== 'after_array') yield this.#fault("the array's closing ']'", 'the end of the file');
  }

  #append(text: string): void {
    if (this.#text.length <= this.#maxChars) this.#text += text;
  }

  #match(pattern: RegExp, text: string, at: number): string {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? '';
  }

  #spacePart(text: string, at: number): number {
    const run = this.#match(space, text, at);
    const lines = run.split('\n').length - 1;
    this.#line += lines;
    if (this.#state === 'in_object' && run !== '') this.#append(lines > 0 || run.includes('\r') ? ' ' : run);
    return at + run.length;
  }

  #stringPart(text: string, at: number): number {
    const run = this.#match(stringRun, text, at);
    this.#append(run);
    const end = at + run.length;
    // A backslash at the very end of a piece waits for the character it escapes.
    if (end === text.length - 1 && text[end] === '\\') {
      this.#rest = '\\';
      return text.length;
    }
    return end;
  }

  #tokens(text: string, at: number): number {
    const run = this.#match(outsideRun, text, at);
    this.#append(run);
    return run === '' ? at : this.#spacePart(text, at + run.length);
  }

  #take(char: string): JsonElement | SourceFault | null {
    switch (this.#state) {
      case 'before_array':
        return char === '[' ? this.#to('first') : this.#fault("a JSON array: '['", `'${char}'`);
      case 'first':
        return char === ']' ? this.#to('after_array') : this.#open(char);
      case 'element':
        return this.#open(char);
      case 'in_object':
        return this.#inside(char);
      case 'in_string':
        this.#append(char);
        return this.#to('in_object');
      case 'after_element':
        if (char === ',') return this.#to('element');
        return char === ']' ? this.#to('after_array') : this.#fault("',' or ']' after a row", `'${char}'`);
      case 'after_array':
        return this.#fault('nothing after the array', `'${char}'`);
    }
    return this.#state satisfies never;
  }

  #to(state: State): null {
    this.#state = state;
    return null;
  }

  #open(char: string): SourceFault | null {
    if (char !== '{') return this.#fault('a row: a JSON object', `'${char}'`);
    this.#startLine = this.#line;
    this.#text = '{';
    this.#depth = 1;
    return this.#to('in_object');
  }

  #inside(char: string): JsonElement | SourceFault | null {
    this.#append(char);
    if (char === '"') return this.#to('in_string');
    if (char === '{' || char === '[') this.#depth += 1;
    if (char === '}' || char === ']') this.#depth -= 1;
    if (this.#depth > 0) return null;
    if (this.#text.length > this.#maxChars) return this.#tooLarge();
    this.#state = 'after_element';
    const element: JsonElement = { kind: 'element', line: this.#startLine, text: this.#text };
    this.#text = '';
    return element;
  }

  #fault(expected: string, found: string): SourceFault {
    return { kind: 'fault', line: this.#line, expected, found };
  }

  #tooLarge(): SourceFault {
    const expected = `a row of at most ${this.#maxChars} bytes`;
    return { kind: 'fault', line: this.#startLine, expected, found: 'a longer one', tooLarge: true };
  }
}
