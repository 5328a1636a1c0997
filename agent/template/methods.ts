// The methods a template may call: a closed table for str, dict, list and tuple, each equal to Python's.
import { type Callable, table } from './callable.ts';
import * as chars from './code-points.ts';
import { equal } from './compare.ts';
import { center, replace } from './filters-text.ts';
import { bracesFormat } from './braces-format.ts';
import { fail, isObject, keyOf, list, need, tuple, type Value, type ViewValue, typeName } from './value.ts';
import { wholeNumber, type Work } from './work.ts';

type Run = Callable<Value>['run'];
type Row = readonly [string, number, Run];

const textArgument = (value: Value | undefined, what: string): string => {
  const known = need(value ?? null);
  return typeof known === 'string' ? known : fail(`${what} must be str, not ${typeName(known)}`);
};
const self = (value: Value): string => (typeof value === 'string' ? value : fail('a text was expected'));

// Python's str methods take positional arguments only, except split and a few more: a parameter name with a star takes no keyword.
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
    const [text, most] = [self(value), wholeNumber(max, 'maxsplit')];
    work.chars(text.length);
    const separator = sep === null ? null : textArgument(sep, 'sep');
    if (separator === '') return fail('empty separator');
    const parts =
      separator === null ? chars.splitSpace(text, most, fromRight) : chars.splitBy(text, separator, most, fromRight);
    work.step(parts.length);
    return list(parts);
  },
];

const edge = (matches: (text: string, part: string) => boolean): Row => [
  '*prefix',
  1,
  (value, [part = null], { work }) => {
    const known = need(part);
    const parts = isObject(known) && known.kind === 'tuple' ? known.items : [known];
    work.step(parts.length);
    return parts.some((one) => matches(self(value), textArgument(one, 'the argument')));
  },
];

// Code points before a UTF-16 index.
const position = (text: string, index: number): bigint => BigInt(index < 0 ? -1 : chars.lengthOf(text.slice(0, index)));

const finder = (find: (text: string, part: string) => number, strict: boolean): Row => [
  '*sub',
  1,
  (value, [part], { work }) => {
    work.chars(self(value).length);
    const index = find(self(value), textArgument(part, 'the argument'));
    if (index < 0 && strict) return fail('substring not found');
    return position(self(value), index);
  },
];

const all = (member: RegExp): Row =>
  plain((text) => text !== '' && chars.codePoints(text).every((char) => member.test(char)));

const adjust = (left: boolean): Row => [
  '*width',
  1,
  (value, [width = 0n], { work }) => {
    const gap = wholeNumber(width, 'width') - chars.lengthOf(self(value));
    if (gap <= 0) return value;
    work.chars(gap + self(value).length);
    return left ? self(value) + ' '.repeat(gap) : ' '.repeat(gap) + self(value);
  },
];

function occurrences(text: string, part: string, work: Work): bigint {
  work.chars(text.length);
  return BigInt(part === '' ? chars.lengthOf(text) + 1 : text.split(part).length - 1);
}

function zfill(text: string, width: number, work: Work): string {
  const gap = width - chars.lengthOf(text);
  if (gap <= 0) return text;
  work.chars(width);
  const sign = text.startsWith('-') || text.startsWith('+') ? text.slice(0, 1) : '';
  return sign + '0'.repeat(gap) + text.slice(sign.length);
}

const textMethods = table<Value>({
  upper: plain((text) => text.toUpperCase()),
  lower: plain((text) => text.toLowerCase()),
  title: plain(chars.titleWords),
  capitalize: plain(chars.capitalize),
  strip: stripper(true, true),
  lstrip: stripper(true, false),
  rstrip: stripper(false, true),
  split: splitter(false),
  rsplit: splitter(true),
  splitlines: plain((text) => list(chars.splitLines(text))),
  startswith: edge((text, part) => text.startsWith(part)),
  endswith: edge((text, part) => text.endsWith(part)),
  removeprefix: ['*prefix', 1, (value, [part]) => without(self(value), textArgument(part, 'prefix'), true)],
  removesuffix: ['*suffix', 1, (value, [part]) => without(self(value), textArgument(part, 'suffix'), false)],
  replace: [
    '*old *new *count',
    2,
    (value, [old, fresh, count = -1n], { work }) =>
      replace(self(value), textArgument(old, 'old'), textArgument(fresh, 'new'), wholeNumber(count, 'count'), work),
  ],
  join: [
    '*iterable',
    1,
    (value, [items = null], { work }) => {
      const grow = work.growing();
      const parts: string[] = [];
      for (const member of work.iterate(items)) {
        const part = textArgument(member, 'a member');
        grow(part.length + self(value).length);
        parts.push(part);
      }
      return parts.join(self(value));
    },
  ],
  find: finder((text, part) => text.indexOf(part), false),
  rfind: finder((text, part) => text.lastIndexOf(part), false),
  index: finder((text, part) => text.indexOf(part), true),
  count: ['*sub', 1, (value, [part], { work }) => occurrences(self(value), textArgument(part, 'the argument'), work)],
  center: ['*width', 1, (value, [width = 0n], { work }) => center(self(value), wholeNumber(width, 'width'), work)],
  ljust: adjust(true),
  rjust: adjust(false),
  zfill: ['*width', 1, (value, [width = 0n], { work }) => zfill(self(value), wholeNumber(width, 'width'), work)],
  isdigit: all(/[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468]/u),
  isdecimal: all(/\p{Nd}/u),
  isalpha: all(/\p{L}/u),
  isalnum: all(/[\p{L}\p{N}]/u),
  isspace: plain((text) => text !== '' && chars.codePoints(text).every(chars.isSpace)),
  islower: plain((text) => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text)),
  isupper: plain((text) => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text)),
  format: ['*', 0, (value, _args, { work }, given) => bracesFormat(self(value), given, work)],
});

function without(text: string, part: string, atStart: boolean): string {
  if (part === '') return text;
  if (atStart) return text.startsWith(part) ? text.slice(part.length) : text;
  return text.endsWith(part) ? text.slice(0, -part.length) : text;
}

const view = (form: ViewValue['form'], pick: (pair: readonly [Value, Value]) => Value): Row => [
  '',
  0,
  (value, _args, { work }) => {
    if (!isObject(value) || value.kind !== 'dict') return fail('a dict was expected');
    work.step(value.entries.size);
    return { kind: 'view', form, items: [...value.entries.values()].map(pick) };
  },
];

const dictMethods = table<Value>({
  get: [
    '*key *default',
    1,
    (value, [key = null, fallback = null], { work }) =>
      isObject(value) && value.kind === 'dict'
        ? (value.entries.get(keyOf(key, work)) ?? [null, fallback])[1]
        : fallback,
  ],
  keys: view('dict_keys', ([key]) => key),
  values: view('dict_values', ([, value]) => value),
  items: view('dict_items', ([key, value]) => tuple([key, value])),
});

const members = (value: Value): readonly Value[] => (isObject(value) && 'items' in value ? value.items : []);

const sequenceMethods = table<Value>({
  count: [
    '*value',
    1,
    (value, [wanted = null], { work }) => BigInt(members(value).filter((one) => equal(one, wanted, work)).length),
  ],
  index: [
    '*value',
    1,
    (value, [wanted = null], { work }) => {
      const at = members(value).findIndex((one) => equal(one, wanted, work));
      return at < 0 ? fail('the value is not in the list') : BigInt(at);
    },
  ],
});

const byType: ReadonlyMap<string, ReadonlyMap<string, Callable<Value>>> = new Map([
  ['str', textMethods],
  ['dict', dictMethods],
  ['list', sequenceMethods],
  ['tuple', sequenceMethods],
]);

/** Every name that some type has as a method. */
export const methodNames: ReadonlySet<string> = new Set([...byType.values()].flatMap((methods) => [...methods.keys()]));

/** The method of a value, or null when its type has none of this name. */
export function methodOf(value: Value, name: string): Callable<Value> | null {
  return byType.get(typeName(value))?.get(name) ?? null;
}
