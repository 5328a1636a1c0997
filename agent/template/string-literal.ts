// The escapes of a string literal, as Python's unicode-escape codec reads them.
const simple: Readonly<Record<string, string>> = {
  __proto__: null as never,
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const hexDigits: Readonly<Record<string, number>> = { __proto__: null as never, x: 2, u: 4, U: 8 };

/** The text of a literal's inside, or null when an escape is not valid (\N{…} is not supported). An unknown escape stays as written. */
export function unescapeString(inside: string): string | null {
  if (!inside.includes('\\')) return inside;
  let result = '';
  for (let at = 0; at < inside.length; at += 1) {
    const char = inside[at] ?? '';
    if (char !== '\\') {
      result += char;
      continue;
    }
    at += 1;
    const escape = inside[at] ?? '';
    const digits = hexDigits[escape];
    const octal = /^[0-7]{1,3}/.exec(inside.slice(at, at + 3))?.[0];
    if (digits !== undefined) {
      const hex = inside.slice(at + 1, at + 1 + digits);
      const code = Number.parseInt(hex, 16);
      if (!/^[\da-fA-F]+$/.test(hex) || hex.length !== digits || code > 0x10ffff) return null;
      result += String.fromCodePoint(code);
      at += digits;
    } else if (octal !== undefined) {
      result += String.fromCodePoint(Number.parseInt(octal, 8));
      at += octal.length - 1;
    } else if (escape === 'N') return null;
    else result += simple[escape] ?? `\\${escape}`;
  }
  return result;
}
