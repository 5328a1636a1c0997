// The syntax tree that is interpreted: a closed union. What is not here cannot be run.
import type { Operator } from './numbers.ts';

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
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
  | { readonly kind: 'range'; readonly name: Expression; readonly args: Arguments }
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

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly expression: Expression }
  | { readonly kind: 'if'; readonly condition: Expression; readonly yes: Block; readonly no: Block }
  | { readonly kind: 'set'; readonly targets: Targets; readonly value: Expression }
  | {
      readonly kind: 'for';
      readonly targets: Targets;
      readonly items: Expression;
      readonly only: Expression | null;
      readonly body: Block;
      readonly otherwise: Block;
    };

export type Block = readonly Statement[];

/** One name takes the value; several take its members. */
export interface Targets {
  readonly names: readonly string[];
  readonly unpack: boolean;
}

/** The expressions directly inside one. */
export function childrenOf(node: Expression): readonly Expression[] {
  const all = (args: Arguments): Expression[] => [...args.positional, ...args.named.map(([, value]) => value)];
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
      return [node.target, ...all(node.args)];
    case 'range':
      return [node.name, ...all(node.args)];
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
