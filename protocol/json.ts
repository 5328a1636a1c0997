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
  const scopes: (Set<string> | null)[] = [];
  let lastString: string | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const symbol = text[at];
    if (symbol === '"') {
      const end = stringEnd(text, at);
      lastString = text.slice(at, end);
      at = end - 1;
      continue;
    }
    if (symbol === '{' || symbol === '[') {
      if (scopes.push(symbol === '{' ? new Set() : null) > maxDepth) return 'too_deep';
    } else if (symbol === '}' || symbol === ']') scopes.pop();
    else if (symbol === ':' && lastString !== null && addKey(scopes.at(-1), lastString)) return 'duplicate_key';
    else if (symbol !== ',') continue;
    lastString = null;
  }
  return null;
}

/** Index after the closing quote of the string that opens at `start`, or the text's end. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

/** Adds the key that a JSON string literal spells; true when the object has it already. */
function addKey(keys: Set<string> | null | undefined, literal: string): boolean {
  if (!keys) return false;
  const key = keyOf(literal);
  if (key === null) return false;
  if (keys.has(key)) return true;
  keys.add(key);
  return false;
}

function keyOf(literal: string): string | null {
  if (!literal.includes('\\')) return literal;
  try {
    return JSON.stringify(JSON.parse(literal));
  } catch {
    return null;
  }
}
