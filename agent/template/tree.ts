// The syntax tree that is interpreted: a closed union. What is not here cannot be run.
import type { Operator } from './numbers.ts';

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  /** `*expression` and `**expression`. */
  readonly spread: Expression | null;
  readonly spreadNamed: Expression | null;
}

export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

export type Expression =
  | { readonly kind: 'literal'; readonly value: null | boolean | bigint | number | string }
  | { readonly kind: 'name'; readonly name: string; readonly line: number }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly pairs: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'attribute'; readonly target: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly target: Expression; readonly index: Expression }
  | { readonly kind: 'slice'; readonly target: Expression; readonly bounds: readonly (Expression | null)[] }
  | { readonly kind: 'method'; readonly target: Expression; readonly name: string; readonly args: Arguments }
  | { readonly kind: 'call'; readonly name: string; readonly line: number; readonly args: Arguments }
  | { readonly kind: 'filter'; readonly target: Expression; readonly name: string; readonly args: Arguments }
  | { readonly kind: 'test'; readonly target: Expression; readonly name: string; readonly args: Arguments }
  | { readonly kind: 'not' | 'negative' | 'positive'; readonly operand: Expression }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'arithmetic'; readonly operator: Operator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'concat'; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'compare';
      readonly first: Expression;
      readonly rest: readonly (readonly [CompareOperator, Expression])[];
    }
  | {
      readonly kind: 'choose';
      readonly condition: Expression;
      readonly yes: Expression;
      readonly no: Expression | null;
    };

/** A filter whose target comes from a block: `{% filter x %}`, `{% set a | x %}`. */
export interface AppliedFilter {
  readonly name: string;
  readonly args: Arguments;
}

/** What `{% macro %}` and `{% call %}` define. A parameter without default is undefined when it is not given. */
export interface MacroDefinition {
  readonly name: string | null;
  readonly parameters: readonly (readonly [string, Expression | null])[];
  readonly body: Block;
  /** The special names that the body reads: each is filled only then, as in Jinja2. */
  readonly special: ReadonlySet<'caller' | 'kwargs' | 'varargs'>;
}

export interface Loop {
  readonly kind: 'for';
  readonly targets: Target;
  readonly items: Expression;
  readonly only: Expression | null;
  readonly recursive: boolean;
  readonly body: Block;
  readonly otherwise: Block;
}

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly expression: Expression }
  | { readonly kind: 'if'; readonly condition: Expression; readonly yes: Block; readonly no: Block }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: 'set_block';
      readonly target: Target;
      readonly filters: readonly AppliedFilter[];
      readonly body: Block;
    }
  | { readonly kind: 'filter_block'; readonly filters: readonly AppliedFilter[]; readonly body: Block }
  | {
      readonly kind: 'with';
      readonly assigned: readonly { readonly target: Target; readonly value: Expression }[];
      readonly body: Block;
    }
  | { readonly kind: 'macro'; readonly macro: MacroDefinition }
  | { readonly kind: 'call_block'; readonly macro: MacroDefinition; readonly call: Expression }
  | Loop;

export type Block = readonly Statement[];

/** One name takes the value, a member of a namespace takes it, or several targets take its members. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'member'; readonly name: string; readonly member: string }
  | { readonly kind: 'several'; readonly targets: readonly Target[] };

/** The names that an assignment makes. */
export function namesOf(target: Target): readonly string[] {
  if (target.kind === 'name') return [target.name];
  return target.kind === 'member' ? [] : target.targets.flatMap(namesOf);
}

export function argumentsOf(args: Arguments): readonly Expression[] {
  const spread = [args.spread, args.spreadNamed].filter((one) => one !== null);
  return [...args.positional, ...args.named.map(([, value]) => value), ...spread];
}

/** The expressions directly inside one. */
export function childrenOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case 'literal':
    case 'name':
      return [];
    case 'list':
    case 'tuple':
      return node.items;
    case 'dict':
      return node.pairs.flat();
    case 'attribute':
      return [node.target];
    case 'item':
      return [node.target, node.index];
    case 'slice':
      return [node.target, ...node.bounds.filter((bound) => bound !== null)];
    case 'method':
    case 'filter':
    case 'test':
      return [node.target, ...argumentsOf(node.args)];
    case 'call':
      return argumentsOf(node.args);
    case 'not':
    case 'negative':
    case 'positive':
      return [node.operand];
    case 'and':
    case 'or':
    case 'arithmetic':
      return [node.left, node.right];
    case 'concat':
      return node.parts;
    case 'compare':
      return [node.first, ...node.rest.map(([, value]) => value)];
    case 'choose':
      return [node.condition, node.yes, ...(node.no === null ? [] : [node.no])];
    default:
      return node satisfies never;
  }
}
