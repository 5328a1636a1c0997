// The methods a template may call: a closed table for each type, equal to Python's. None of them changes its value, except what Jinja2's
// cycler and loop keep for themselves.
import { type Callable, table } from './callable.ts';
import { equal } from './compare.ts';
import { markupMethods, textMethods } from './text-methods.ts';
import { fail, isObject, keyOf, need, tuple, type Value, type ViewValue, typeName } from './value.ts';
import { wholeNumber, type Work } from './work.ts';

type Run = Callable<Value>['run'];
type Row = readonly [string, number, Run];

const view = (form: ViewValue['form'], pick: (pair: readonly [Value, Value]) => Value): Row => [
  '',
  0,
  (value, _args, { work }) => {
    if (!isObject(value) || value.kind !== 'dict') return fail('a dict was expected');
    work.step(value.entries.size);
    return { kind: 'view', form, items: [...value.entries.values()].map(pick) };
  },
];

// Nothing changes a dict or a list, so a copy is the value itself.
const copy: Row = ['', 0, (value) => value];

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
  copy,
});

const members = (value: Value): readonly Value[] => (isObject(value) && 'items' in value ? value.items : []);

function indexOf(value: Value, wanted: Value, start: Value, end: Value, work: Work): Value {
  const items = members(value);
  const at = (place: Value, fallback: number): number => {
    const index = place === null ? fallback : wholeNumber(place, 'a position');
    return index < 0 ? Math.max(index + items.length, 0) : Math.min(index, items.length);
  };
  const last = at(end, items.length);
  for (let index = at(start, 0); index < last; index += 1) {
    const one = items[index] ?? null;
    if (one === wanted || equal(one, wanted, work)) return BigInt(index);
  }
  return fail('the value is not in the list');
}

const sequenceRows: Readonly<Record<string, Row>> = {
  count: [
    '*value',
    1,
    (value, [wanted = null], { work }) =>
      BigInt(members(value).filter((one) => one === wanted || equal(one, wanted, work)).length),
  ],
  index: [
    '*value *start *stop',
    1,
    (value, [wanted = null, start = null, end = null], { work }) => indexOf(value, wanted, start, end, work),
  ],
};

const loopMethods = table<Value>({
  cycle: [
    '*',
    0,
    (value, _args, _engine, { positional, named }) => {
      if (!isObject(value) || value.kind !== 'loop') return fail('a loop was expected');
      if (positional.length === 0 || named.size > 0) return fail('no items for cycling given');
      return positional[value.index0 % positional.length] ?? null;
    },
  ],
  changed: [
    '*',
    0,
    (value, _args, { work }, { positional, named }) => {
      if (!isObject(value) || value.kind !== 'loop' || named.size > 0) return fail('loop.changed takes values only');
      const now = tuple(positional);
      if (value.seen !== undefined && equal(value.seen, now, work)) return false;
      value.seen = now;
      return true;
    },
  ],
});

const cyclerMethods = table<Value>({
  next: [
    '',
    0,
    (value) => {
      if (!isObject(value) || value.kind !== 'cycler') return fail('a cycler was expected');
      const now = value.items[value.at] ?? null;
      value.at = (value.at + 1) % value.items.length;
      return now;
    },
  ],
  reset: [
    '',
    0,
    (value) => {
      if (isObject(value) && value.kind === 'cycler') value.at = 0;
      return null;
    },
  ],
});

const bitLength: Row = [
  '',
  0,
  (value, _args, { work }) => {
    const known = need(value);
    const size = typeof known === 'bigint' ? (known < 0n ? -known : known) : known === true ? 1n : 0n;
    work.step(1);
    return BigInt(size === 0n ? 0 : size.toString(2).length);
  },
];

const byType: ReadonlyMap<string, ReadonlyMap<string, Callable<Value>>> = new Map([
  ['str', textMethods],
  ['markup', markupMethods],
  ['dict', dictMethods],
  ['list', table<Value>({ ...sequenceRows, copy })],
  ['tuple', table<Value>(sequenceRows)],
  ['int', table<Value>({ bit_length: bitLength })],
  ['bool', table<Value>({ bit_length: bitLength })],
  ['float', table<Value>({ is_integer: ['', 0, (value) => Number.isInteger(value)] })],
  ['loop', loopMethods],
  ['cycler', cyclerMethods],
]);

/** Every name that some type has as a method. */
export const methodNames: ReadonlySet<string> = new Set([...byType.values()].flatMap((methods) => [...methods.keys()]));

/** The method of a value, or null when its type has none of this name. */
export function methodOf(value: Value, name: string): Callable<Value> | null {
  return byType.get(typeName(value))?.get(name) ?? null;
}
