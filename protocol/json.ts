// JSON without loss: a number that a double cannot hold keeps its source text, so rows and policy documents
// travel through both ends unchanged. Native: reviver source text and JSON.rawJSON (ECMA-262 JSON.parse source text access).

/** A number kept as its JSON source text (made by `JSON.rawJSON`), because a double would change it. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** Any JSON value; numbers that a double would change are `RawNumber`. */
export type Json = null | boolean | number | string | RawNumber | Json[] | { [key: string]: Json };

interface JsonWithRaw {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}
const native = JSON as unknown as JsonWithRaw;

/** True for a number that `parseJson` kept as source text. */
export function isRawNumber(value: unknown): value is RawNumber {
  return native.isRawJSON(value);
}

/**
 * Parses JSON and keeps every number's value: `1` is a number, `1.0`, `1e3` and 9007199254740993 are `RawNumber`.
 * @throws SyntaxError when the text is not JSON.
 */
export function parseJson(text: string): Json {
  return native.parse(text, (_key, value, context) => {
    if (typeof value !== 'number' || context.source === undefined) return value;
    return String(value) === context.source ? value : native.rawJSON(context.source);
  }) as Json;
}

/** Serialises a `Json` value; `RawNumber` prints as it was read. */
export function stringifyJson(value: Json): string {
  return JSON.stringify(value);
}

/** Wraps a numeric literal so that it prints as given. @throws SyntaxError when `source` is not a JSON number. */
export function rawNumber(source: string): RawNumber {
  return native.rawJSON(source);
}

/**
 * The first duplicated object key or too deep nesting in a JSON text, or null when there is none. JSON.parse keeps the last of two
 * equal keys in silence (RFC 8259 section 4 leaves it open), so two readers of one signed text could see different claims.
 * One pass, and total: a text that is not JSON gives any of the three answers, and JSON.parse refuses it afterwards.
 */
export function jsonFault(text: string, maxDepth: number): 'duplicate_key' | 'too_deep' | null {
  const scopes: (Names | null)[] = [];
  // The last string, when only blanks followed it.
  let [start, end] = [0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote) {
      start = at;
      end = stringEnd(text, at);
      at = end - 1;
      continue;
    }
    if (unit === openBrace || unit === openBracket) {
      if (scopes.push(unit === openBrace ? new Names() : null) > maxDepth) return 'too_deep';
    } else if (unit === closeBrace || unit === closeBracket) scopes.pop();
    else if (unit === colon && end > 0 && scopes.at(-1)?.add(text.slice(start, end)) === false) return 'duplicate_key';
    else if (unit !== colon && unit !== comma) continue;
    end = 0;
  }
  return null;
}

const [quote, comma, colon, backslash] = [0x22, 0x2c, 0x3a, 0x5c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Index after the closing quote of the string that opens at `start`, or the text's end. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (before > start && text.charCodeAt(before) === backslash) before -= 1;
    if ((at - before) % 2 === 1) return at + 1;
  }
  return text.length;
}

/** So few are compared one by one faster than a set is made. */
const fewNames = 16;

/** The members of one object. */
class Names {
  readonly #few: string[] = [];
  #many: Set<string> | null = null;

  /** Takes the name that a JSON string literal spells; false when it is there already. */
  add(literal: string): boolean {
    const name = keyOf(literal);
    if (name === null) return true;
    if (this.#many === null && this.#few.length === fewNames) this.#many = new Set(this.#few);
    if (this.#many === null ? this.#few.includes(name) : this.#many.has(name)) return false;
    if (this.#many === null) this.#few.push(name);
    else this.#many.add(name);
    return true;
  }
}

function keyOf(literal: string): string | null {
  if (!literal.includes('\\')) return literal;
  try {
    return JSON.stringify(JSON.parse(literal));
  } catch {
    return null;
  }
}
