// How Python prints a value, since botocore's texts quote values that way.
import { isRawNumber, type Json } from '../../protocol/json.ts';

export function pythonType(value: Json): string {
  if (value === null) return "<class 'NoneType'>";
  if (typeof value === 'boolean') return "<class 'bool'>";
  if (typeof value === 'number') return Number.isInteger(value) ? "<class 'int'>" : "<class 'float'>";
  if (typeof value === 'string') return "<class 'str'>";
  if (isRawNumber(value)) return /^-?\d+$/.test(value.rawJSON) ? "<class 'int'>" : "<class 'float'>";
  return Array.isArray(value) ? "<class 'list'>" : "<class 'dict'>";
}

const pythonEscapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What str.isprintable() refuses, by its number. */
function pythonEscape(character: string): string {
  const known = pythonEscapes[character];
  if (known !== undefined || character === ' ') return known ?? character;
  const point = character.codePointAt(0) ?? 0;
  const hex = point.toString(16);
  if (point <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return point <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

// Python's repr of a text: double quotes only when there is a single one and no double one.
function pythonQuoted(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const escaped = value.replaceAll(/[\p{C}\p{Z}\\]/gu, pythonEscape);
  return `${quote}${quote === "'" ? escaped.replaceAll("'", String.raw`\'`) : escaped}${quote}`;
}

export function pythonText(value: Json): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return pythonQuoted(value);
  if (typeof value === 'number') return String(value);
  if (isRawNumber(value)) return value.rawJSON;
  if (Array.isArray(value)) return `[${value.map(pythonText).join(', ')}]`;
  const members = Object.entries(value).map(([key, inner]) => `${pythonQuoted(key)}: ${pythonText(inner)}`);
  return `{${members.join(', ')}}`;
}

/** Python's str(): a text as it is, anything else as it is quoted. */
export function pythonStr(value: Json): string {
  return typeof value === 'string' ? value : pythonText(value);
}
