// Evaluates expressions. It calls nothing but the tables of filters, tests, methods and functions and the template's own macros, and reads
// names from the scope's own properties only.
import { type Engine, invoke } from './callable.ts';
import { contains, equal, order, truthy } from './compare.ts';
import { filters } from './filters.ts';
import { functions } from './functions.ts';
import { isTests } from './is-tests.ts';
import { attribute, item, slice } from './members.ts';
import { methodOf } from './methods.ts';
import { operate, signed } from './operators.ts';
import { refusedNames, unknownName } from './refused.ts';
import type { Arguments, CompareOperator, Expression } from './tree.ts';
import { dict, fail, type Given, halt, isObject, list, missing, need, tuple, type Value, typeName } from './value.ts';
import type { Work } from './work.ts';

/** Finds a free name of the template; undefined when there is none. */
export type Lookup = (name: string) => Value | undefined;

/** One level of names that the template made. */
export interface Frame {
  readonly names: Map<string, Value>;
  readonly outer: Frame | null;
}

type Simple = Extract<
  Expression,
  { kind: 'literal' | 'name' | 'list' | 'tuple' | 'dict' | 'attribute' | 'item' | 'slice' }
>;

const nothingGiven: Given = { positional: [], named: new Map() };

export class Evaluator implements Engine {
  readonly work: Work;
  readonly #lookup: Lookup;
  protected frame: Frame = { names: new Map(), outer: null };

  constructor(work: Work, lookup: Lookup) {
    this.work = work;
    this.#lookup = lookup;
  }

  filter(name: string, target: Value, args: Given): Value {
    const filter = filters.get(name) ?? unknownName('filter', name);
    return invoke(name, filter, target, args, this);
  }

  test(name: string, target: Value, args: Given): boolean {
    const test = isTests.get(name) ?? unknownName('test', name);
    return invoke(name, test, target, args, this);
  }

  protected found(name: string): Value | undefined {
    for (let frame: Frame | null = this.frame; frame !== null; frame = frame.outer) {
      const value = frame.names.get(name);
      if (value !== undefined) return value;
    }
    return this.#lookup(name);
  }

  #name(name: string): Value {
    const found = this.found(name);
    if (found !== undefined) return found;
    const reason = refusedNames.get(name);
    if (reason !== undefined || functions.has(name))
      halt('template_unsupported', `'${name}' as a value is not supported (${reason ?? 'it can be called only'})`);
    return missing(`'${name}' is not a column or a reference value`);
  }

  protected given(args: Arguments): Given {
    const { positional, named, spread, spreadNamed } = args;
    if (positional.length === 0 && named.length === 0 && spread === null && spreadNamed === null) return nothingGiven;
    const values = positional.map((value) => this.value(value));
    const byName = new Map(named.map(([name, value]) => [name, this.value(value)]));
    // One by one: a hundred thousand arguments are more than a deep stack has room for.
    if (spread !== null) for (const item of this.work.items(this.value(spread))) values.push(item);
    if (spreadNamed !== null) this.#spreadNamed(this.value(spreadNamed), byName);
    return { positional: values, named: byName };
  }

  #spreadNamed(value: Value, byName: Map<string, Value>): void {
    const known = need(value);
    if (!isObject(known) || known.kind !== 'dict') return fail('argument after ** must be a mapping');
    this.work.step(known.entries.size);
    for (const [key, member] of known.entries.values()) {
      if (typeof key !== 'string') return fail('keywords must be strings');
      if (byName.has(key)) return fail(`got multiple values for keyword argument '${key}'`);
      byName.set(key, member);
    }
    return undefined;
  }

  protected value(node: Expression): Value {
    this.work.step(1);
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'name':
        return this.#name(node.name);
      default: {
        this.work.enter();
        const value = this.#composed(node);
        this.work.leave();
        return value;
      }
    }
  }

  #composed(node: Exclude<Expression, { kind: 'literal' | 'name' }>): Value {
    switch (node.kind) {
      case 'list':
        return list(node.items.map((one) => this.value(one)));
      case 'tuple':
        return tuple(node.items.map((one) => this.value(one)));
      case 'dict':
        return dict(
          node.pairs.map(([key, value]) => [this.value(key), this.value(value)] as const),
          this.work,
        );
      case 'attribute':
        return attribute(this.value(node.target), node.name);
      case 'item':
        return item(this.value(node.target), this.value(node.index), this.work);
      case 'slice': {
        const target = this.value(node.target);
        const bounds = node.bounds.map((bound) => (bound === null ? null : this.value(bound)));
        return slice(target, bounds, this.work);
      }
      default:
        return this.#operation(node);
    }
  }

  #operation(node: Exclude<Expression, Simple>): Value {
    switch (node.kind) {
      case 'method':
        return this.#method(this.value(node.target), node.name, this.given(node.args));
      case 'call':
        return this.call(node.name, this.given(node.args));
      case 'filter':
        return this.filter(node.name, this.value(node.target), this.given(node.args));
      case 'test':
        return this.test(node.name, this.value(node.target), this.given(node.args));
      case 'not':
        return !truthy(this.value(node.operand));
      case 'negative':
      case 'positive':
        return signed(this.value(node.operand), node.kind === 'negative');
      case 'and': {
        const left = this.value(node.left);
        return truthy(left) ? this.value(node.right) : left;
      }
      case 'or': {
        const left = this.value(node.left);
        return truthy(left) ? left : this.value(node.right);
      }
      case 'arithmetic':
        return operate(node.operator, this.value(node.left), this.value(node.right), this.work);
      case 'concat':
        return this.#concat(node.parts);
      case 'compare':
        return this.#compare(this.value(node.first), node.rest);
      case 'choose':
        if (truthy(this.value(node.condition))) return this.value(node.yes);
        return node.no === null ? missing('the inline if was false and has no else', true) : this.value(node.no);
      default:
        return node satisfies never;
    }
  }

  #concat(parts: readonly Expression[]): string {
    const grow = this.work.growing();
    return parts
      .map((part) => this.value(part))
      .map((value) => {
        const text = this.work.text(value);
        grow(text.length);
        return text;
      })
      .join('');
  }

  #compare(first: Value, rest: readonly (readonly [CompareOperator, Expression])[]): Value {
    let left = first;
    for (const [operator, expression] of rest) {
      const right = this.value(expression);
      if (!this.#holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #holds(operator: CompareOperator, left: Value, right: Value): boolean {
    switch (operator) {
      case '==':
        return equal(left, right, this.work);
      case '!=':
        return !equal(left, right, this.work);
      case 'in':
        return contains(left, right, this.work);
      case 'not in':
        return !contains(left, right, this.work);
      case '<':
        return order(left, right, this.work) < 0;
      case '<=':
        return order(left, right, this.work) <= 0;
      case '>':
        return order(left, right, this.work) > 0;
      case '>=':
        return order(left, right, this.work) >= 0;
      default:
        return operator satisfies never;
    }
  }

  #method(target: Value, name: string, given: Given): Value {
    const value = need(target);
    const method = methodOf(value, name);
    if (method !== null) return invoke(name, method, value, given, this);
    // Jinja2 would find a member of the dict here and fail to call it, or find nothing and fail as well, unless the type has the method.
    attribute(value, name);
    return fail(`a ${typeName(value)} has no method '${name}'`);
  }

  /** A name that is called: a macro, a joiner, a recursive loop or one of Jinja2's functions, unless a column shadows it. */
  protected call(name: string, given: Given): Value {
    const value = this.found(name);
    if (value === undefined) {
      const callable = functions.get(name);
      if (callable === undefined) return need(this.#name(name));
      return invoke(name, callable, null, given, this);
    }
    const known = need(value);
    if (isObject(known) && known.kind === 'macro') return known.invoke(given);
    if (!isObject(known) || (known.kind !== 'joiner' && known.kind !== 'loop'))
      return fail(`'${typeName(known)}' object is not callable`);
    const [only, ...more] = given.positional;
    if (known.kind === 'joiner') {
      if (only !== undefined || given.named.size > 0) return fail('a joiner takes no arguments');
      if (known.used) return known.separator;
      known.used = true;
      return '';
    }
    if (known.again === null) return fail("the loop must have the 'recursive' marker to be called recursively");
    if (only === undefined || more.length > 0 || given.named.size > 0) return fail('loop() takes one iterable');
    return known.again(only);
  }

  /** The call of a call block: the block arrives as the argument `caller`. */
  protected callWith(node: Expression, caller: Value): Value {
    if (node.kind !== 'call' && node.kind !== 'method') return fail('a call block needs a call');
    const { positional, named } = this.given(node.args);
    const given = { positional, named: new Map([...named, ['caller', caller]]) };
    return node.kind === 'call' ? this.call(node.name, given) : this.#method(this.value(node.target), node.name, given);
  }
}
