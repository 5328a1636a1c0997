// Which names a template reads from outside: what is neither set before nor a loop's or a macro's own.
import { functions } from './functions.ts';
import {
  argumentsOf,
  type Block,
  childrenOf,
  type Expression,
  type MacroDefinition,
  namesOf,
  type Statement,
} from './tree.ts';

class FreeNames {
  readonly found = new Set<string>();

  #expression(node: Expression, bound: ReadonlySet<string>): void {
    const read = node.kind === 'name' || (node.kind === 'call' && !functions.has(node.name));
    if (read && !bound.has(node.name)) this.found.add(node.name);
    for (const child of childrenOf(node)) this.#expression(child, bound);
  }

  #macro(macro: MacroDefinition, outside: ReadonlySet<string>): void {
    const inside = new Set([...outside, ...macro.special, ...macro.parameters.map(([name]) => name)]);
    for (const [, fallback] of macro.parameters) if (fallback !== null) this.#expression(fallback, inside);
    this.block(macro.body, inside);
  }

  block(block: Block, outside: ReadonlySet<string>): void {
    const bound = new Set(outside);
    for (const statement of block) this.#statement(statement, bound);
  }

  #statement(statement: Statement, bound: Set<string>): void {
    switch (statement.kind) {
      case 'text':
        return undefined;
      case 'output':
        return this.#expression(statement.expression, bound);
      case 'if':
        this.#expression(statement.condition, bound);
        this.block(statement.yes, bound);
        return this.block(statement.no, bound);
      case 'set':
        this.#expression(statement.value, bound);
        return namesOf(statement.target).forEach((name) => bound.add(name));
      case 'set_block':
      case 'filter_block':
        for (const { args } of statement.filters) for (const value of argumentsOf(args)) this.#expression(value, bound);
        this.block(statement.body, bound);
        if (statement.kind === 'set_block') for (const name of namesOf(statement.target)) bound.add(name);
        return undefined;
      case 'with': {
        for (const { value } of statement.assigned) this.#expression(value, bound);
        const names = statement.assigned.flatMap(({ target }) => namesOf(target));
        return this.block(statement.body, new Set([...bound, ...names]));
      }
      case 'macro':
        if (statement.macro.name !== null) bound.add(statement.macro.name);
        return this.#macro(statement.macro, bound);
      case 'call_block':
        this.#expression(statement.call, bound);
        return this.#macro(statement.macro, bound);
      case 'for': {
        this.#expression(statement.items, bound);
        const inside = new Set([...bound, ...namesOf(statement.targets)]);
        if (statement.only !== null) this.#expression(statement.only, inside);
        this.block(statement.body, inside.add('loop'));
        return this.block(statement.otherwise, bound);
      }
      default:
        return statement satisfies never;
    }
  }
}

/** Names in order of first use. A name set in one branch only still counts as read from outside. */
export function freeNames(block: Block): readonly string[] {
  const names = new FreeNames();
  names.block(block, new Set());
  return [...names.found];
}
