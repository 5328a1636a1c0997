// Filters that work on sequences and dicts, each equal to Jinja2 3.1's. Those that are generators there are generators here.
import type { Callable, Engine } from './callable.ts';
import { codePoints, lengthOf } from './code-points.ts';
import { order, textOf, truthy } from './compare.ts';
import { changed } from './escaped-text.ts';
import { integerSteps } from './integer-cost.ts';
import { follow, path } from './members.ts';
import { add } from './operators.ts';
import {
  fail,
  type Given,
  isNothing,
  isObject,
  isUndefined,
  iterator,
  keyOf,
  list,
  missing,
  need,
  tuple,
  type Value,
  typeName,
} from './value.ts';
import { wholeNumber, type Work } from './work.ts';

const maxIndex = 2n ** 63n - 1n;

type Rows = Readonly<Record<string, readonly [string, number, Callable<Value>['run']]>>;
const flag = (value: Value | undefined): boolean => (value === undefined ? false : truthy(value));

/** How many items a value has, when that is known without going through them. */
export function sizeOf(value: Value): number | null {
  if (!isObject(value)) return typeof value === 'string' ? lengthOf(value) : null;
  if (value.kind === 'dict') return value.entries.size;
  if (value.kind === 'markup') return lengthOf(value.text);
  if (value.kind === 'list' || value.kind === 'tuple' || value.kind === 'view') return value.items.length;
  return value.kind === 'loop' ? value.length : null;
}

/** len(value). */
export function size(value: Value, work: Work): bigint {
  if (isNothing(value)) return 0n;
  const known = need(value);
  work.step((textOf(known)?.length ?? 0) / 64);
  const count = sizeOf(known);
  if (count !== null) return BigInt(count);
  if (!isObject(known) || known.kind !== 'range') return fail(`object of type '${typeName(known)}' has no len()`);
  const span = known.step > 0n ? known.stop - known.start : known.start - known.stop;
  const step = known.step > 0n ? known.step : -known.step;
  work.step(integerSteps(span));
  if (span / step > maxIndex) return fail('a range is too long for its length to be an index');
  return span <= 0n ? 0n : (span + step - 1n) / step;
}

export function folded(value: Value, caseSensitive: boolean, work: Work): Value {
  const text = caseSensitive ? null : textOf(value);
  if (text === null) return value;
  work.chars(text.length);
  return text.toLowerCase();
}

export type Key = (value: Value) => Value;

function keyBy(attribute: Value, caseSensitive: boolean, work: Work): Key {
  const parts = path(attribute);
  return (value) => folded(follow(value, parts, work), caseSensitive, work);
}

function keysBy(attribute: Value, caseSensitive: boolean, work: Work): Key {
  const keys = (typeof attribute === 'string' ? attribute.split(',') : [attribute]).map((part) =>
    keyBy(part, caseSensitive, work),
  );
  return (value) => list(keys.map((key) => key(value)));
}

/** sorted(items, key=key, reverse=reverse): stable in both directions. */
export function sorted(items: readonly Value[], key: Key, reverse: boolean, work: Work): Value[] {
  const keyed = items.map((value) => ({ value, by: key(value) }));
  if (reverse) keyed.reverse();
  keyed.sort((a, b) => order(a.by, b.by, work) || 0);
  if (reverse) keyed.reverse();
  return keyed.map(({ value }) => value);
}

function extreme(value: Value, key: Key, sign: number, work: Work): Value {
  let best: { value: Value; by: Value } | null = null;
  for (const member of work.iterate(value)) {
    const by = key(member);
    if (best === null || order(by, best.by, work) * sign > 0) best = { value: member, by };
  }
  return best?.value ?? (best === null ? missing('no aggregated item, the sequence was empty') : null);
}

function join(value: Value, separator: Value, attribute: Value, work: Work): string {
  const between = work.text(separator);
  const grow = work.growing();
  const parts: string[] = [];
  const steps = path(attribute);
  for (const member of work.iterate(value)) {
    const part = work.text(follow(member, steps, work));
    grow(part.length + between.length);
    parts.push(part);
  }
  return parts.join(between);
}

function* unique(value: Value, key: Key, work: Work): Generator<Value, void> {
  const seen = new Set<string>();
  for (const member of work.iterate(value)) {
    const id = keyOf(key(member), work);
    if (seen.has(id)) continue;
    seen.add(id);
    yield member;
  }
}

function* batch(value: Value, count: number, fill: Value, work: Work): Generator<Value, void> {
  let part: Value[] = [];
  for (const member of work.iterate(value)) {
    if (part.length === count) {
      yield list(part);
      part = [];
    }
    part.push(member);
  }
  if (part.length === 0) return;
  if (fill !== null && part.length < count) {
    work.step(count - part.length);
    while (part.length < count) part.push(fill);
  }
  yield list(part);
}

function* slices(value: Value, count: number, fill: Value, work: Work): Generator<Value, void> {
  const items = work.items(value);
  if (count === 0) fail('integer division or modulo by zero');
  const [each, extra] = [Math.floor(items.length / count), ((items.length % count) + count) % count];
  let offset = 0;
  for (let index = 0; index < count; index += 1) {
    work.step(1);
    const start = offset + index * each;
    if (index < extra) offset += 1;
    const part = items.slice(start, offset + (index + 1) * each);
    if (fill !== null && index >= extra) part.push(fill);
    yield list(part);
  }
}

function* pairs(value: Value): Generator<Value, void> {
  if (isUndefined(value)) return;
  if (!isObject(value) || value.kind !== 'dict') fail('Can only get item pairs from a mapping.');
  else yield* [...value.entries.values()].map(([key, member]) => tuple([key, member]));
}

function rest(given: Given, from: number): Given {
  return { positional: given.positional.slice(from), named: given.named };
}

function* mapped(value: Value, given: Given, engine: Engine): Generator<Value, void> {
  const { work } = engine;
  if (!truthy(value)) return;
  const [name] = given.positional;
  const attribute = given.named.get('attribute');
  if (name === undefined && attribute !== undefined) {
    for (const key of given.named.keys())
      if (key !== 'attribute' && key !== 'default') fail(`Unexpected keyword argument ${key}`);
    const parts = path(attribute);
    for (const member of work.iterate(value)) yield follow(member, parts, work, given.named.get('default') ?? null);
    return;
  }
  const filter = typeof name === 'string' ? name : fail('map requires a filter argument');
  for (const member of work.iterate(value)) yield engine.filter(filter, member, rest(given, 1));
}

function* chosen(
  value: Value,
  given: Given,
  engine: Engine,
  how: { keep: boolean; attribute: boolean },
): Generator<Value, void> {
  const { work } = engine;
  if (!truthy(value)) return;
  const offset = how.attribute ? 1 : 0;
  const [attribute = null] = given.positional;
  if (how.attribute && given.positional.length === 0) fail('Missing parameter for attribute name');
  const parts = how.attribute ? path(attribute) : [];
  const name = given.positional[offset];
  if (name !== undefined && typeof name !== 'string') fail('a test is named by a text');
  for (const member of work.iterate(value)) {
    const tested = follow(member, parts, work);
    const holds = typeof name === 'string' ? engine.test(name, tested, rest(given, offset + 1)) : truthy(tested);
    if (holds === how.keep) yield member;
  }
}

const select = (keep: boolean, attribute: boolean): readonly [string, number, Callable<Value>['run']] => [
  '*',
  0,
  (value, _args, engine, given) => iterator(chosen(value, given, engine, { keep, attribute })),
];

function last(value: Value, work: Work): Value {
  const known = need(value);
  if (isObject(known) && known.kind === 'iterator') return fail("'generator' object is not reversible");
  if (!isObject(known) && typeof known !== 'string') return fail(`'${typeName(known)}' object is not reversible`);
  const found = work.items(known).at(-1);
  return found === undefined ? missing('no last item, the sequence was empty') : found;
}

function reverse(value: Value, work: Work): Value {
  const known = need(value);
  if (textOf(known) !== null) return changed(known, work, (text) => codePoints(text).toReversed().join(''));
  const items = work.items(known);
  // reversed() of a list is an iterator; of a generator Jinja2 makes a list.
  if (isObject(known) && known.kind === 'iterator') return list(items.toReversed());
  return iterator(items.toReversed().values());
}

function dictSort(value: Value, caseSensitive: boolean, by: Value, backwards: boolean, work: Work): Value {
  const known = need(value);
  if (by !== 'key' && by !== 'value') return fail('You can only sort by either "key" or "value"');
  if (!isObject(known) || known.kind !== 'dict') return fail(`'${typeName(known)}' object has no attribute 'items'`);
  const items = [...pairs(known)];
  work.step(items.length);
  const at = by === 'key' ? 0 : 1;
  const key: Key = (pair) =>
    folded(isObject(pair) && pair.kind === 'tuple' ? (pair.items[at] ?? null) : null, caseSensitive, work);
  return list(sorted(items, key, backwards, work));
}

export const sequenceFilters: Rows = {
  length: ['', 0, (value, _args, { work }) => size(value, work)],
  first: [
    '',
    0,
    (value, _args, { work }) => {
      for (const member of work.iterate(value)) return member;
      return missing('no first item, the sequence was empty');
    },
  ],
  last: ['', 0, (value, _args, { work }) => last(value, work)],
  list: ['', 0, (value, _args, { work }) => list(work.items(value))],
  join: ['d attribute', 0, (value, [d = '', attribute = null], { work }) => join(value, d, attribute, work)],
  reverse: ['', 0, (value, _args, { work }) => reverse(value, work)],
  sort: [
    'reverse case_sensitive attribute',
    0,
    (value, [backwards, exact, attribute = null], { work }) =>
      list(sorted(work.items(value), keysBy(attribute, flag(exact), work), flag(backwards), work)),
  ],
  unique: [
    'case_sensitive attribute',
    0,
    (value, [exact, attribute = null], { work }) => iterator(unique(value, keyBy(attribute, flag(exact), work), work)),
  ],
  min: [
    'case_sensitive attribute',
    0,
    (value, [exact, attribute = null], { work }) => extreme(value, keyBy(attribute, flag(exact), work), -1, work),
  ],
  max: [
    'case_sensitive attribute',
    0,
    (value, [exact, attribute = null], { work }) => extreme(value, keyBy(attribute, flag(exact), work), 1, work),
  ],
  sum: [
    'attribute start',
    0,
    (value, [attribute = null, start = 0n], { work }) => {
      if (textOf(start) !== null) return fail("sum() can't sum strings");
      const parts = path(attribute);
      let total = need(start);
      for (const member of work.iterate(value)) total = need(add(total, follow(member, parts, work), work));
      return total;
    },
  ],
  items: ['', 0, (value) => iterator(pairs(value))],
  dictsort: [
    'case_sensitive by reverse',
    0,
    (value, [exact, by = 'key', backwards], { work }) => dictSort(value, flag(exact), by, flag(backwards), work),
  ],
  batch: [
    'linecount fill_with',
    1,
    (value, [count = 0n, fill = null], { work }) => iterator(batch(value, wholeNumber(count, 'linecount'), fill, work)),
  ],
  slice: [
    'slices fill_with',
    1,
    (value, [count = 0n, fill = null], { work }) => iterator(slices(value, wholeNumber(count, 'slices'), fill, work)),
  ],
  map: ['*', 0, (value, _args, engine, given) => iterator(mapped(value, given, engine))],
  select: select(true, false),
  reject: select(false, false),
  selectattr: select(true, true),
  rejectattr: select(false, true),
};
