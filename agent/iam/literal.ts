// Reads a value out of a rendered text: JSON, or what a template prints for a list, a dict or None, which is Python's form (single quotes,
// True, None, tuples). Literals only; depth and length are bounded by the text that a template may give.
import { isRawNumber, type Json, jsonFault, parseJson, rawNumber } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';

class NotALiteral extends Error {}

const words: Readonly<Record<string, Json>> = { True: true, False: false, None: null };
const plainEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };
const token =
  /\s*(?:([[\](){},:])|([A-Za-z]+)|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))/suy;

function unquote(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replaceAll(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/gsu, (_all, x, u, long, one) => {
      const code: unknown = x ?? u ?? long;
      if (typeof code === 'string') {
        const point = Number.parseInt(code, 16);
        if (point > 0x10ffff) throw new NotALiteral();
        return String.fromCodePoint(point);
      }
      const plain = typeof one === 'string' ? plainEscapes[one] : undefined;
      if (plain === undefined) throw new NotALiteral();
      return plain;
    });
}

class LiteralReader {
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    token.lastIndex = 0;
    const end = text.trimEnd().length;
    while (token.lastIndex < end) {
      const found = token.exec(text);
      if (found === null) throw new NotALiteral();
      this.#tokens.push(found[0].trimStart());
    }
  }

  read(): Json {
    const value = this.#value(0);
    if (this.#at !== this.#tokens.length) throw new NotALiteral();
    return value;
  }

  #next(): string {
    const found = this.#tokens[this.#at];
    if (found === undefined) throw new NotALiteral();
    this.#at += 1;
    return found;
  }

  #take(wanted: string): boolean {
    if (this.#tokens[this.#at] !== wanted) return false;
    this.#at += 1;
    return true;
  }

  #value(depth: number): Json {
    if (depth > limits.jsonDepth) throw new NotALiteral();
    const first = this.#next();
    if (first === '[') return this.#items(']', depth);
    if (first === '(') return this.#items(')', depth);
    if (first === '{') return this.#members(depth);
    if (first.startsWith("'") || first.startsWith('"')) return unquote(first);
    if (/^-?\d/.test(first)) return numberOf(first);
    const word = Object.hasOwn(words, first) ? words[first] : undefined;
    if (word === undefined) throw new NotALiteral();
    return word;
  }

  #items(end: string, depth: number): Json {
    const items: Json[] = [];
    while (!this.#take(end)) {
      items.push(this.#value(depth + 1));
      if (!this.#take(',') && this.#tokens[this.#at] !== end) throw new NotALiteral();
    }
    return items;
  }

  #members(depth: number): Json {
    const members = new Map<string, Json>();
    while (!this.#take('}')) {
      const key = this.#value(depth + 1);
      if (typeof key !== 'string' || members.has(key) || !this.#take(':')) throw new NotALiteral();
      members.set(key, this.#value(depth + 1));
      if (!this.#take(',') && this.#tokens[this.#at] !== '}') throw new NotALiteral();
    }
    return Object.fromEntries(members);
  }
}

function numberOf(digits: string): Json {
  const value = Number(digits);
  if (Number.isSafeInteger(value) && String(value) === digits) return value;
  // As in JSON and in Python, a number does not begin with a zero.
  if (!/^-?(?:0|[1-9]\d*)(?![\d])/.test(digits)) throw new NotALiteral();
  return rawNumber(digits);
}

function json(text: string): Json | undefined {
  if (jsonFault(text, limits.jsonDepth) !== null) return undefined;
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

export type Literal = { readonly kind: 'json' | 'python'; readonly value: Json } | { readonly kind: 'none' };

/** The value that a text is the literal of. Text that is both is JSON. */
export function readLiteral(text: string): Literal {
  const value = json(text);
  if (value !== undefined) return { kind: 'json', value };
  try {
    return { kind: 'python', value: new LiteralReader(text).read() };
  } catch (error) {
    if (error instanceof NotALiteral) return { kind: 'none' };
    throw error;
  }
}

export function isContainer(value: Json): boolean {
  return typeof value === 'object' && value !== null && !isRawNumber(value);
}
