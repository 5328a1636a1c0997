// printf-style formatting: `text % values` and the filter `format`. Conversions that are not exact here are refused by name.
import { codePoints, lengthOf } from './code-points.ts';
import { integerSteps } from './integer-cost.ts';
import { formatFloat } from './float-format.ts';
import { asNumber, toFloat, truncate } from './numbers.ts';
import { quoted, repr } from './printing.ts';
import { type DictValue, fail, halt, isObject, need, type Value, typeName } from './value.ts';
import type { Work } from './work.ts';

const maxPrecision = 300;

interface Spec {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | null;
}

function pad(sign: string, body: string, { flags, width }: Spec, numeric: boolean, work: Work): string {
  if (width > body.length) work.chars(width);
  const size = lengthOf(sign + body);
  if (size >= width) return sign + body;
  if (flags.includes('-')) return sign + body + ' '.repeat(width - size);
  if (numeric && flags.includes('0')) return sign + '0'.repeat(width - size) + body;
  return ' '.repeat(width - size) + sign + body;
}

function signOf(negative: boolean, flags: string): string {
  if (negative) return '-';
  return flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
}

function decimal(value: Value, spec: Spec, conversion: string, work: Work): string {
  const number = asNumber(need(value));
  if (number === null) return fail(`%${conversion} format: a number is required, not ${typeName(value)}`);
  if (typeof number === 'number' && conversion !== 'd') return fail(`%${conversion} format: an integer is required`);
  const whole = typeof number === 'bigint' ? number : truncate(number);
  const size = whole < 0n ? -whole : whole;
  work.step(integerSteps(size));
  const radix = conversion === 'o' ? 8 : conversion === 'd' ? 10 : 16;
  const digits = size.toString(radix).padStart(spec.precision ?? 0, '0');
  const prefix = radix === 10 || !spec.flags.includes('#') ? '' : `0${conversion}`;
  const sign = signOf(whole < 0n, spec.flags) + prefix;
  return pad(sign, conversion === 'X' ? digits.toUpperCase() : digits, spec, true, work);
}

function float(value: Value, spec: Spec, conversion: string, work: Work): string {
  const number = asNumber(need(value));
  if (number === null) return fail(`must be real number, not ${typeName(value)}`);
  const known = toFloat(number);
  if (!Number.isFinite(known) || spec.flags.includes('#')) return halt('template_unsupported', 'formatting inf or nan');
  const digits = formatFloat(known, conversion, spec.precision ?? 6, work);
  const negative = digits.startsWith('-');
  return pad(signOf(negative, spec.flags), negative ? digits.slice(1) : digits, spec, true, work);
}

function character(value: Value): string {
  const known = need(value);
  if (typeof known === 'string') return lengthOf(known) === 1 ? known : fail('%c requires int or char');
  const code = asNumber(known);
  if (typeof code !== 'bigint') return fail('%c requires int or char');
  if (code < 0n || code > 0x10ffffn) return fail('%c arg not in range(0x110000)');
  if (code >= 0xd800n && code <= 0xdfffn) return halt('template_unsupported', 'half a surrogate pair');
  return String.fromCodePoint(Number(code));
}

function convert(conversion: string, value: Value, spec: Spec, work: Work): string {
  if (conversion === 's' || conversion === 'r') {
    const all = conversion === 's' ? work.text(value) : repr(value, work.growing());
    const cut = spec.precision === null ? all : codePoints(all).slice(0, spec.precision).join('');
    return pad('', cut, spec, false, work);
  }
  if (conversion === 'd' || conversion === 'i' || conversion === 'u') return decimal(value, spec, 'd', work);
  if (conversion === 'x' || conversion === 'X' || conversion === 'o') return decimal(value, spec, conversion, work);
  if (/^[eEfFgG]$/.test(conversion)) return float(value, spec, conversion, work);
  if (conversion === 'c') return pad('', character(value), spec, false, work);
  if (conversion === 'a') return halt('template_unsupported', 'the conversion %a');
  return fail(`unsupported format character ${quoted(conversion)}`);
}

const shape = /%(?:\(([^()]*)\))?([-+ 0#]*)(\d*)(?:\.(\d*))?([hlL]?)([\s\S]?)/uy;

/** `template % values`: a tuple gives the values in order, a dict by name, anything else is the one value. */
export function percentFormat(template: string, values: Value, work: Work): string {
  const given = need(values);
  const many = isObject(given) && given.kind === 'tuple' ? given.items : [given];
  const names: DictValue | null = isObject(given) && given.kind === 'dict' ? given : null;
  let used = 0;
  let byName = false;
  let result = '';
  const grow = work.growing();
  for (let at = 0; at < template.length;) {
    const next = template.indexOf('%', at);
    const end = next < 0 ? template.length : next;
    grow(end - at);
    result += template.slice(at, end);
    if (next < 0) break;
    shape.lastIndex = next;
    const match = shape.exec(template);
    const [all = '%', name, flags = '', width = '', precision, , conversion = ''] = match ?? [];
    at = next + all.length;
    if (conversion === '') fail('incomplete format');
    if (conversion === '*') halt('template_unsupported', "the width '*' of a format");
    if (conversion === '%' && all === '%%') {
      grow(1);
      result += '%';
      continue;
    }
    if (conversion === '%') halt('template_unsupported', 'a %% with flags');
    const spec = { flags, width: Number(width), precision: precision === undefined ? null : Number(precision) };
    if ((spec.precision ?? 0) > maxPrecision) halt('template_budget', `a precision above ${maxPrecision}`);
    let value: Value | undefined;
    if (name !== undefined) {
      if (names === null) fail('format requires a mapping');
      byName = true;
      value = names?.entries.get(`s${name}`)?.[1];
      if (value === undefined) fail(`the format names ${quoted(name)}, which is not given`);
    } else {
      value = many[used];
      used += 1;
      if (value === undefined) fail('not enough arguments for format string');
    }
    const piece = convert(conversion, value ?? null, spec, work);
    grow(piece.length);
    result += piece;
  }
  const tolerant = byName || (isObject(given) && given.kind !== 'tuple');
  if (used < many.length && !tolerant) fail('not all arguments converted during string formatting');
  return result;
}
