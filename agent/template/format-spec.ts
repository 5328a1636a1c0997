// Python's format specifications, the part after the colon in '{:>8.2f}'.
import { codePoints, lengthOf } from './code-points.ts';
import { formatFloat } from './float-format.ts';
import { integerSteps } from './integer-cost.ts';
import { asNumber, toFloat } from './numbers.ts';
import { textOf } from './compare.ts';
import { fail, halt, need, type Value, typeName } from './value.ts';
import type { Work } from './work.ts';

const maxPrecision = 300;
const shape = /^(?:([^]?)([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u;

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly prefix: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly group: string;
  readonly precision: number | null;
  readonly type: string;
}

function parse(source: string): Spec {
  const match = shape.exec(source);
  if (match === null) return fail('invalid format specifier');
  const [, fill, align, sign = '', z, hash, zero, width = '0', group = '', precision, type = ''] = match;
  if (z !== undefined || type === 'n')
    halt('template_unsupported', `the format specification '${source.slice(0, 40)}'`);
  const padded = zero !== undefined && align === undefined;
  return {
    fill: fill === undefined || fill === '' ? (zero === undefined ? ' ' : '0') : fill,
    align: align ?? '',
    sign,
    prefix: hash !== undefined,
    zero: padded,
    width: Number(width),
    group,
    precision: precision === undefined ? null : Number(precision),
    type,
  };
}

function pad(sign: string, body: string, spec: Spec, fallback: string, work: Work): string {
  const align = spec.align === '' ? fallback : spec.align;
  const gap = spec.width - lengthOf(sign + body);
  if (gap <= 0) return sign + body;
  work.chars(spec.width * spec.fill.length);
  const fill = (count: number): string => spec.fill.repeat(count);
  if (align === '=') return sign + fill(gap) + body;
  if (align === '<') return sign + body + fill(gap);
  if (align === '>') return fill(gap) + sign + body;
  const left = Math.floor(gap / 2);
  return fill(left) + sign + body + fill(gap - left);
}

function formatText(text: string, spec: Spec, work: Work): string {
  if (spec.type !== '' && spec.type !== 's') fail(`unknown format code '${spec.type}' for a text`);
  if (spec.align === '=' || spec.sign !== '' || spec.prefix || spec.group !== '')
    fail('the format specification does not fit a text');
  const cut = spec.precision === null ? text : codePoints(text).slice(0, spec.precision).join('');
  return pad('', cut, spec, '<', work);
}

const radixes: Readonly<Record<string, readonly [number, string]>> = {
  __proto__: null as never,
  '': [10, ''],
  d: [10, ''],
  b: [2, '0b'],
  o: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
};

function grouped(digits: string, { group }: Spec, size: number): string {
  if (group === '') return digits;
  const [whole = '', ...rest] = digits.split(/(?=[.e%])/);
  return whole.replace(size === 3 ? /\B(?=(?:\d{3})+$)/g : /\B(?=(?:\w{4})+$)/g, group) + rest.join('');
}

const signOf = (negative: boolean, sign: string): string => (negative ? '-' : sign === '-' ? '' : sign);

function finish(negative: boolean, digits: string, spec: Spec, prefix: string, work: Work): string {
  const filled = spec.zero || (spec.align === '=' && spec.fill === '0');
  if (filled && spec.group !== '') halt('template_unsupported', 'a format with zeros and a separator');
  return pad(signOf(negative, spec.sign) + prefix, digits, spec, spec.zero ? '=' : '>', work);
}

function formatInteger(value: bigint, spec: Spec, work: Work): string {
  const size = value < 0n ? -value : value;
  work.step(integerSteps(size));
  if (spec.precision !== null) fail('precision not allowed in integer format specifier');
  if (spec.type === 'c') return halt('template_unsupported', "the format type 'c'");
  const [radix, prefix] = radixes[spec.type] ?? fail(`unknown format code '${spec.type}' for an integer`);
  if (spec.group === ',' && radix !== 10) fail(`cannot specify ',' with '${spec.type}'`);
  const digits = grouped(size.toString(radix), spec, radix === 10 ? 3 : 4);
  const cased = spec.type === 'X' ? digits.toUpperCase() : digits;
  return finish(value < 0n, cased, spec, spec.prefix ? prefix : '', work);
}

function formatReal(value: number, spec: Spec, work: Work): string {
  if (!/^[eEfFgG%]?$/.test(spec.type)) fail(`unknown format code '${spec.type}' for a float`);
  if (!Number.isFinite(value) || spec.prefix) return halt('template_unsupported', 'formatting inf or nan');
  if (spec.type === '') return halt('template_unsupported', 'a format of a float without a type');
  if ((spec.precision ?? 0) > maxPrecision) halt('template_budget', `a precision above ${maxPrecision}`);
  const percent = spec.type === '%';
  const scaled = percent ? value * 100 : value;
  const text = formatFloat(Math.abs(scaled), percent ? 'f' : spec.type, spec.precision ?? 6, work);
  const negative = value < 0 || Object.is(value, -0);
  return finish(negative, grouped(percent ? `${text}%` : text, spec, 3), spec, '', work);
}

/** format(value, specification). */
export function formatValue(value: Value, source: string, work: Work): string {
  const known = need(value);
  if (source === '') return work.text(known);
  const spec = parse(source);
  const text = textOf(known);
  if (text !== null) return formatText(text, spec, work);
  const number = asNumber(known);
  if (number === null) return fail(`unsupported format string passed to ${typeName(known)}.__format__`);
  if (typeof number === 'bigint' && !/^[eEfFgG%]$/.test(spec.type)) return formatInteger(number, spec, work);
  return formatReal(toFloat(number), spec, work);
}
