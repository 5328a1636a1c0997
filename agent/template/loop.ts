// The rounds of one {% for %}, and what `loop` shows of them. Items are taken one at a time, as Jinja2's LoopContext takes them: a condition
// can read what the body of the round before has changed.
import { missing, type Value } from './value.ts';

export class LoopRounds {
  readonly kind = 'loop';
  readonly #source: Iterator<Value>;
  readonly depth0: number;
  /** Renders the body for other items; null unless the loop is recursive. */
  readonly again: ((items: Value) => string) | null;
  index0 = -1;
  /** What loop.changed() was given last. */
  seen: Value | undefined = undefined;
  #length: number | null;
  #before: Value | undefined = undefined;
  #current: Value | undefined = undefined;
  // Items taken ahead of their round, from #afterAt on.
  readonly #after: Value[] = [];
  #afterAt = 0;

  constructor(
    source: Iterator<Value>,
    size: number | null,
    recursion: { depth0: number; again: ((items: Value) => string) | null },
  ) {
    this.#source = source;
    this.#length = size;
    this.depth0 = recursion.depth0;
    this.again = recursion.again;
  }

  /** Goes to the next round; false when there is none. */
  advance(): boolean {
    const next = this.#peek();
    if (next === undefined) return false;
    this.#afterAt += 1;
    this.index0 += 1;
    this.#before = this.#current;
    this.#current = next;
    return true;
  }

  get current(): Value {
    return this.#current ?? null;
  }

  get previous(): Value {
    if (this.index0 === 0) return missing('there is no previous item');
    return this.#before ?? null;
  }

  get next(): Value {
    return this.#peek() ?? (this.last ? missing('there is no next item') : null);
  }

  get last(): boolean {
    return this.#peek() === undefined;
  }

  get length(): number {
    if (this.#length === null) {
      for (let next = this.#source.next(); next.done !== true; next = this.#source.next()) this.#after.push(next.value);
      this.#length = this.#after.length - this.#afterAt + this.index0 + 1;
    }
    return this.#length;
  }

  #peek(): Value | undefined {
    if (this.#afterAt < this.#after.length) return this.#after[this.#afterAt];
    const next = this.#source.next();
    if (next.done === true) return undefined;
    this.#after.length = 0;
    this.#afterAt = 0;
    this.#after.push(next.value);
    return next.value;
  }
}

/** The members of `loop`, by name. */
export const loopMembers: ReadonlyMap<string, (loop: LoopRounds) => Value> = new Map<
  string,
  (loop: LoopRounds) => Value
>([
  ['index', (loop) => BigInt(loop.index0 + 1)],
  ['index0', (loop) => BigInt(loop.index0)],
  ['revindex', (loop) => BigInt(loop.length - loop.index0)],
  ['revindex0', (loop) => BigInt(loop.length - loop.index0 - 1)],
  ['first', (loop) => loop.index0 === 0],
  ['last', (loop) => loop.last],
  ['length', (loop) => BigInt(loop.length)],
  ['depth', (loop) => BigInt(loop.depth0 + 1)],
  ['depth0', (loop) => BigInt(loop.depth0)],
  ['previtem', (loop) => loop.previous],
  ['nextitem', (loop) => loop.next],
]);
