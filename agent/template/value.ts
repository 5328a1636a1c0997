// The values a template works with, as Python has them: int is bigint, float is number, the rest is listed here.
// Nothing in this union is a function or carries a prototype that a template could reach.
import { type ErrorCode, type Refusal, refuse } from '../../protocol/error-codes.ts';
import { isRawNumber, type Json } from '../../protocol/json.ts';
import { digitSteps, integerSteps, type Meter } from './integer-cost.ts';
import type { LoopRounds } from './loop.ts';

/** Ends a compilation or a rendering early; it never leaves compileTemplate and renderTemplate, which turn it into its refusal. */
export class Halt extends Error {
  readonly refusal: Refusal;
  constructor(code: ErrorCode, detail: string) {
    super(detail);
    this.refusal = refuse(code, detail);
  }
}

export function halt(code: ErrorCode, detail: string): never {
  throw new Halt(code, detail);
}

/** What Python raises as TypeError, ValueError, ZeroDivisionError and the like. */
export function fail(detail: string): never {
  throw new Halt('template_error', detail);
}

export interface ListValue {
  readonly kind: 'list';
  readonly items: readonly Value[];
}
export interface TupleValue {
  readonly kind: 'tuple';
  readonly items: readonly Value[];
  /** Names of the members, as a named tuple has them. */
  readonly fields?: readonly string[];
}
/** Entries by the identity key of `keyOf`, in order of insertion. */
export interface DictValue {
  readonly kind: 'dict';
  readonly entries: ReadonlyMap<string, readonly [Value, Value]>;
}
/** What d.keys(), d.values() and d.items() return. */
export interface ViewValue {
  readonly kind: 'view';
  readonly form: 'dict_keys' | 'dict_values' | 'dict_items';
  readonly items: readonly Value[];
}
export interface RangeValue {
  readonly kind: 'range';
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;
}
/** A generator: read once, without length. */
export interface IteratorValue {
  readonly kind: 'iterator';
  readonly source: Iterator<Value>;
}
/** A text that Jinja2 marks as escaped (Markup). */
export interface MarkupValue {
  readonly kind: 'markup';
  readonly text: string;
}
export interface UndefinedValue {
  readonly kind: 'undefined';
  readonly detail: string;
  /** The missing else of an inline if: Jinja2 lets it print as nothing even when undefined is strict. */
  readonly lenient: boolean;
}
/** Evaluated arguments of a call. */
export interface Given {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}
/** namespace(): the one value that a template can change. */
interface NamespaceValue {
  readonly kind: 'namespace';
  readonly members: Map<string, Value>;
}
interface CyclerValue {
  readonly kind: 'cycler';
  readonly items: readonly Value[];
  at: number;
}
interface JoinerValue {
  readonly kind: 'joiner';
  readonly separator: Value;
  used: boolean;
}
/** A macro, or the block of a `call`. Only the interpreter calls it. */
export interface MacroValue {
  readonly kind: 'macro';
  readonly name: string | null;
  readonly parameters: readonly string[];
  readonly special: ReadonlySet<string>;
  invoke(given: Given): string;
}
export type ObjectValue =
  | ListValue
  | TupleValue
  | DictValue
  | ViewValue
  | RangeValue
  | IteratorValue
  | MarkupValue
  | UndefinedValue
  | NamespaceValue
  | CyclerValue
  | JoinerValue
  | MacroValue
  | LoopRounds;
export type Value = null | boolean | bigint | number | string | ObjectValue;

export const list = (items: readonly Value[]): ListValue => ({ kind: 'list', items });
export const tuple = (items: readonly Value[]): TupleValue => ({ kind: 'tuple', items });
export const markup = (text: string): MarkupValue => ({ kind: 'markup', text });
export const missing = (detail: string, lenient = false): UndefinedValue => ({
  kind: 'undefined',
  detail,
  lenient,
});
export const iterator = (source: Iterator<Value>): IteratorValue => ({ kind: 'iterator', source });

export function isObject(value: Value): value is ObjectValue {
  return typeof value === 'object' && value !== null;
}

export function isUndefined(value: Value): value is UndefinedValue {
  return isObject(value) && value.kind === 'undefined';
}

/** The undefined that counts as nothing instead of being an error. */
export function isNothing(value: Value): boolean {
  return isUndefined(value) && value.lenient;
}

/** The Python type name, for messages. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'object') return value.kind;
  return { boolean: 'bool', bigint: 'int', number: 'float', string: 'str' }[
    typeof value as 'boolean' | 'bigint' | 'number' | 'string'
  ];
}

/** Undefined is an error wherever its value is needed (StrictUndefined). */
export function need<T extends Value>(value: T): Exclude<T, UndefinedValue> {
  if (isUndefined(value)) halt('template_undefined', value.detail);
  return value as Exclude<T, UndefinedValue>;
}

const maxValueDepth = 200;

/** Every walk into lists, tuples and dicts counts how deep it is: a namespace in a loop can nest them without end. */
export function checkDepth(depth: number): void {
  if (depth > maxValueDepth) halt('template_budget', `a value is nested deeper than ${maxValueDepth}`);
}

// Texts and tuples pay for their characters again in every tuple around them, where they are copied.
function textKey(text: string, meter: Meter): string {
  meter.step(text.length / 64);
  return text;
}

/**
 * The key under which equal values meet in a dict or a set: 1, 1.0 and True are one key, as in Python.
 * A tuple that is shared is small in memory and endless when written out, so every part is paid for before it is written.
 */
export function keyOf(value: Value, meter: Meter, depth = 0): string {
  checkDepth(depth);
  const known = need(value);
  if (known === null) return 'none';
  if (typeof known === 'string') return textKey(`s${known}`, meter);
  if (typeof known === 'boolean') return known ? 'n1' : 'n0';
  if (typeof known === 'bigint') {
    meter.step(integerSteps(known));
    return `n${known}`;
  }
  if (typeof known === 'number') return Number.isInteger(known) ? `n${BigInt(known)}` : `f${known}`;
  if (known.kind === 'markup') return textKey(`s${known.text}`, meter);
  if (known.kind === 'tuple') {
    meter.step(known.items.length);
    const parts = known.items.map((item) => keyOf(item, meter, depth + 1));
    return textKey(`t${parts.map((key) => `${key.length}:${key}`).join('')}`, meter);
  }
  if (known.kind === 'list' || known.kind === 'dict') fail(`unhashable type: '${typeName(known)}'`);
  return halt('template_unsupported', `a ${typeName(known)} as a key`);
}

export function dict(pairs: Iterable<readonly [Value, Value]>, meter: Meter): DictValue {
  const entries = new Map<string, readonly [Value, Value]>();
  for (const [key, value] of pairs) {
    const id = keyOf(key, meter);
    entries.set(id, [entries.get(id)?.[0] ?? key, value]);
  }
  return { kind: 'dict', entries };
}

const maxJsonDepth = 100;
const maxIntegerDigits = 4300;

/** A number's JSON source as Python's json module reads it: a fraction or an exponent makes a float. */
function numberFromSource(source: string, meter: Meter): bigint | number {
  if (/[.eE]/.test(source)) return Number(source);
  if (source.length > maxIntegerDigits) halt('template_budget', `an integer has more than ${maxIntegerDigits} digits`);
  meter.step(digitSteps(source.length));
  return BigInt(source);
}

/** A row's value as a template value; each member is a step. */
export function fromJson(json: Json, meter: Meter, depth = 0): Value {
  if (depth > maxJsonDepth) halt('template_budget', `a value of the row is nested deeper than ${maxJsonDepth}`);
  if (json === null || typeof json === 'boolean' || typeof json === 'string') return json;
  if (typeof json === 'number') return numberFromSource(String(json), meter);
  if (isRawNumber(json)) return numberFromSource(json.rawJSON, meter);
  if (Array.isArray(json)) {
    meter.step(json.length);
    return list(json.map((item) => fromJson(item, meter, depth + 1)));
  }
  const names = Object.keys(json);
  meter.step(names.length);
  return dict(
    names.map((name) => [name, fromJson(json[name] ?? null, meter, depth + 1)] as const),
    meter,
  );
}
