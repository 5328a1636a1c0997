// Truth, equality, order and membership, as Python defines them for these values.
import { compareText } from './code-points.ts';
import { asNumber } from './numbers.ts';
import {
  checkDepth,
  fail,
  halt,
  isNothing,
  isObject,
  keyOf,
  need,
  type RangeValue,
  type Value,
  typeName,
} from './value.ts';
import type { Work } from './work.ts';

export function truthy(value: Value): boolean {
  if (isNothing(value)) return false;
  const known = need(value);
  if (known === null) return false;
  if (typeof known !== 'object') return Boolean(known) || Number.isNaN(known);
  switch (known.kind) {
    case 'list':
    case 'tuple':
    case 'view':
      return known.items.length > 0;
    case 'dict':
      return known.entries.size > 0;
    case 'range':
      return known.step > 0n ? known.start < known.stop : known.start > known.stop;
    case 'markup':
      return known.text !== '';
    case 'loop':
      return known.length > 0;
    case 'iterator':
    case 'namespace':
    case 'cycler':
    case 'joiner':
    case 'macro':
      return true;
    default:
      return known satisfies never;
  }
}

/** The text of a str or Markup value, else null. */
export function textOf(value: Value): string | null {
  if (typeof value === 'string') return value;
  return isObject(value) && value.kind === 'markup' ? value.text : null;
}

export function equal(left: Value, right: Value, work: Work, depth = 0): boolean {
  checkDepth(depth);
  if (isNothing(left) || isNothing(right)) return isNothing(left) && isNothing(right);
  const [a, b] = [need(left), need(right)];
  work.step(1);
  const [x, y] = [asNumber(a), asNumber(b)];
  // Loose on purpose: an int and a float of the same value are equal in Python, and this comparison is exact.
  if (x !== null && y !== null)
    return typeof x === typeof y
      ? x === y
      : !(x < y) && !(x > y) && !Number.isNaN(Number(x)) && !Number.isNaN(Number(y));
  const [s, t] = [textOf(a), textOf(b)];
  if (s !== null && t !== null) {
    if (s.length === t.length) work.step(s.length / 64);
    return s === t;
  }
  if (!isObject(a) || !isObject(b)) return a === b;
  if (a === b) return true;
  if ((a.kind === 'list' && b.kind === 'list') || (a.kind === 'tuple' && b.kind === 'tuple'))
    return (
      a.items.length === b.items.length &&
      a.items.every((item, index) => equal(item, b.items[index] ?? null, work, depth + 1))
    );
  if (a.kind === 'dict' && b.kind === 'dict') {
    if (a.entries.size !== b.entries.size) return false;
    for (const [key, [, value]] of a.entries) {
      const other = b.entries.get(key);
      if (other === undefined || !equal(value, other[1], work, depth + 1)) return false;
    }
    return true;
  }
  if (a.kind === 'view' || a.kind === 'range') return halt('template_unsupported', `comparing a ${a.kind}: add |list`);
  return false;
}

/** Below zero, zero, above zero; NaN when the two are not ordered. @throws Halt template_error for types without an order. */
export function order(left: Value, right: Value, work: Work, depth = 0): number {
  checkDepth(depth);
  const [a, b] = [need(left), need(right)];
  work.step(1);
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== null && y !== null)
    return x < y ? -1 : x > y ? 1 : Number.isNaN(Number(x)) || Number.isNaN(Number(y)) ? Number.NaN : 0;
  const [s, t] = [textOf(a), textOf(b)];
  if (s !== null && t !== null) {
    work.step((s.length + t.length) / 64);
    return compareText(s, t);
  }
  if (isObject(a) && isObject(b) && a.kind === b.kind && (a.kind === 'list' || a.kind === 'tuple')) {
    const others = (b as typeof a).items;
    for (const [index, item] of a.items.entries()) {
      const other = others[index];
      if (other === undefined) return 1;
      if (!equal(item, other, work, depth)) return order(item, other, work, depth + 1);
    }
    return a.items.length - others.length < 0 ? -1 : 0;
  }
  return fail(`'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function inRange(item: Value, { start, stop, step }: RangeValue): boolean {
  const number = asNumber(need(item));
  if (number === null || (typeof number === 'number' && !Number.isInteger(number))) return false;
  const at = BigInt(number);
  const inside = step > 0n ? at >= start && at < stop : at <= start && at > stop;
  return inside && (at - start) % step === 0n;
}

/** `item in container`. */
export function contains(item: Value, container: Value, work: Work): boolean {
  if (isNothing(container)) return false;
  const known = need(container);
  const outer = textOf(known);
  if (outer !== null) {
    const inner = textOf(need(item));
    if (inner === null) return fail(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    work.chars(outer.length);
    return outer.includes(inner);
  }
  if (!isObject(known)) return fail(`argument of type '${typeName(known)}' is not iterable`);
  if (known.kind === 'dict') return known.entries.has(keyOf(item, work));
  if (known.kind === 'list' || known.kind === 'tuple' || known.kind === 'view')
    return known.items.some((member) => member === item || equal(member, item, work));
  if (known.kind === 'range') return inRange(item, known);
  // A generator is read up to the member that is found.
  if (known.kind === 'iterator') {
    for (const member of work.iterate(known)) if (member === item || equal(member, item, work)) return true;
    return false;
  }
  return fail(`argument of type '${typeName(known)}' is not iterable`);
}
