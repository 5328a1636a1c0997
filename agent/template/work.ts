// What one rendering may cost. Everything that grows is paid here before it is built; nothing measures time.
import { codePoints } from './code-points.ts';
import { asNumber } from './numbers.ts';
import { text } from './printing.ts';
import { fail, halt, isNothing, isObject, need, type Value, typeName } from './value.ts';

/** The limits of one rendering. */
export interface Budget {
  /** Evaluations, loop rounds and list members together. */
  readonly maxSteps: number;
  /** Characters (UTF-16 units) of the rendered text. */
  readonly maxOutputChars: number;
  /** Characters (UTF-16 units) of any text made on the way. */
  readonly maxValueChars: number;
}

export const defaultBudget: Budget = { maxSteps: 100_000, maxOutputChars: 262_144, maxValueChars: 262_144 };
const charsPerStep = 64;
/** Statements, expressions and generators inside one another, macros and recursive loops included: what the machine's stack holds for sure. */
const maxDepth = 300;

export class Work {
  readonly #budget: Budget;
  #steps = 0;
  #depth = 0;
  constructor(budget: Budget) {
    this.#budget = budget;
  }

  step(count: number): void {
    this.#steps += count;
    if (!(this.#steps <= this.#budget.maxSteps))
      halt('template_budget', `the template needs more than ${this.#budget.maxSteps} steps`);
  }

  /** One level deeper; leave() goes back. Not undone when a rendering halts, which ends it. */
  enter(): void {
    this.#depth += 1;
    if (this.#depth > maxDepth) halt('template_budget', `the template runs deeper than ${maxDepth} levels`);
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** Pays for a piece of output that a macro or a block keeps, of which there are `total` characters with it. */
  captured(chars: number, total: number): void {
    if (total > this.#budget.maxValueChars) this.chars(total);
    this.step(chars / charsPerStep);
  }

  /** Pays for reading or making a text of this many characters. */
  chars(count: number): void {
    if (!(count <= this.#budget.maxValueChars))
      halt('template_budget', `a text would have more than ${this.#budget.maxValueChars} characters`);
    this.step(count / charsPerStep);
  }

  /** A function that pays for a text made piece by piece. */
  growing(): (chars: number, steps?: number) => void {
    let total = 0;
    return (chars, steps = 0) => {
      total += chars;
      if (total > this.#budget.maxValueChars) this.chars(total);
      this.step(1 + chars / charsPerStep + steps);
    };
  }

  output(chars: number): void {
    if (!(chars <= this.#budget.maxOutputChars))
      halt('template_budget', `the output would have more than ${this.#budget.maxOutputChars} characters`);
  }

  /** str(value). */
  text(value: Value): string {
    return typeof value === 'string' ? value : text(value, this.growing());
  }

  /** Goes through what Python's iter() goes through, paying for each item. */
  *iterate(value: Value): Generator<Value, void> {
    if (isNothing(value)) return;
    const known = need(value);
    if (typeof known === 'string') {
      this.chars(known.length);
      yield* this.#paid(codePoints(known));
    } else if (!isObject(known)) fail(`'${typeName(known)}' object is not iterable`);
    else if (known.kind === 'dict') yield* this.#paid([...known.entries.values()].map(([key]) => key));
    else if (known.kind === 'range') {
      for (let at = known.start; known.step > 0n ? at < known.stop : at > known.stop; at += known.step) {
        this.step(1);
        yield at;
      }
    } else if (known.kind === 'markup') {
      this.chars(known.text.length);
      yield* this.#paid(codePoints(known.text));
    } else if (known.kind === 'loop') halt('template_unsupported', "going through 'loop' itself");
    else if (known.kind === 'iterator') {
      for (let next = this.#pull(known.source); next.done !== true; next = this.#pull(known.source)) {
        this.step(1);
        yield next.value;
      }
    } else if ('items' in known && known.kind !== 'cycler') yield* this.#paid(known.items);
    else fail(`'${typeName(known)}' object is not iterable`);
  }

  // A generator may read another one, and that one the next: each counts as a level.
  #pull(source: Iterator<Value>): IteratorResult<Value> {
    this.enter();
    const next = source.next();
    this.leave();
    return next;
  }

  *#paid(items: readonly Value[]): Generator<Value, void> {
    for (const item of items) {
      this.step(1);
      yield item;
    }
  }

  items(value: Value): Value[] {
    return [...this.iterate(value)];
  }
}

/** An int argument (bool counts) as a number within the safe range. */
export function wholeNumber(value: Value, what: string): number {
  const known = asNumber(need(value));
  if (typeof known !== 'bigint') return fail(`${what} must be an integer, not ${typeName(value)}`);
  if (known > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
  return known < -9007199254740991n ? -Number.MAX_SAFE_INTEGER : Number(known);
}

/** A whole number that Python keeps in the size of an index: one that does not fit is its OverflowError. */
export function sizeNumber(value: Value, what: string): number {
  const known = asNumber(need(value));
  if (typeof known === 'bigint' && BigInt.asIntN(64, known) !== known) fail(`${what} does not fit into an index`);
  return wholeNumber(value, what);
}
