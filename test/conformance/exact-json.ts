// JSON without loss, for the comparison alone: it shares nothing with the agent's own reader. A number that a double would change stays the
// text that it was, and 1.0 is not 1.

interface JsonWithRaw {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}
const native = JSON as unknown as JsonWithRaw;

/** What the agent may be given: numbers that a double would change are raw. */
export function parseExact(text: string): unknown {
  return native.parse(text, (_key, value, { source }) =>
    typeof value !== 'number' || source === undefined || String(value) === source ? value : native.rawJSON(source),
  );
}

/** One form for both sides: what the value prints as, with every number that is not a small integer as a text that says so. */
export function comparable(value: unknown): unknown {
  return native.parse(JSON.stringify(value ?? null), (_key, inner, { source }) => {
    if (typeof inner !== 'number' || source === undefined) return inner;
    if (!/^-?\d+$/.test(source)) return `float ${inner}`;
    return Number.isSafeInteger(inner) ? inner + 0 : `integer ${BigInt(source)}`;
  });
}
