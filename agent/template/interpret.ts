// Runs the statements: names in frames, output in buffers, macros and recursive loops as values that only this file can make.
import { Evaluator, type Frame, type Lookup } from './evaluate.ts';
import { textOf, truthy } from './compare.ts';
import { sizeOf } from './filters-sequence.ts';
import { LoopRounds } from './loop.ts';
import type { Hidden } from './scopes.ts';
import type { AppliedFilter, Block, Expression, Loop, MacroDefinition, Statement, Target } from './tree.ts';
import {
  dict,
  fail,
  type Given,
  isObject,
  type MacroValue,
  missing,
  need,
  tuple,
  typeName,
  type Value,
} from './value.ts';
import type { Work } from './work.ts';

const noBlock: Block = [];

export class Interpreter extends Evaluator {
  #output: string[] = [];
  #length = 0;
  /** Captured output is text on the way and pays like it; the result itself is limited only. */
  #captures = 0;

  readonly #hidden: Hidden;

  constructor(work: Work, lookup: Lookup, hidden: Hidden) {
    super(work, lookup);
    this.#hidden = hidden;
  }

  render(block: Block): string {
    this.#hide(block);
    this.#block(block);
    return this.#output.join('');
  }

  #block(block: Block): void {
    this.work.enter();
    for (const statement of block) this.#statement(statement);
    this.work.leave();
  }

  #print(text: string): void {
    this.#length += text.length;
    if (this.#captures === 0) this.work.output(this.#length);
    else this.work.captured(text.length, this.#length);
    this.#output.push(text);
  }

  // Jinja2 writes what such a block gives without str(): anything but a text breaks the output there.
  #printText(value: Value): void {
    this.#print(textOf(need(value)) ?? fail(`a block gave a ${typeName(value)} where a text is needed`));
  }

  #capture(run: () => void): string {
    const [output, length] = [this.#output, this.#length];
    this.#output = [];
    this.#length = 0;
    this.#captures += 1;
    this.work.enter();
    run();
    this.work.leave();
    const text = this.#output.join('');
    this.#captures -= 1;
    this.#output = output;
    this.#length = length;
    return text;
  }

  #statement(statement: Statement): void {
    this.work.step(1);
    switch (statement.kind) {
      case 'text':
        return this.#print(statement.text);
      case 'output':
        return this.#print(this.work.text(this.value(statement.expression)));
      case 'if':
        return this.#block(truthy(this.value(statement.condition)) ? statement.yes : statement.no);
      case 'set':
        return this.#assign(statement.target, this.value(statement.value));
      case 'for':
        return this.#loop(statement);
      case 'macro':
        return void this.frame.names.set(statement.macro.name ?? '', this.#macro(statement.macro));
      default:
        return this.#blockStatement(statement);
    }
  }

  #blockStatement(statement: Extract<Statement, { kind: 'set_block' | 'filter_block' | 'with' | 'call_block' }>): void {
    switch (statement.kind) {
      case 'set_block':
        return this.#assign(statement.target, this.#filtered(statement));
      case 'filter_block':
        return this.#printText(this.#filtered(statement));
      case 'with': {
        const values = statement.assigned.map(({ target, value }) => [target, this.value(value)] as const);
        return this.#inFrame(statement.body, () => {
          for (const [target, value] of values) this.#assign(target, value);
          this.#block(statement.body);
        });
      }
      case 'call_block':
        return this.#printText(this.callWith(statement.call, this.#macro(statement.macro)));
      default:
        return statement satisfies never;
    }
  }

  // The filters of a block see the names that the block made, as in Jinja2.
  #filtered({ body, filters }: { readonly body: Block; readonly filters: readonly AppliedFilter[] }): Value {
    let value: Value = '';
    this.#inFrame(body, () => {
      value = this.#capture(() => this.#block(body));
      for (const { name, args } of filters) value = this.filter(name, value, this.given(args));
    });
    return value;
  }

  #assign(target: Target, value: Value): void {
    if (target.kind === 'name') {
      this.frame.names.set(target.name, value);
      return;
    }
    if (target.kind === 'member') {
      const found = this.found(target.name);
      const known = need(found === undefined ? missing(`'${target.name}' is not defined`) : found);
      if (!isObject(known) || known.kind !== 'namespace')
        return fail('cannot assign attribute on non-namespace object');
      known.members.set(target.member, value);
      return;
    }
    const parts = this.work.items(value);
    const { targets } = target;
    if (parts.length !== targets.length) fail(`expected ${targets.length} values, got ${parts.length}`);
    for (const [index, one] of targets.entries()) this.#assign(one, parts[index] ?? null);
  }

  #hide(block: Block): void {
    const names = this.#hidden.size === 0 ? undefined : this.#hidden.get(block);
    if (names === undefined) return;
    for (const name of names) this.frame.names.set(name, missing(`'${name}' is not set yet`));
  }

  /** Runs what belongs to a block with names of its own. */
  #inFrame(block: Block, run: () => void, outer: Frame = this.frame): void {
    const before = this.frame;
    this.frame = { names: new Map(), outer };
    this.#hide(block);
    run();
    this.frame = before;
  }

  #loop(loop: Loop): void {
    this.#rounds(loop, this.value(loop.items), 0, this.frame);
  }

  #rounds(loop: Loop, items: Value, depth0: number, outer: Frame): void {
    const again = (inner: Value): string => this.#capture(() => this.#rounds(loop, inner, depth0 + 1, outer));
    const source = loop.only === null ? this.work.iterate(items) : this.#chosen(loop, items, outer);
    const size = loop.only === null ? sizeOf(items) : null;
    const rounds = new LoopRounds(source, size, { depth0, again: loop.recursive ? again : null });
    const round = (): void => {
      this.frame.names.set('loop', rounds);
      this.#assign(loop.targets, rounds.current);
      this.#block(loop.body);
    };
    while (rounds.advance()) this.#inFrame(loop.body, round, outer);
    if (rounds.index0 < 0) this.#inFrame(loop.otherwise, () => this.#block(loop.otherwise), outer);
  }

  *#chosen(loop: Loop, items: Value, outer: Frame): Generator<Value, void> {
    const { only } = loop;
    for (const value of this.work.iterate(items)) {
      let holds = false;
      this.work.enter();
      this.#inFrame(
        noBlock,
        () => {
          this.#assign(loop.targets, value);
          holds = only === null || truthy(this.value(only));
        },
        outer,
      );
      this.work.leave();
      if (holds) yield value;
    }
  }

  #macro(macro: MacroDefinition): MacroValue {
    const { frame } = this;
    return {
      kind: 'macro',
      name: macro.name,
      parameters: macro.parameters.map(([name]) => name),
      special: macro.special,
      invoke: (given) => this.#capture(() => this.#inFrame(macro.body, () => this.#runMacro(macro, given), frame)),
    };
  }

  #runMacro({ name, parameters, body, special }: MacroDefinition, { positional, named }: Given): void {
    const { names } = this.frame;
    const rest = new Map(named);
    const title = name ?? 'caller';
    const absent: (readonly [string, Expression])[] = [];
    for (const [index, [parameter, fallback]] of parameters.entries()) {
      const byPosition = positional[index];
      const value = byPosition === undefined ? rest.get(parameter) : byPosition;
      if (byPosition === undefined) rest.delete(parameter);
      names.set(parameter, value === undefined ? missing(`the parameter '${parameter}' was not given`) : value);
      if (value === undefined && fallback !== null) absent.push([parameter, fallback]);
    }
    // A default sees every parameter: those that are given, and those before it.
    for (const [parameter, fallback] of absent) names.set(parameter, this.value(fallback));
    if (special.has('caller')) {
      names.set('caller', rest.get('caller') ?? missing('the macro was not called by a call block'));
      rest.delete('caller');
    }
    if (special.has('kwargs')) names.set('kwargs', dict(rest, this.work));
    else if (rest.size > 0) fail(`the macro '${title}' has no argument '${[...rest.keys()].join("', '")}'`);
    if (special.has('varargs')) names.set('varargs', tuple(positional.slice(parameters.length)));
    else if (positional.length > parameters.length)
      fail(`the macro '${title}' takes at most ${parameters.length} arguments`);
    this.#block(body);
  }
}
