// + - * / // % ** on values of any type, and the signs.
import { textOf } from './compare.ts';
import { escaped, isMarkup } from './escaped-text.ts';
import { arithmetic, asNumber, type Operator } from './numbers.ts';
import { percentFormat } from './percent-format.ts';
import { fail, halt, isObject, list, markup, need, tuple, type Value, typeName } from './value.ts';
import { sizeNumber, type Work } from './work.ts';

/** left + right. */
export function add(left: Value, right: Value, work: Work): Value {
  const [a, b] = [need(left), need(right)];
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== null && y !== null) return arithmetic('+', x, y, work);
  const [s, t] = [textOf(a), textOf(b)];
  if (s !== null && t !== null) {
    work.chars(s.length + t.length);
    if (!isMarkup(a) && !isMarkup(b)) return s + t;
    return markup(escaped(a, work) + escaped(b, work));
  }
  if (isObject(a) && isObject(b) && (a.kind === 'list' || a.kind === 'tuple') && a.kind === b.kind) {
    work.step(a.items.length + b.items.length);
    const items = [...a.items, ...b.items];
    return a.kind === 'list' ? list(items) : tuple(items);
  }
  return fail(`unsupported operand types for +: '${typeName(a)}' and '${typeName(b)}'`);
}

// A text or a sequence taken several times; null when the operands are neither.
function repeated(value: Value, times: Value, work: Work): Value | null {
  const isSequence = isObject(value) && (value.kind === 'list' || value.kind === 'tuple');
  if ((typeof value !== 'string' && !isSequence) || typeof asNumber(times) !== 'bigint') return null;
  const count = Math.max(sizeNumber(times, 'the count'), 0);
  if (typeof value === 'string') {
    work.chars(value.length * count);
    return value === '' ? '' : value.repeat(count);
  }
  if (!isObject(value) || (value.kind !== 'list' && value.kind !== 'tuple')) return null;
  work.step(value.items.length * count);
  if (value.items.length === 0) return value;
  const items = Array.from({ length: count }, () => value.items).flat();
  return value.kind === 'list' ? list(items) : tuple(items);
}

/** One arithmetic operator of a template. @throws Halt */
export function operate(operator: Operator, left: Value, right: Value, work: Work): Value {
  if (operator === '+') return add(left, right, work);
  const [a, b] = [need(left), need(right)];
  const [x, y] = [asNumber(a), asNumber(b)];
  if (x !== null && y !== null) return arithmetic(operator, x, y, work);
  if (operator === '%' && isMarkup(a)) return halt('template_unsupported', 'an escaped text as a format');
  if (operator === '%' && typeof a === 'string') return percentFormat(a, b, work);
  if (operator === '*') {
    const many = repeated(textOf(a) ?? a, b, work) ?? repeated(textOf(b) ?? b, a, work);
    if (many !== null) return typeof many === 'string' && (isMarkup(a) || isMarkup(b)) ? markup(many) : many;
  }
  return fail(`unsupported operand types for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

/** -value and +value. */
export function signed(value: Value, negative: boolean): Value {
  const known = asNumber(need(value));
  if (known === null) return fail(`bad operand type for unary ${negative ? '-' : '+'}: '${typeName(value)}'`);
  return negative ? -known : known;
}
