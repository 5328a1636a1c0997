// Cuts a template into the tokens that nunjucks' parser reads, by the rules of Jinja2's lexer: nunjucks' own loses floats, big integers,
// string escapes and nested braces, and reads `r/` as a regular expression. White space control is done here, raw blocks too.
import lexer from 'nunjucks/src/lexer.js';
import type { Token } from 'nunjucks/src/parser.js';
import { strip } from './code-points.ts';
import { unescapeString } from './string-literal.ts';
import { halt } from './value.ts';

const maxBrackets = 40;
const closing: Readonly<Record<string, string>> = { __proto__: null as never, '(': ')', '[': ']', '{': '}' };
const bracketTypes: Readonly<Record<string, string>> = {
  __proto__: null as never,
  '(': 'left-paren',
  ')': 'right-paren',
  '[': 'left-bracket',
  ']': 'right-bracket',
  '{': 'left-curly',
  '}': 'right-curly',
  ',': 'comma',
  ':': 'colon',
  '~': 'tilde',
  '|': 'pipe',
};
const pattern = {
  space: /\s+/y,
  float: /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y,
  integer: /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y,
  name: /[\p{ID_Start}_][\p{ID_Continue}]*/uy,
  operator: /\*\*|\/\/|==|!=|>=|<=|[+\-/*%~[\](){}<>=.:|,]/y,
};

class Lexer {
  readonly #source: string;
  readonly tokens: Token[] = [];
  #at = 0;
  #line = 0;
  #counted = 0;
  #trimNext = false;

  constructor(source: string) {
    // As in Jinja2: every line end becomes \n, and one at the very end is dropped.
    const normal = source.replace(/\r\n?/g, '\n');
    this.#source = normal.endsWith('\n') ? normal.slice(0, -1) : normal;
  }

  run(): readonly Token[] {
    while (this.#at < this.#source.length) this.#data();
    return this.tokens;
  }

  #syntax(message: string): never {
    return halt('template_syntax', `line ${this.#lineHere() + 1}: ${message}`);
  }

  #lineHere(): number {
    for (; this.#counted < this.#at; this.#counted += 1) if (this.#source[this.#counted] === '\n') this.#line += 1;
    return this.#line;
  }

  #push(type: string, value: string): void {
    this.tokens.push({ type, value, lineno: this.#lineHere(), colno: 0 });
  }

  #text(end: number, trimEnd: boolean): void {
    const raw = this.#source.slice(this.#at, end);
    const kept = strip(raw, null, { left: this.#trimNext, right: trimEnd });
    this.#trimNext = false;
    if (kept !== '') this.#push(lexer.TOKEN_DATA, kept);
    this.#at = end;
  }

  #nextTag(): number {
    for (let at = this.#source.indexOf('{', this.#at); at >= 0; at = this.#source.indexOf('{', at + 1)) {
      const next = this.#source[at + 1];
      if (next === '{' || next === '%' || next === '#') return at;
    }
    return -1;
  }

  #data(): void {
    const start = this.#nextTag();
    if (start < 0) {
      this.#text(this.#source.length, false);
      return;
    }
    const sign = this.#source[start + 2] ?? '';
    this.#text(start, sign === '-');
    this.#at += sign === '-' || sign === '+' ? 3 : 2;
    const form = this.#source[start + 1];
    if (form === '#') this.#comment(start);
    else if (form === '%' && this.#raw()) return;
    else this.#code(form === '%');
  }

  #comment(start: number): void {
    const end = this.#source.indexOf('#}', start + 2);
    if (end < 0) this.#syntax('a comment is not closed');
    this.#trimNext = this.#source[end - 1] === '-' && end - 1 >= start + 2;
    this.#at = end + 2;
  }

  // A tag such as `raw -%}` at the current place: its end and whether white space after it goes.
  #wordTag(word: string, from: number): { end: number; trim: boolean } | null {
    let at = from;
    while (/\s/.test(this.#source[at] ?? '')) at += 1;
    if (!this.#source.startsWith(word, at)) return null;
    at += word.length;
    while (/\s/.test(this.#source[at] ?? '')) at += 1;
    const sign = this.#source[at];
    if (sign === '-' || (sign === '+' && word === 'endraw')) at += 1;
    return this.#source.startsWith('%}', at) ? { end: at + 2, trim: sign === '-' } : null;
  }

  #raw(): boolean {
    const begin = this.#wordTag('raw', this.#at);
    if (begin === null) return false;
    this.#at = begin.end;
    this.#trimNext = begin.trim;
    // Jinja2's lexer does not miss the end when nothing follows at all.
    if (this.#at === this.#source.length) return true;
    for (let at = this.#source.indexOf('{%', this.#at); at >= 0; at = this.#source.indexOf('{%', at + 1)) {
      const sign = this.#source[at + 2] ?? '';
      const end = this.#wordTag('endraw', at + (sign === '-' || sign === '+' ? 3 : 2));
      if (end === null) continue;
      this.#text(at, sign === '-');
      this.#at = end.end;
      this.#trimNext = end.trim;
      return true;
    }
    return this.#syntax('a raw block is not closed');
  }

  #match(regex: RegExp): string | null {
    regex.lastIndex = this.#at;
    return regex.exec(this.#source)?.[0] ?? null;
  }

  #end(isBlock: boolean): boolean {
    const mark = isBlock ? '%}' : '}}';
    const sign = this.#source[this.#at];
    const signed = sign === '-' || (sign === '+' && isBlock);
    if (!this.#source.startsWith(mark, this.#at + (signed ? 1 : 0))) return false;
    this.#push(isBlock ? lexer.TOKEN_BLOCK_END : lexer.TOKEN_VARIABLE_END, mark);
    this.#at += signed ? 3 : 2;
    this.#trimNext = sign === '-';
    return true;
  }

  #code(isBlock: boolean): void {
    this.#push(isBlock ? lexer.TOKEN_BLOCK_START : lexer.TOKEN_VARIABLE_START, isBlock ? '{%' : '{{');
    const open: string[] = [];
    while (this.#at < this.#source.length) {
      const space = this.#match(pattern.space);
      if (space !== null) this.#at += space.length;
      if (open.length === 0 && this.#end(isBlock)) return;
      if (this.#at < this.#source.length) this.#token(open);
    }
    this.#syntax(`${isBlock ? '{%' : '{{'} is not closed`);
  }

  #token(open: string[]): void {
    const first = this.#source[this.#at] ?? '';
    if (first === '"' || first === "'") return this.#string(first);
    const float = this.#source[this.#at - 1] === '.' ? null : this.#match(pattern.float);
    if (float !== null) return this.#take(lexer.TOKEN_FLOAT, float);
    const integer = this.#match(pattern.integer);
    if (integer !== null) return this.#take(lexer.TOKEN_INT, integer);
    const name = this.#match(pattern.name);
    if (name !== null) return this.#take(lexer.TOKEN_SYMBOL, name);
    const operator = this.#match(pattern.operator);
    if (operator === null) return this.#syntax(`unexpected character ${JSON.stringify(first)}`);
    const close = closing[operator];
    if (close !== undefined) {
      if (open.push(close) > maxBrackets) halt('template_budget', `brackets are nested deeper than ${maxBrackets}`);
    } else if ((operator === ')' || operator === ']' || operator === '}') && open.pop() !== operator)
      this.#syntax(`unexpected '${operator}'`);
    return this.#take(bracketTypes[operator] ?? lexer.TOKEN_OPERATOR, operator);
  }

  #take(type: string, value: string): void {
    this.#push(type, value);
    this.#at += value.length;
  }

  #string(quote: string): void {
    let end = this.#at + 1;
    while (end < this.#source.length && this.#source[end] !== quote) end += this.#source[end] === '\\' ? 2 : 1;
    if (end >= this.#source.length) this.#syntax('a string is not closed');
    const value = unescapeString(this.#source.slice(this.#at + 1, end));
    if (value === null) this.#syntax('a string has an escape that Python does not know');
    this.#push(lexer.TOKEN_STRING, value);
    this.#at = end + 1;
  }
}

/** All tokens of a template. @throws Halt template_syntax, template_budget. */
export function tokenize(source: string): readonly Token[] {
  return new Lexer(source).run();
}
