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
 */
export function jsonFault(text: string, maxDepth: number): 'duplicate_key' | 'too_deep' | null {
  const scopes: (Set<string> | null)[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;
  let lastString: string | null = null;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [symbol] = match;
    if (symbol === '{' || symbol === '[') {
      if (scopes.push(symbol === '{' ? new Set() : null) > maxDepth) return 'too_deep';
    } else if (symbol === '}' || symbol === ']') scopes.pop();
    else if (symbol === ':' && lastString !== null) {
      const keys = scopes.at(-1);
      const key: unknown = JSON.parse(lastString);
      if (keys && typeof key === 'string') {
        if (keys.has(key)) return 'duplicate_key';
        keys.add(key);
      }
    }
    lastString = symbol.startsWith('"') ? symbol : null;
  }
  return null;
}
