// The functions that Jinja2 gives to every template. A template can call them; they are no values here.
import { type Callable, table } from './callable.ts';
import { asNumber } from './numbers.ts';
import { dict, fail, type Given, isObject, need, type Value } from './value.ts';
import type { Work } from './work.ts';

type Pair = readonly [Value, Value];

function range({ positional, named }: Given): Value {
  const numbers = positional.map((value) => asNumber(need(value)));
  const whole = numbers.filter((one) => typeof one === 'bigint');
  if (named.size > 0 || whole.length !== numbers.length || whole.length < 1 || whole.length > 3)
    return fail('range takes one to three integers');
  const [a = 0n, b, step = 1n] = whole;
  if (step === 0n) return fail('range() arg 3 must not be zero');
  return { kind: 'range', start: b === undefined ? 0n : a, stop: b ?? a, step };
}

function pairsOf(value: Value, work: Work): Pair[] {
  const known = need(value);
  if (isObject(known) && known.kind === 'dict') {
    work.step(known.entries.size);
    return [...known.entries.values()];
  }
  return work.items(known).map((member) => {
    const [key, other, ...more] = work.items(member);
    if (key === undefined || other === undefined || more.length > 0) return fail('dict() takes pairs');
    return [key, other];
  });
}

/** What dict() makes of its arguments. */
function given({ positional, named }: Given, work: Work): Pair[] {
  if (positional.length > 1) return fail('dict expected at most 1 argument');
  const [first] = positional;
  return [...(first === undefined ? [] : pairsOf(first, work)), ...named];
}

function namespace(all: Given, work: Work): Value {
  const { entries } = dict(given(all, work), work);
  const members = [...entries.values()].flatMap(([key, value]) =>
    typeof key === 'string' ? [[key, value] as const] : [],
  );
  return { kind: 'namespace', members: new Map(members) };
}

export const functions: ReadonlyMap<string, Callable<Value>> = table<Value>({
  range: ['*', 0, (_target, _args, _engine, all) => range(all)],
  dict: ['*', 0, (_target, _args, { work }, all) => dict(given(all, work), work)],
  namespace: ['*', 0, (_target, _args, { work }, all) => namespace(all, work)],
  cycler: [
    '*',
    0,
    (_target, _args, _engine, { positional, named }) =>
      positional.length === 0 || named.size > 0
        ? fail('cycler takes at least one item')
        : { kind: 'cycler', items: positional, at: 0 },
  ],
  joiner: ['sep', 0, (_target, [separator = ', ']) => ({ kind: 'joiner', separator, used: false })],
});
