// How a filter, a test or a method is described in its table, and how Python binds arguments to it.
import { fail, type Given, type Value } from './value.ts';
import type { Work } from './work.ts';

/** What filters that apply other filters and tests need. */
export interface Engine {
  readonly work: Work;
  filter(name: string, target: Value, args: Given): Value;
  test(name: string, target: Value, args: Given): boolean;
}

export interface Callable<Result> {
  /** Parameter names in order; the first `required` have no default. Null: any arguments, read from the third argument of `run`. */
  readonly parameters: readonly string[] | null;
  readonly required: number;
  run(target: Value, args: readonly (Value | undefined)[], engine: Engine, given: Given): Result;
}

/** Applies a callable to a target. @throws Halt template_error when the arguments do not fit. */
export function invoke<Result>(
  name: string,
  callable: Callable<Result>,
  target: Value,
  given: Given,
  engine: Engine,
): Result {
  const { parameters, required } = callable;
  if (parameters === null) return callable.run(target, [], engine, given);
  if (given.positional.length > parameters.length) fail(`${name} takes at most ${parameters.length} arguments`);
  const args: (Value | undefined)[] = [...given.positional];
  for (const [key, value] of given.named) {
    const index = parameters.indexOf(key);
    if (index < 0) fail(`${name} has no argument '${key}'`);
    if (args[index] !== undefined) fail(`${name} got two values for '${key}'`);
    args[index] = value;
  }
  for (let index = 0; index < required; index += 1)
    if (args[index] === undefined) fail(`${name} needs the argument '${parameters[index]}'`);
  return callable.run(target, args, engine, given);
}

/** A table of names that has no prototype to reach. */
export function table<Result>(
  rows: Readonly<Record<string, readonly [string, number, Callable<Result>['run']]>>,
): ReadonlyMap<string, Callable<Result>> {
  return new Map(
    Object.entries(rows).map(([name, [parameters, required, run]]) => [
      name,
      { parameters: parameters === '*' ? null : parameters.split(' ').filter(Boolean), required, run },
    ]),
  );
}
