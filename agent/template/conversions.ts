// int() and float() of Python, as the filters `int` and `float` use them.
import { strip } from './code-points.ts';
import { textOf } from './compare.ts';
import { digitSteps, type Meter } from './integer-cost.ts';
import { asNumber, toFloat, truncate } from './numbers.ts';
import { halt, need, type Value } from './value.ts';

// One way to match each text: a second one would cost the square of its length.
const floatForm = /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const named = /^([+-]?)(inf|infinity|nan)$/i;
const prefixes = new Map([
  ['0x', 16],
  ['0o', 8],
  ['0b', 2],
]);
const maxDigits = 4300;
const allDigits = '0123456789abcdefghijklmnopqrstuvwxyz';

const trimmed = (text: string): string => {
  if (/[^\P{Nd}0-9]/u.test(text)) halt('template_unsupported', 'digits other than 0 to 9 in a number');
  return strip(text, null, { left: true, right: true });
};

/** float(text), null where Python raises ValueError. */
function parseFloatText(source: string): number | null {
  const text = trimmed(source);
  const special = named.exec(text);
  if (special !== null) {
    const size = special[2]?.toLowerCase() === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY;
    return special[1] === '-' ? -size : size;
  }
  return floatForm.test(text) ? Number(text.replaceAll('_', '')) : null;
}

// Ten digits at a time: as many as a float holds exactly in base 36.
function fromDigits(digits: string, radix: number): bigint {
  let value = 0n;
  for (let at = 0; at < digits.length; at += 10) {
    const part = digits.slice(at, at + 10);
    value = value * BigInt(radix ** part.length) + BigInt(Number.parseInt(part, radix));
  }
  return value;
}

/** int(text, base), null where Python raises ValueError. */
function parseInteger(source: string, base: number, meter: Meter): bigint | null {
  if (base !== 0 && (base < 2 || base > 36)) return null;
  let text = trimmed(source).toLowerCase();
  const negative = text.startsWith('-');
  if (negative || text.startsWith('+')) text = text.slice(1);
  const prefixed = prefixes.get(text.slice(0, 2));
  let radix = base;
  if (prefixed !== undefined && (base === 0 || base === prefixed)) {
    radix = prefixed;
    text = text.slice(2).replace(/^_/, '');
  } else if (base === 0) {
    radix = 10;
    if (/^0[0_]*[1-9]/.test(text)) return null;
  }
  if (!/^[0-9a-z]+(?:_[0-9a-z]+)*$/.test(text)) return null;
  const digits = text.replaceAll('_', '');
  if (digits.length > maxDigits) return null;
  meter.step(digitSteps(digits.length));
  const allowed = allDigits.slice(0, radix);
  for (const digit of digits) if (!allowed.includes(digit)) return null;
  const value = radix === 10 ? BigInt(digits) : fromDigits(digits, radix);
  return negative ? -value : value;
}

/** The filter `int`. */
export function toInteger(value: Value, fallback: Value, base: number, meter: Meter): Value {
  const known = textOf(value) ?? need(value);
  if (typeof known === 'string') {
    const exact = parseInteger(known, base, meter);
    if (exact !== null) return exact;
    const float = parseFloatText(known);
    return float === null || !Number.isFinite(float) ? fallback : truncate(float);
  }
  const number = asNumber(known);
  if (number === null || Number.isNaN(Number(number))) return fallback;
  return typeof number === 'bigint' ? number : truncate(number);
}

/** The filter `float`. */
export function toFloatValue(value: Value, fallback: Value): Value {
  const known = textOf(value) ?? need(value);
  if (typeof known === 'string') return parseFloatText(known) ?? fallback;
  const number = asNumber(known);
  return number === null ? fallback : toFloat(number);
}
