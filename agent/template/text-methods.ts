// The methods of a text, each equal to Python's str. An escaped text has the same ones, with its arguments escaped where markupsafe does so.
import { bracesFormat } from './braces-format.ts';
import { type Callable, table } from './callable.ts';
import * as chars from './code-points.ts';
import { textOf } from './compare.ts';
import { escaped, isMarkup } from './escaped-text.ts';
import { center, replace } from './filters-text.ts';
import { isTitle, swapCase } from './letter-case.ts';
import { fail, halt, isObject, list, markup, need, tuple, type Value, typeName } from './value.ts';
import { sizeNumber, wholeNumber, type Work } from './work.ts';

type Run = Callable<Value>['run'];
type Row = readonly [string, number, Run];

// Python's str methods take positional arguments only, except split and a few more: a parameter name with a star takes no keyword.
const textArgument = (value: Value | undefined, what: string): string => {
  const known = need(value ?? null);
  return textOf(known) ?? fail(`${what} must be str, not ${typeName(known)}`);
};
const self = (value: Value): string => textOf(value) ?? fail('a text was expected');

// An argument that becomes a part of the text.
const inserted = (target: Value, value: Value | undefined, what: string, work: Work): string => {
  const text = textArgument(value, what);
  return isMarkup(target) ? escaped(value ?? null, work) : text;
};

const plain = (run: (text: string, work: Work) => Value): Row => [
  '',
  0,
  (value, _args, { work }) => {
    work.chars(self(value).length);
    return run(self(value), work);
  },
];

const stripper = (left: boolean, right: boolean): Row => [
  '*chars',
  0,
  (value, [set = null], { work }) => {
    work.chars(self(value).length);
    return chars.strip(self(value), set === null ? null : textArgument(set, 'chars'), { left, right });
  },
];

const splitter = (fromRight: boolean): Row => [
  'sep maxsplit',
  0,
  (value, [sep = null, max = -1n], { work }) => {
    const [text, most] = [self(value), sizeNumber(max, 'maxsplit')];
    work.chars(text.length);
    const separator = sep === null ? null : textArgument(sep, 'sep');
    if (separator === '') return fail('empty separator');
    const parts =
      separator === null ? chars.splitSpace(text, most, fromRight) : chars.splitBy(text, separator, most, fromRight);
    work.step(parts.length);
    return list(parts);
  },
];

/** What lies between two positions of a text, and how many code points come before; null when it starts behind the end. */
function part(value: Value, start: Value, end: Value, work: Work): { text: string; offset: number } | null {
  const text = self(value);
  work.chars(text.length);
  if (start === null && end === null) return { text, offset: 0 };
  const points = chars.codePoints(text);
  const at = (place: Value, fallback: number): number => {
    const index = place === null ? fallback : wholeNumber(place, 'a position');
    return index < 0 ? Math.max(index + points.length, 0) : index;
  };
  const [from, to] = [at(start, 0), at(end, points.length)];
  return from > points.length ? null : { text: points.slice(from, Math.max(from, to)).join(''), offset: from };
}

const edge = (matches: (text: string, part: string) => boolean): Row => [
  '*prefix *start *end',
  1,
  (value, [affix = null, start = null, end = null], { work }) => {
    const known = need(affix);
    const parts = isObject(known) && known.kind === 'tuple' ? known.items : [known];
    work.step(parts.length);
    const within = part(value, start, end, work);
    // A slice that ends before it starts matches nothing, not even the empty text.
    if (within === null) return false;
    const empty = within.text === '' && start !== null && end !== null && self(value) !== '';
    return parts.some((one) => {
      const text = textArgument(one, 'the argument');
      return (
        (!empty || text !== '' || wholeNumber(end, 'end') >= wholeNumber(start, 'start')) && matches(within.text, text)
      );
    });
  },
];

const finder = (find: (text: string, part: string) => number, strict: boolean): Row => [
  '*sub *start *end',
  1,
  (value, [wanted, start = null, end = null], { work }) => {
    const text = textArgument(wanted, 'the argument');
    const within = part(value, start, end, work);
    const index = within === null ? -1 : find(within.text, text);
    if (within === null || index < 0) return strict ? fail('substring not found') : -1n;
    return BigInt(within.offset + chars.lengthOf(within.text.slice(0, index)));
  },
];

function occurrences(text: string, wanted: string): bigint {
  return BigInt(wanted === '' ? chars.lengthOf(text) + 1 : text.split(wanted).length - 1);
}

const all = (member: RegExp): Row =>
  plain((text) => text !== '' && chars.codePoints(text).every((char) => member.test(char)));

type Fill = (text: string, gap: number, width: number, fill: string, work: Work) => string;
const adjust = (fill: Fill): Row => [
  '*width *fillchar',
  1,
  (value, [width = 0n, char = ' '], { work }) => {
    const size = sizeNumber(width, 'width');
    const filler = inserted(value, char, 'the fill character', work);
    if (chars.lengthOf(filler) !== 1) return fail('The fill character must be exactly one character long');
    const gap = size - chars.lengthOf(self(value));
    if (gap <= 0) return self(value);
    work.chars(gap * filler.length + self(value).length);
    return fill(self(value), gap, size, filler, work);
  },
];

const partition = (fromRight: boolean): Row => [
  '*sep',
  1,
  (value, [sep], { work }) => {
    const [text, separator] = [self(value), textArgument(sep, 'sep')];
    work.chars(text.length);
    if (separator === '') return fail('empty separator');
    const at = fromRight ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (at < 0) return tuple(fromRight ? ['', '', text] : [text, '', '']);
    return tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
  },
];

function zfill(text: string, width: number, work: Work): string {
  const gap = width - chars.lengthOf(text);
  if (gap <= 0) return text;
  work.chars(width);
  const sign = text.startsWith('-') || text.startsWith('+') ? text.slice(0, 1) : '';
  return sign + '0'.repeat(gap) + text.slice(sign.length);
}

function without(text: string, part: string, atStart: boolean): string {
  if (part === '') return text;
  if (atStart) return text.startsWith(part) ? text.slice(part.length) : text;
  return text.endsWith(part) ? text.slice(0, -part.length) : text;
}

function expandTabs(text: string, size: number, work: Work): string {
  const grow = work.growing();
  let column = 0;
  return chars
    .codePoints(text)
    .map((char) => {
      const gap = size > 0 ? size - (column % size) : 0;
      grow(char === '\t' ? gap : char.length);
      column = char === '\n' || char === '\r' ? 0 : column + (char === '\t' ? gap : 1);
      return char === '\t' ? ' '.repeat(gap) : char;
    })
    .join('');
}

const noMarkup: Run = (value, _args, { work }, given) =>
  isMarkup(value)
    ? halt('template_unsupported', 'an escaped text as a format')
    : bracesFormat(self(value), given, work);

const rows: Readonly<Record<string, Row>> = {
  upper: plain((text) => text.toUpperCase()),
  lower: plain((text) => text.toLowerCase()),
  casefold: plain((text) =>
    /^[\0-\x7f]*$/.test(text) ? text.toLowerCase() : halt('template_unsupported', 'casefold of other than ASCII'),
  ),
  swapcase: plain(swapCase),
  title: plain(chars.titleWords),
  capitalize: plain(chars.capitalize),
  strip: stripper(true, true),
  lstrip: stripper(true, false),
  rstrip: stripper(false, true),
  split: splitter(false),
  rsplit: splitter(true),
  partition: partition(false),
  rpartition: partition(true),
  splitlines: [
    'keepends',
    0,
    (value, [keep = false], { work }) => {
      work.chars(self(value).length);
      return list(chars.splitLines(self(value), wholeNumber(keep, 'keepends') !== 0));
    },
  ],
  startswith: edge((text, affix) => text.startsWith(affix)),
  endswith: edge((text, affix) => text.endsWith(affix)),
  removeprefix: ['*prefix', 1, (value, [affix]) => without(self(value), textArgument(affix, 'prefix'), true)],
  removesuffix: ['*suffix', 1, (value, [affix]) => without(self(value), textArgument(affix, 'suffix'), false)],
  replace: [
    '*old *new *count',
    2,
    (value, [old, fresh, count = -1n], { work }) => {
      const text = inserted(value, fresh, 'new', work);
      return replace(self(value), textArgument(old, 'old'), text, sizeNumber(count, 'count'), work);
    },
  ],
  join: [
    '*iterable',
    1,
    (value, [items = null], { work }) => {
      const grow = work.growing();
      const parts: string[] = [];
      for (const member of work.iterate(items)) {
        const text = isMarkup(value) ? escaped(member, work) : textArgument(member, 'a member');
        grow(text.length + self(value).length);
        parts.push(text);
      }
      return parts.join(self(value));
    },
  ],
  find: finder((text, wanted) => text.indexOf(wanted), false),
  rfind: finder((text, wanted) => text.lastIndexOf(wanted), false),
  index: finder((text, wanted) => text.indexOf(wanted), true),
  rindex: finder((text, wanted) => text.lastIndexOf(wanted), true),
  count: [
    '*sub *start *end',
    1,
    (value, [wanted, start = null, end = null], { work }) => {
      const within = part(value, start, end, work);
      return within === null ? 0n : occurrences(within.text, textArgument(wanted, 'the argument'));
    },
  ],
  center: adjust((text, _gap, width, fill, work) => center(text, width, fill, work)),
  ljust: adjust((text, gap, _width, fill) => text + fill.repeat(gap)),
  rjust: adjust((text, gap, _width, fill) => fill.repeat(gap) + text),
  zfill: ['*width', 1, (value, [width = 0n], { work }) => zfill(self(value), sizeNumber(width, 'width'), work)],
  expandtabs: [
    'tabsize',
    0,
    (value, [size = 8n], { work }) => expandTabs(self(value), wholeNumber(size, 'tabsize'), work),
  ],
  isascii: plain((text) => /^[\0-\x7f]*$/.test(text)),
  isdigit: all(/[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468]/u),
  isdecimal: all(/\p{Nd}/u),
  isnumeric: all(/\p{N}/u),
  isalpha: all(/\p{L}/u),
  isalnum: all(/[\p{L}\p{N}]/u),
  isidentifier: plain((text) => /^[\p{ID_Start}_][\p{ID_Continue}]*$/u.test(text)),
  isprintable: plain((text) => !/[\p{C}\p{Z}]/u.test(text.replaceAll(' ', ''))),
  isspace: plain((text) => text !== '' && chars.codePoints(text).every(chars.isSpace)),
  islower: plain((text) => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text)),
  isupper: plain((text) => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text)),
  istitle: plain(isTitle),
  format: ['*', 0, noMarkup],
  format_map: [
    '*mapping',
    1,
    (value, [mapping = null], engine) => {
      const known = need(mapping);
      if (!isObject(known) || known.kind !== 'dict') return fail('format_map takes a mapping');
      const pairs = [...known.entries.values()].flatMap(([key, member]) =>
        typeof key === 'string' ? [[key, member] as const] : [],
      );
      engine.work.step(pairs.length);
      return noMarkup(value, [], engine, { positional: [], named: new Map(pairs) });
    },
  ],
};

export const textMethods: ReadonlyMap<string, Callable<Value>> = table<Value>(rows);

function marked(value: Value): Value {
  if (typeof value === 'string') return markup(value);
  if (!isObject(value) || (value.kind !== 'list' && value.kind !== 'tuple')) return value;
  return { ...value, items: value.items.map(marked) };
}

/** The same methods on an escaped text: every text that comes out is an escaped one. */
export const markupMethods: ReadonlyMap<string, Callable<Value>> = new Map(
  [...textMethods].map(([name, method]) => [
    name,
    { ...method, run: (...given: Parameters<Run>) => marked(method.run(...given)) },
  ]),
);
