// Who is next, of those that wait for one thing: what a person waits for before batches, and within each the jobs by turns. A million calls of
// one job do not keep another's first one waiting, and people do not keep batches from going on.

export interface WaitingFor {
  /** Whose it is; null: nobody's in particular. */
  readonly job: string | null;
  readonly interactive: boolean;
  /** Before what else its job has waiting: it had its turn already. */
  readonly again: boolean;
}

/** After so many that people wait for, one of a batch has its turn. */
const interactiveInARow = 4;

export class FairLine<T extends WaitingFor> {
  readonly #interactive = new Rounds<T>();
  readonly #batch = new Rounds<T>();
  #inARow = 0;

  get size(): number {
    return this.#interactive.size + this.#batch.size;
  }

  add(item: T): void {
    (item.interactive ? this.#interactive : this.#batch).add(item);
  }

  next(): T | undefined {
    const batchIsDue = this.#batch.size > 0 && this.#inARow >= interactiveInARow;
    const urgent = batchIsDue ? undefined : this.#interactive.next();
    this.#inARow = urgent === undefined || this.#batch.size === 0 ? 0 : this.#inARow + 1;
    return urgent ?? this.#batch.next();
  }

  /** For one that no longer wants it. */
  remove(item: T): void {
    (item.interactive ? this.#interactive : this.#batch).remove(item);
  }
}

/** Each job that has something waiting gives one in a round. */
class Rounds<T extends WaitingFor> {
  /** In the order of their turns: a job that had its turn goes to the end. */
  readonly #jobs = new Map<string | null, T[]>();
  size = 0;

  add(item: T): void {
    const waiting = this.#jobs.get(item.job);
    if (waiting === undefined) this.#jobs.set(item.job, [item]);
    else if (item.again) waiting.unshift(item);
    else waiting.push(item);
    this.size += 1;
  }

  next(): T | undefined {
    for (const [job, waiting] of this.#jobs) {
      this.#jobs.delete(job);
      const item = waiting.shift();
      if (waiting.length > 0) this.#jobs.set(job, waiting);
      this.size -= 1;
      return item;
    }
    return undefined;
  }

  remove(item: T): void {
    const waiting = this.#jobs.get(item.job) ?? [];
    const at = waiting.indexOf(item);
    if (at === -1) return;
    waiting.splice(at, 1);
    this.size -= 1;
    if (waiting.length === 0) this.#jobs.delete(item.job);
  }
}
