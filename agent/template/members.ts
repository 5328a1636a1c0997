// Member access: own members of dicts, items and slices of sequences. A name that Python gives to the type itself is refused, never looked up.
import { textOf } from './compare.ts';
import { codePoints } from './code-points.ts';
import { changed, isMarkup } from './escaped-text.ts';
import { integerSteps } from './integer-cost.ts';
import { loopMembers } from './loop.ts';
import { asNumber } from './numbers.ts';
import { quoted } from './printing.ts';
import {
  fail,
  halt,
  isObject,
  keyOf,
  list,
  markup,
  missing,
  need,
  type ObjectValue,
  tuple,
  type Value,
  typeName,
} from './value.ts';
import { wholeNumber, type Work } from './work.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));
const sequence = 'count index';
// dir() of each type in Python 3.11, without the names that start with two underscores (those are refused for every type).
const attributes: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['dict', words('clear copy fromkeys get items keys pop popitem setdefault update values')],
  ['list', words(`append clear copy extend insert pop remove reverse sort ${sequence}`)],
  ['tuple', words(sequence)],
  ['range', words(`start step stop ${sequence}`)],
  ['view', words('isdisjoint mapping')],
  ['int', words('as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real to_bytes')],
  [
    'bool',
    words('as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real to_bytes'),
  ],
  ['float', words('as_integer_ratio conjugate fromhex hex imag is_integer real')],
  [
    'str',
    words(
      'capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha isascii isdecimal ' +
        'isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans partition ' +
        'removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase ' +
        'title translate upper zfill',
    ),
  ],
]);

function refuseAttribute(value: Value, name: string): void {
  const own = attributes.get(isMarkup(value) ? 'str' : typeName(value));
  const generated = isObject(value) && value.kind === 'iterator';
  if (generated || name.startsWith('__') || own?.has(name) === true)
    halt('template_unsupported', `the attribute '${name}' of a ${typeName(value)} is not supported`);
}

const absent = (value: Value, name: string): Value =>
  missing(`${isObject(value) ? `${typeName(value)} object` : `'${typeName(value)}' value`} has no member ${name}`);

type Membered = Exclude<
  ObjectValue,
  { kind: 'undefined' | 'list' | 'dict' | 'view' | 'range' | 'iterator' | 'markup' }
>;

// Members of the values that Jinja2 itself makes: what is not here is refused, because the Python object may have it.
function madeMember(value: Membered, name: string): Value | null {
  switch (value.kind) {
    case 'namespace':
      return value.members.get(name) ?? (value.members.has(name) ? null : absent(value, name));
    case 'loop': {
      const member = loopMembers.get(name);
      return member === undefined ? unknownMember(value, name) : member(value);
    }
    case 'cycler':
      if (name === 'current') return value.items[value.at] ?? null;
      if (name === 'pos') return BigInt(value.at);
      return name === 'items' ? tuple(value.items) : unknownMember(value, name);
    case 'joiner':
      return name === 'sep' ? value.separator : name === 'used' ? value.used : unknownMember(value, name);
    case 'macro':
      if (name === 'name') return value.name;
      if (name === 'arguments') return tuple(value.parameters);
      if (name === 'caller' || name === 'catch_kwargs' || name === 'catch_varargs')
        return value.special.has(name.replace('catch_', ''));
      return unknownMember(value, name);
    case 'tuple': {
      const at = value.fields?.indexOf(name) ?? -1;
      return at < 0 ? absent(value, name) : (value.items[at] ?? null);
    }
    default:
      return value satisfies never;
  }
}

function unknownMember(value: ObjectValue, name: string): never {
  return halt('template_unsupported', `the attribute '${name}' of a ${typeName(value)} is not supported`);
}

const membered = new Set(['namespace', 'loop', 'cycler', 'joiner', 'macro', 'tuple']);
const isMembered = (value: Value): value is Membered => isObject(value) && membered.has(value.kind);

/** `target.name`: in Jinja2 an attribute of the type comes before a member of the dict. */
export function attribute(target: Value, name: string): Value {
  const value = need(target);
  refuseAttribute(value, name);
  if (isMembered(value)) return madeMember(value, name);
  if (isObject(value) && value.kind === 'dict') {
    const found = value.entries.get(`s${name}`);
    if (found !== undefined) return found[1];
  }
  return absent(value, name);
}

function position(value: Value): number | null {
  return typeof asNumber(value) === 'bigint' ? wholeNumber(value, 'an index') : null;
}

/** `target[index]`. */
export function item(target: Value, index: Value, work: Work): Value {
  const value = need(target);
  const key = need(index);
  if (isObject(value) && value.kind === 'dict') {
    const hashable = !(isObject(key) && (key.kind === 'list' || key.kind === 'dict'));
    const found = hashable ? value.entries.get(keyOf(key, work)) : undefined;
    if (found !== undefined) return found[1];
  }
  const at = position(key);
  if (at !== null) {
    const text = textOf(value);
    if (text !== null) work.chars(text.length);
    const items = text === null ? sequenceItems(value) : codePoints(text);
    const found = items?.at(at);
    // at() counts from the end for negative numbers, as Python does.
    if (found !== undefined) return isMarkup(value) && typeof found === 'string' ? markup(found) : found;
  }
  if (typeof key === 'string') {
    refuseAttribute(value, key);
    if (isMembered(value)) return madeMember(value, key);
  }
  return absent(value, keyName(key));
}

// For a message that most templates never show: it costs the same for every key.
function keyName(key: Value): string {
  if (isObject(key)) return `of a ${key.kind}`;
  if (typeof key === 'string') return quoted(key.length > 200 ? `${key.slice(0, 200)}...` : key);
  return typeof key === 'bigint' && integerSteps(key) > 0 ? 'of so large an integer' : String(key);
}

function sequenceItems(value: Value): readonly Value[] | null {
  if (isObject(value) && (value.kind === 'list' || value.kind === 'tuple')) return value.items;
  if (isObject(value) && value.kind === 'range') return halt('template_unsupported', 'an item of a range: add |list');
  return null;
}

function bound(value: Value | null, fallback: number, size: number, step: number): number {
  if (value === null) return fallback;
  let at = wholeNumber(value, 'a slice index');
  if (at < 0) at += size;
  const [low, high] = step < 0 ? [-1, size - 1] : [0, size];
  return Math.min(Math.max(at, low), high);
}

function cut<T>(items: readonly T[], bounds: readonly (Value | null)[]): T[] {
  const [start = null, stop = null, by = null] = bounds;
  const step = by === null ? 1 : wholeNumber(by, 'a slice step');
  if (step === 0) fail('slice step cannot be zero');
  const size = items.length;
  const from = bound(start, step < 0 ? size - 1 : 0, size, step);
  const to = bound(stop, step < 0 ? -1 : size, size, step);
  const result: T[] = [];
  for (let at = from; step > 0 ? at < to : at > to; at += step) result.push(items[at] as T);
  return result;
}

/** `target[a:b:c]`; null stands for a part left out. */
export function slice(target: Value, bounds: readonly (Value | null)[], work: Work): Value {
  const value = need(target);
  const known = bounds.map((part) => (part === null ? null : need(part)));
  if (textOf(value) !== null) return changed(value, work, (text) => cut(codePoints(text), known).join(''));
  if (isObject(value) && (value.kind === 'list' || value.kind === 'tuple')) {
    work.step(value.items.length);
    return value.kind === 'list' ? list(cut(value.items, known)) : tuple(cut(value.items, known));
  }
  if (isObject(value) && value.kind === 'range') return halt('template_unsupported', 'a slice of a range: add |list');
  return fail(`a ${typeName(value)} has no slices`);
}

/** `items[path]` as the filters' attribute argument has it: dots go deeper, digits are numbers. */
export function path(attributePath: Value): readonly Value[] {
  if (attributePath === null) return [];
  if (typeof attributePath !== 'string') return [attributePath];
  return attributePath.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part.slice(0, 20)) : part));
}

export function follow(value: Value, parts: readonly Value[], work: Work, fallback: Value = null): Value {
  let at = value;
  for (const part of parts) {
    at = item(at, part, work);
    if (fallback !== null && isObject(at) && at.kind === 'undefined') at = fallback;
  }
  return at;
}
