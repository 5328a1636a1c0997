// Runs the tree. It calls nothing but the tables of filters, tests and methods, and reads names from the scope's own properties only.
import { type Engine, type Given, invoke } from './callable.ts';
import { contains, equal, order, truthy } from './compare.ts';
import { filters } from './filters.ts';
import { unknownName } from './filters-sequence.ts';
import { isTests } from './is-tests.ts';
import { attribute, item, slice } from './members.ts';
import { methodOf } from './methods.ts';
import { asNumber } from './numbers.ts';
import { operate, signed } from './operators.ts';
import type { Arguments, Block, CompareOperator, Expression, Statement, Targets } from './tree.ts';
import { dict, fail, halt, list, missing, need, tuple, type Value, typeName, unpaid } from './value.ts';
import type { Work } from './work.ts';

/** Finds a free name of the template; undefined when there is none. */
export type Lookup = (name: string) => Value | undefined;

// One level of names that `set` and `for` made.
interface Frame {
  readonly names: Map<string, Value>;
  readonly outer: Frame | null;
}

export class Interpreter implements Engine {
  readonly work: Work;
  readonly #lookup: Lookup;
  #frame: Frame = { names: new Map(), outer: null };
  #output: string[] = [];
  #length = 0;

  constructor(work: Work, lookup: Lookup) {
    this.work = work;
    this.#lookup = lookup;
  }

  render(block: Block): string {
    this.#block(block);
    return this.#output.join('');
  }

  filter(name: string, target: Value, args: Given): Value {
    const filter = filters.get(name) ?? unknownName('filter', name);
    return invoke(name, filter, target, args, this);
  }

  test(name: string, target: Value, args: Given): boolean {
    const test = isTests.get(name) ?? unknownName('test', name);
    return invoke(name, test, target, args, this);
  }

  #block(block: Block): void {
    for (const statement of block) this.#statement(statement);
  }

  #print(text: string): void {
    this.#length += text.length;
    this.work.output(this.#length);
    this.#output.push(text);
  }

  #statement(statement: Statement): void {
    this.work.step(1);
    switch (statement.kind) {
      case 'text':
        return this.#print(statement.text);
      case 'output':
        return this.#print(this.work.text(this.#value(statement.expression)));
      case 'if':
        return this.#block(truthy(this.#value(statement.condition)) ? statement.yes : statement.no);
      case 'set':
        return this.#assign(statement.targets, this.#value(statement.value));
      case 'for':
        return this.#loop(statement);
    }
  }

  #assign(targets: Targets, value: Value): void {
    const [only = ''] = targets.names;
    if (!targets.unpack) {
      this.#frame.names.set(only, value);
      return;
    }
    const parts = this.work.items(value);
    if (parts.length !== targets.names.length) fail(`expected ${targets.names.length} values, got ${parts.length}`);
    for (const [index, name] of targets.names.entries()) this.#frame.names.set(name, parts[index] ?? null);
  }

  #inFrame(run: () => void): void {
    const outer = this.#frame;
    this.#frame = { names: new Map(), outer };
    run();
    this.#frame = outer;
  }

  #loop(loop: Extract<Statement, { kind: 'for' }>): void {
    const items: Value[] = [];
    const { only } = loop;
    for (const value of this.work.iterate(this.#value(loop.items))) {
      if (only === null) items.push(value);
      else
        this.#inFrame(() => {
          this.#assign(loop.targets, value);
          if (truthy(this.#value(only))) items.push(value);
        });
    }
    for (const [index, value] of items.entries()) {
      this.#inFrame(() => {
        this.#frame.names.set('loop', loopValue(index, items.length));
        this.#assign(loop.targets, value);
        this.#block(loop.body);
      });
    }
    if (items.length === 0) this.#inFrame(() => this.#block(loop.otherwise));
  }

  #name(name: string): Value {
    for (let frame: Frame | null = this.#frame; frame !== null; frame = frame.outer) {
      const value = frame.names.get(name);
      if (value !== undefined) return value;
    }
    const found = this.#lookup(name);
    if (found === undefined) refuseGlobal(name);
    return found === undefined ? missing(`'${name}' is not a column or a reference value`) : found;
  }

  #given(args: Arguments): Given {
    return {
      positional: args.positional.map((value) => this.#value(value)),
      named: new Map(args.named.map(([name, value]) => [name, this.#value(value)])),
    };
  }

  #value(node: Expression): Value {
    this.work.step(1);
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'name':
        return this.#name(node.name);
      case 'list':
        return list(node.items.map((one) => this.#value(one)));
      case 'tuple':
        return tuple(node.items.map((one) => this.#value(one)));
      case 'dict':
        return dict(
          node.pairs.map(([key, value]) => [this.#value(key), this.#value(value)] as const),
          this.work,
        );
      case 'attribute':
        return attribute(this.#value(node.target), node.name);
      case 'item':
        return item(this.#value(node.target), this.#value(node.index), this.work);
      case 'slice': {
        const target = this.#value(node.target);
        const bounds = node.bounds.map((bound) => (bound === null ? null : this.#value(bound)));
        return slice(target, bounds, this.work);
      }
      default:
        return this.#operation(node);
    }
  }

  #operation(
    node: Exclude<
      Expression,
      { kind: 'literal' | 'name' | 'list' | 'tuple' | 'dict' | 'attribute' | 'item' | 'slice' }
    >,
  ): Value {
    switch (node.kind) {
      case 'method':
        return this.#method(this.#value(node.target), node.name, node.args);
      case 'range':
        return this.#range(node);
      case 'filter':
        return this.filter(node.name, this.#value(node.target), this.#given(node.args));
      case 'test':
        return this.test(node.name, this.#value(node.target), this.#given(node.args));
      case 'not':
        return !truthy(this.#value(node.operand));
      case 'negative':
      case 'positive':
        return signed(this.#value(node.operand), node.kind === 'negative');
      case 'and': {
        const left = this.#value(node.left);
        return truthy(left) ? this.#value(node.right) : left;
      }
      case 'or': {
        const left = this.#value(node.left);
        return truthy(left) ? left : this.#value(node.right);
      }
      case 'arithmetic':
        return operate(node.operator, this.#value(node.left), this.#value(node.right), this.work);
      case 'concat':
        return this.#concat(node.parts);
      case 'compare':
        return this.#compare(this.#value(node.first), node.rest);
      case 'choose':
        if (truthy(this.#value(node.condition))) return this.#value(node.yes);
        return node.no === null ? missing('the inline if was false and has no else', true) : this.#value(node.no);
      default:
        return node satisfies never;
    }
  }

  #concat(parts: readonly Expression[]): string {
    const grow = this.work.growing();
    return parts
      .map((part) => this.#value(part))
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
      const right = this.#value(expression);
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

  #method(target: Value, name: string, args: Arguments): Value {
    const value = need(target);
    const method = methodOf(value, name);
    if (method !== null) return invoke(name, method, value, this.#given(args), this);
    // Jinja2 would find a member of the dict here and fail to call it, or find nothing and fail as well, unless the type has the method.
    attribute(value, name);
    return fail(`a ${typeName(value)} has no method '${name}'`);
  }

  #range(node: Extract<Expression, { kind: 'range' }>): Value {
    if (node.name.kind === 'name' && this.#lookup(node.name.name) !== undefined)
      fail("'range' is a column here, not a function");
    const { positional, named } = this.#given(node.args);
    const numbers = positional.map((value) => asNumber(need(value)));
    const whole = numbers.filter((one) => typeof one === 'bigint');
    if (named.size > 0 || whole.length !== numbers.length || whole.length < 1 || whole.length > 3)
      return fail('range takes one to three integers');
    const [a = 0n, b, step = 1n] = whole;
    if (step === 0n) return fail('range() arg 3 must not be zero');
    return { kind: 'range', start: b === undefined ? 0n : a, stop: b ?? a, step };
  }
}

function loopValue(index: number, length: number): Value {
  const numbers = {
    index: index + 1,
    index0: index,
    revindex: length - index,
    revindex0: length - index - 1,
    length,
  };
  return dict(
    [
      ...Object.entries(numbers).map(([name, value]) => [name, BigInt(value)] as const),
      ['first', index === 0],
      ['last', index === length - 1],
    ],
    unpaid,
  );
}

/** Refuses the names that Jinja2 itself defines and this agent does not. */
function refuseGlobal(name: string): void {
  if (['range', 'dict', 'lipsum', 'cycler', 'joiner', 'namespace', 'self'].includes(name))
    halt('template_unsupported', `the name '${name}' of Jinja2 is not supported`);
}
