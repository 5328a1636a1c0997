// Which names a template reads from outside: what is neither set before nor a loop's own.
import { type Block, childrenOf, type Expression } from './tree.ts';

/** Names in order of first use. A name set in one branch only still counts as read from outside. */
export function freeNames(block: Block): readonly string[] {
  const found = new Set<string>();
  const expression = (node: Expression, bound: ReadonlySet<string>): void => {
    if (node.kind === 'name' && !bound.has(node.name)) found.add(node.name);
    if (node.kind === 'range') for (const value of childrenOf(node).slice(1)) expression(value, bound);
    else for (const child of childrenOf(node)) expression(child, bound);
  };
  const walk = (statements: Block, outside: ReadonlySet<string>): void => {
    const bound = new Set(outside);
    for (const statement of statements) {
      if (statement.kind === 'output') expression(statement.expression, bound);
      else if (statement.kind === 'set') {
        expression(statement.value, bound);
        for (const name of statement.targets.names) bound.add(name);
      } else if (statement.kind === 'if') {
        expression(statement.condition, bound);
        walk(statement.yes, bound);
        walk(statement.no, bound);
      } else if (statement.kind === 'for') {
        expression(statement.items, bound);
        const inside = new Set([...bound, ...statement.targets.names, 'loop']);
        if (statement.only !== null) expression(statement.only, inside);
        walk(statement.body, inside);
        walk(statement.otherwise, bound);
      }
    }
  };
  walk(block, new Set());
  return [...found];
}
