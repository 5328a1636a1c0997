// The tokens that stand for a value: names, the constants of Jinja2, integers.
import type { Token } from 'nunjucks/src/parser.js';
import type { Arguments, Expression } from './tree.ts';
import { halt } from './value.ts';

export const noArguments: Arguments = { positional: [], named: [], spread: null, spreadNamed: null };
const constants: Readonly<Record<string, boolean | null>> = {
  __proto__: null,
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};

export function symbol(token: Token): Expression {
  const constant = constants[token.value];
  if (constant !== undefined) return { kind: 'literal', value: constant };
  return { kind: 'name', name: token.value, line: token.lineno + 1 };
}

export function integer(token: Token): bigint {
  const digits = token.value.replaceAll('_', '');
  if (digits.length > 4300) halt('template_budget', `line ${token.lineno + 1}: an integer has more than 4300 digits`);
  return BigInt(digits);
}
