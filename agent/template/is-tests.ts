// The tests of `is`, by Jinja2's names.
import { type Callable, table } from './callable.ts';
import { filters } from './filters.ts';
import { refusedFilters } from './refused.ts';
import { isMarkup } from './escaped-text.ts';
import { contains, equal, order, textOf } from './compare.ts';
import { operate } from './operators.ts';
import { halt, isObject, isUndefined, keyOf, need, type Value, typeName } from './value.ts';
import type { Work } from './work.ts';

type Run = Callable<boolean>['run'];

// Python's % also formats a text, which never equals a number.
function hasRemainder(value: Value, by: Value, rest: bigint, work: Work): boolean {
  return equal(operate('%', value, by, work), rest, work);
}

const compare =
  (holds: (order: number) => boolean): Run =>
  (value, [other], { work }) =>
    holds(order(value, other ?? null, work));
const equals: Run = (value, [other], { work }) => equal(value, other ?? null, work);
const differs: Run = (value, [other], { work }) => !equal(value, other ?? null, work);
const less = compare((result) => result < 0);
const lessOrEqual = compare((result) => result <= 0);
const greater = compare((result) => result > 0);
const greaterOrEqual = compare((result) => result >= 0);
const kindIs =
  (...kinds: readonly string[]): Run =>
  (value) =>
    kinds.includes(typeName(value));

function letters(value: Value, wanted: RegExp, unwanted: RegExp, work: Work): boolean {
  const text = work.text(need(value));
  work.chars(text.length);
  return wanted.test(text) && !unwanted.test(text);
}
const upperCase = /\p{Uppercase}/u;
const lowerCase = /\p{Lowercase}/u;

function same(value: Value, other: Value): boolean {
  if (value === null || typeof value === 'boolean' || other === null || typeof other === 'boolean')
    return value === other;
  if (typeName(value) !== typeName(other)) return false;
  if (isObject(value) && value === other) return true;
  return halt('template_unsupported', "'is sameas' is supported for True, False, None and one value with itself only");
}

// What Python calls callable: Jinja2's undefined has the method too, to raise when it is called.
const callableKinds = new Set(['macro', 'joiner', 'loop', 'undefined']);

function knownName(value: Value, known: (name: string) => boolean, work: Work): boolean {
  const text = textOf(need(value));
  if (text !== null) return known(text);
  // Any other value is looked up in a dict of Python, which hashes it.
  keyOf(value, work);
  return false;
}

function iterable(value: Value): boolean {
  const known = need(value);
  if (!isObject(known)) return typeof known === 'string';
  return !['namespace', 'cycler', 'joiner', 'macro'].includes(known.kind);
}

export const isTests: ReadonlyMap<string, Callable<boolean>> = table<boolean>({
  defined: ['', 0, (value) => !isUndefined(value)],
  undefined: ['', 0, (value) => isUndefined(value)],
  none: ['', 0, (value) => value === null],
  boolean: ['', 0, kindIs('bool')],
  true: ['', 0, (value) => value === true],
  false: ['', 0, (value) => value === false],
  integer: ['', 0, kindIs('int')],
  float: ['', 0, kindIs('float')],
  number: ['', 0, kindIs('int', 'float', 'bool')],
  string: ['', 0, kindIs('str', 'markup')],
  mapping: ['', 0, kindIs('dict')],
  sequence: ['', 0, kindIs('str', 'list', 'tuple', 'dict', 'range', 'markup')],
  iterable: ['', 0, (value) => iterable(value)],
  odd: ['', 0, (value, _args, { work }) => hasRemainder(value, 2n, 1n, work)],
  even: ['', 0, (value, _args, { work }) => hasRemainder(value, 2n, 0n, work)],
  divisibleby: ['num', 1, (value, [by], { work }) => hasRemainder(value, by ?? null, 0n, work)],
  lower: ['', 0, (value, _args, { work }) => letters(value, lowerCase, upperCase, work)],
  upper: ['', 0, (value, _args, { work }) => letters(value, upperCase, lowerCase, work)],
  callable: ['', 0, (value) => isObject(value) && callableKinds.has(value.kind)],
  escaped: ['', 0, (value) => isMarkup(value)],
  filter: [
    '',
    0,
    (value, _args, { work }) => knownName(value, (name) => filters.has(name) || refusedFilters.has(name), work),
  ],
  test: ['', 0, (value, _args, { work }) => knownName(value, (name) => isTests.has(name), work)],
  in: ['seq', 1, (value, [container], { work }) => contains(value, container ?? null, work)],
  sameas: ['other', 1, (value, [other]) => same(value, other ?? null)],
  '==': ['other', 1, equals],
  eq: ['other', 1, equals],
  equalto: ['other', 1, equals],
  '!=': ['other', 1, differs],
  ne: ['other', 1, differs],
  '<': ['other', 1, less],
  lt: ['other', 1, less],
  lessthan: ['other', 1, less],
  '<=': ['other', 1, lessOrEqual],
  le: ['other', 1, lessOrEqual],
  '>': ['other', 1, greater],
  gt: ['other', 1, greater],
  greaterthan: ['other', 1, greater],
  '>=': ['other', 1, greaterOrEqual],
  ge: ['other', 1, greaterOrEqual],
});
