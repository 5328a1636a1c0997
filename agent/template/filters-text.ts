// Filters that work on text and numbers, each equal to Jinja2 3.1's of the same name.
import type { Callable } from './callable.ts';
import { capitalize, codePoints, isSpace, lengthOf, splitBy, splitLines, strip } from './code-points.ts';
import { textOf, truthy } from './compare.ts';
import { changed, escaped, isMarkup } from './escaped-text.ts';
import { toFloatValue, toInteger } from './conversions.ts';
import { size } from './filters-sequence.ts';
import { jsonText } from './json-text.ts';
import { arithmetic, asNumber, fixed, type NumberValue, roundNumber, truncate } from './numbers.ts';
import { wordWrap } from './word-wrap.ts';
import { percentFormat } from './percent-format.ts';
import { fail, halt, isObject, isUndefined, markup, need, tuple, type Value, typeName, dict } from './value.ts';
import { sizeNumber, wholeNumber, type Work } from './work.ts';

type Rows = Readonly<Record<string, readonly [string, number, Callable<Value>['run']]>>;

function strictText(value: Value, what: string): string {
  const known = need(value);
  return textOf(known) ?? fail(`${what} needs a text, not ${typeName(known)}`);
}

function title(text: string): string {
  let start = true;
  let result = '';
  for (const char of codePoints(text)) {
    const breaks = isSpace(char) || '-({[<'.includes(char);
    result += breaks ? char : start ? char.toUpperCase() : char.toLowerCase();
    start = breaks;
  }
  return result;
}

/** str.replace, its result paid before it is built. */
export function replace(text: string, from: string, to: string, count: number, work: Work): string {
  work.chars(text.length);
  const pieces = from === '' ? ['', ...codePoints(text), ''] : text.split(from);
  work.step(pieces.length / 16);
  const times = count < 0 ? pieces.length - 1 : Math.min(count, pieces.length - 1);
  work.chars(text.length + times * (to.length - from.length));
  if (times === pieces.length - 1) return pieces.join(to);
  return (
    pieces.slice(0, times + 1).join(to) + (times < pieces.length - 1 ? from : '') + pieces.slice(times + 1).join(from)
  );
}

/** str.center. */
export function center(text: string, width: number, fill: string, work: Work): string {
  const gap = width - lengthOf(text);
  if (gap <= 0) return text;
  work.chars(width * fill.length);
  const left = Math.floor(gap / 2) + (gap & width & 1);
  return fill.repeat(left) + text + fill.repeat(gap - left);
}

function indent(text: string, width: Value, first: boolean, blank: boolean, work: Work): string {
  const margin = typeof width === 'string' ? width : blanks(wholeNumber(width, 'the width'), work);
  const lines = splitLines(`${text}\n`);
  work.chars(text.length + lines.length * (margin.length + 1));
  const body = lines
    .map((line, index) => (index === 0 ? line : blank || line !== '' ? margin + line : line))
    .join('\n');
  return first ? margin + body : body;
}

function blanks(count: number, work: Work): string {
  work.chars(Math.max(count, 0));
  return ' '.repeat(Math.max(count, 0));
}

interface EndMark {
  readonly mark: string;
  /** Its length before it was escaped. */
  readonly size: number;
}

function truncateText(text: string, length: number, kill: boolean, { mark, size }: EndMark, leeway: number): string {
  const points = codePoints(text);
  if (length < size) fail(`expected length >= ${size}, got ${length}`);
  if (leeway < 0) fail('expected leeway >= 0');
  if (points.length <= length + leeway) return text;
  const kept = points.slice(0, length - size).join('');
  return (kill ? kept : (splitBy(kept, ' ', 1, true)[0] ?? '')) + mark;
}

function percentEncode(text: string, query: boolean, work: Work): string {
  work.chars(text.length * 3);
  if (!text.isWellFormed()) fail('a lone surrogate cannot be encoded');
  const quoted = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return query ? quoted.replaceAll('%20', '+') : quoted.replaceAll('%2F', '/');
}

function urlEncode(value: Value, work: Work): string {
  const known = need(value);
  if (!isObject(known)) return percentEncode(work.text(known), false, work);
  if (known.kind === 'markup') return percentEncode(known.text, false, work);
  const pairs = known.kind === 'dict' ? [...known.entries.values()] : work.items(known).map((pair) => work.items(pair));
  work.step(pairs.length);
  const encoded = pairs.map((pair) => {
    const [key, member] = pair;
    if (pair.length !== 2 || key === undefined || member === undefined) return fail('urlencode needs pairs');
    return `${percentEncode(work.text(key), true, work)}=${percentEncode(work.text(member), true, work)}`;
  });
  work.chars(encoded.reduce((sum, part) => sum + part.length + 1, 0));
  return encoded.join('&');
}

function number(value: Value, what: string): NumberValue {
  return asNumber(need(value)) ?? fail(`bad operand type for ${what}: '${typeName(value)}'`);
}

function round(value: Value, precision: Value, method: Value, work: Work): Value {
  if (method !== 'common' && method !== 'ceil' && method !== 'floor')
    return fail('method must be common, ceil or floor');
  const [known, digits] = [number(value, 'round()'), wholeNumber(precision, 'the precision')];
  if (method === 'common') return roundNumber(known, digits, work);
  const scale = arithmetic('**', 10n, BigInt(digits), work);
  const grown = arithmetic('*', known, scale, work);
  if (typeof grown === 'number' && !Number.isFinite(grown))
    return fail('cannot convert float infinity or NaN to integer');
  const whole = typeof grown === 'bigint' ? grown : BigInt(method === 'ceil' ? Math.ceil(grown) : Math.floor(grown));
  return arithmetic('/', whole, scale, work);
}

function fileSize(bytes: number, binary: boolean, work: Work): string {
  const base = binary ? 1024 : 1000;
  if (bytes === 1) return '1 Byte';
  if (bytes < base) return `${truncate(bytes)} Bytes`;
  const units = (binary ? 'KMGTPEZY' : 'kMGTPEZY').split('');
  const last = units.length - 1;
  const found = units.findIndex((_unit, index) => bytes < base ** (index + 2));
  const at = found < 0 ? last : found;
  return `${fixed((base * bytes) / base ** (at + 2), 1, work)} ${units[at]}${binary ? 'iB' : 'B'}`;
}

function absolute(value: Value): Value {
  const known = number(value, 'abs()');
  return typeof known === 'bigint' ? (known < 0n ? -known : known) : Math.abs(known);
}

function plain(value: Value, work: Work): string {
  const text = work.text(value);
  work.chars(text.length);
  return text;
}

const flag = (value: Value | undefined): boolean => (value === undefined ? false : truthy(value));
const optional = (value: Value | undefined): Value => value ?? null;

export const textFilters: Rows = {
  default: [
    'default_value boolean',
    0,
    (value, [other = '', boolean]) => (isUndefined(value) || (flag(boolean) && !truthy(value)) ? other : value),
  ],
  lower: ['', 0, (value, _args, { work }) => changed(value, work, (text) => text.toLowerCase())],
  upper: ['', 0, (value, _args, { work }) => changed(value, work, (text) => text.toUpperCase())],
  title: ['', 0, (value, _args, { work }) => title(plain(value, work))],
  capitalize: ['', 0, (value, _args, { work }) => changed(value, work, capitalize)],
  trim: [
    'chars',
    0,
    (value, [chars], { work }) => {
      const set = optional(chars) === null ? null : strictText(optional(chars), 'chars');
      return changed(value, work, (text) => strip(text, set, { left: true, right: true }));
    },
  ],
  replace: [
    'old new count',
    2,
    (value, [old, fresh, count], { work }) =>
      replace(
        work.text(value),
        work.text(optional(old)),
        work.text(optional(fresh)),
        optional(count) === null ? -1 : sizeNumber(optional(count), 'count'),
        work,
      ),
  ],
  string: ['', 0, (value, _args, { work }) => (isObject(value) && value.kind === 'markup' ? value : work.text(value))],
  int: [
    'default base',
    0,
    (value, [fallback = 0n, base = 10n], { work }) => {
      work.step((textOf(value)?.length ?? 0) / 64);
      return toInteger(value, fallback, textOf(value) === null ? 10 : wholeNumber(base, 'base'), work);
    },
  ],
  float: [
    'default',
    0,
    (value, [fallback = 0], { work }) => {
      work.step((textOf(value)?.length ?? 0) / 64);
      return toFloatValue(value, fallback);
    },
  ],
  abs: ['', 0, (value) => absolute(value)],
  round: [
    'precision method',
    0,
    (value, [precision = 0n, method = 'common'], { work }) => round(value, precision, method, work),
  ],
  center: [
    'width',
    0,
    (value, [width = 80n], { work }) =>
      changed(value, work, (text) => center(text, wholeNumber(width, 'width'), ' ', work)),
  ],
  indent: [
    'width first blank',
    0,
    (value, [width = 4n, first, blank], { work }) => {
      strictText(value, 'indent');
      return changed(value, work, (text) => indent(text, need(width), flag(first), flag(blank), work));
    },
  ],
  truncate: [
    'length killwords end leeway',
    0,
    (value, [length = 255n, kill, end = '...', leeway], { work }) => {
      const slack = optional(leeway) === null ? 5 : wholeNumber(optional(leeway), 'leeway');
      // Anything with a length passes while it is short enough.
      if (typeof value !== 'string' && size(value, work) <= BigInt(wholeNumber(length, 'length') + slack)) return value;
      strictText(value, 'truncate');
      strictText(end, 'end');
      const mark = isMarkup(value) ? escaped(end, work) : (textOf(end) ?? '');
      const most = wholeNumber(length, 'length');
      const ending = { mark, size: lengthOf(textOf(end) ?? '') };
      return changed(value, work, (text) => truncateText(text, most, flag(kill), ending, slack));
    },
  ],
  wordcount: ['', 0, (value, _args, { work }) => BigInt(plain(value, work).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)],
  filesizeformat: [
    'binary',
    0,
    (value, [binary], { work }) => {
      work.step((textOf(value)?.length ?? 0) / 64);
      const size = toFloatValue(value, null);
      if (typeof size !== 'number') return fail('filesizeformat needs a number');
      return fileSize(size, flag(binary), work);
    },
  ],
  wordwrap: [
    'width break_long_words wrapstring break_on_hyphens',
    0,
    (value, [width = 79n, long = true, between = null, hyphens = true], { work }) => {
      const how = {
        width: wholeNumber(width, 'width'),
        breakLongWords: truthy(long),
        breakOnHyphens: truthy(hyphens),
      };
      return wordWrap(
        strictText(value, 'wordwrap'),
        how,
        between === null ? '\n' : strictText(between, 'wrapstring'),
        work,
      );
    },
  ],
  urlencode: ['', 0, (value, _args, { work }) => urlEncode(value, work)],
  tojson: [
    'indent',
    0,
    (value, [margin], { work }) => {
      const known = optional(margin);
      const width =
        known === null ? null : typeof known === 'string' ? known : blanks(wholeNumber(known, 'indent'), work);
      return markup(jsonText(value, width, work));
    },
  ],
  format: [
    '*',
    0,
    (value, _args, { work }, { positional, named }) => {
      if (positional.length > 0 && named.size > 0) return fail('format takes positional or named arguments, not both');
      if (isMarkup(value)) return halt('template_unsupported', 'an escaped text as a format');
      return percentFormat(work.text(value), named.size > 0 ? dict(named, work) : tuple(positional), work);
    },
  ],
};
