// The template language of job inputs: compile once, render once per row. Hostile until proven otherwise: both end in a value, a coded
// refusal, and never run code or use more than the budget.
import type { Refusal } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import { freeNames } from './free-names.ts';
import { Interpreter } from './interpret.ts';
import { type Hidden, hiddenNames } from './scopes.ts';
import { parseTemplate } from './statements.ts';
import type { Block } from './tree.ts';
import { fromJson, Halt, halt, type Value } from './value.ts';
import { type Budget, defaultBudget, Work } from './work.ts';

export type { Budget } from './work.ts';

/** Longest source that is compiled, in UTF-16 units. */
const maxSourceChars = 16_384;

declare const opaque: unique symbol;

/** A compiled template. */
export interface Template {
  readonly source: string;
  /** Names that the template reads from outside: columns, reference values, `row`. In order of first use. */
  readonly names: readonly string[];
  readonly [opaque]?: never;
}

interface Compiled extends Template {
  readonly block: Block;
  readonly hidden: Hidden;
}

/** What a row's templates can read. */
export interface Scope {
  /** Columns; also reachable together as `row`. A column shadows a reference value of the same name. */
  readonly row: Readonly<Record<string, Json>>;
  readonly references: Readonly<Record<string, string>>;
  /** Reference values of the password kind: refused in a template unless a column has the name. */
  readonly secretNames: ReadonlySet<string>;
}

function guarded<T>(run: () => T): T | Refusal {
  try {
    return run();
  } catch (error) {
    if (error instanceof Halt) return error.refusal;
    throw error;
  }
}

/** Compiles a template. Refusals: template_syntax, template_unsupported, template_budget. */
export function compileTemplate(source: string): Template | Refusal {
  return guarded((): Compiled => {
    if (source.length > maxSourceChars) halt('template_budget', `a template has at most ${maxSourceChars} characters`);
    const block = parseTemplate(source);
    return { source, names: freeNames(block), block, hidden: hiddenNames(block) };
  });
}

/** The names a template reads from outside. */
export function templateNames(template: Template): readonly string[] {
  return template.names;
}

/**
 * Renders a template for one row.
 * Refusals: template_undefined, template_error, template_budget, template_unsupported, secret_reference.
 */
export function renderTemplate(template: Template, scope: Scope, budget: Partial<Budget> = {}): string | Refusal {
  return guarded(() => {
    const work = new Work({ ...defaultBudget, ...budget });
    const { block, hidden } = template as Compiled;
    return new Interpreter(work, lookupIn(scope, work), hidden).render(block);
  });
}

// Own properties only: `constructor` and `__proto__` are names like any other. A value is converted at its first use.
function lookupIn(scope: Scope, work: Work): (name: string) => Value | undefined {
  const known = new Map<string, Value>();
  const convert = (json: Json): Value => fromJson(json, work);
  const find = (name: string): Value | undefined => {
    if (Object.hasOwn(scope.row, name)) return convert(scope.row[name] ?? null);
    if (name === 'row') return convert(scope.row);
    if (scope.secretNames.has(name))
      return halt(
        'secret_reference',
        `'${name}' is a reference value of the password kind: it is used in connections only`,
      );
    if (Object.hasOwn(scope.references, name)) return scope.references[name];
    return undefined;
  };
  return (name) => {
    const found = known.get(name) ?? (known.has(name) ? null : find(name));
    if (found !== undefined) known.set(name, found);
    return found;
  };
}
