// Puts entries into the order of their rows. Rows end in any order, so what came early is held back: a bounded number of rows and bytes, because
// whoever hands out rows asks here first whether the next one may start.

export interface OrderBounds {
  /** Rows that may have started beyond the oldest one that is not printed. */
  readonly rows: number;
  /** UTF-16 units held back from which no further row starts; those under way may pass it. */
  readonly heldUnits: number;
}

const defaults: OrderBounds = { rows: 1_000, heldUnits: 16 * 1024 * 1024 };
const entryStart = /^\{"row":(\d{1,9}),("row_end")?/;

export class OrderedEntries {
  readonly #print: (line: string) => Promise<void>;
  readonly #bounds: OrderBounds;
  readonly #held = new Map<number, string[]>();
  readonly #ended = new Set<number>();
  #units = 0;
  #next = 0;
  #last: Promise<void> = Promise.resolve();
  #waiting: (() => void)[] = [];

  constructor(print: (line: string) => Promise<void>, bounds: OrderBounds = defaults) {
    this.#print = print;
    this.#bounds = bounds;
  }

  /** Resolves when the row may start. The oldest one always may, so what is held back comes out in the end. */
  async room(row: number): Promise<void> {
    while (row > this.#next && (row - this.#next >= this.#bounds.rows || this.#units >= this.#bounds.heldUnits))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when what may be printed now was printed. */
  add(line: string): Promise<void> {
    const [, digits, rowEnd] = entryStart.exec(line) ?? [];
    const row = digits === undefined ? this.#next : Number(digits);
    const ready: string[] = [];
    if (row <= this.#next) ready.push(line);
    else this.#hold(row, line);
    if (rowEnd !== undefined) this.#ended.add(row);
    while (this.#ended.delete(this.#next)) {
      this.#next += 1;
      ready.push(...this.#release(this.#next));
    }
    this.#wake();
    return this.#inTurn(ready);
  }

  /** Prints what is held back still: rows before it did not end. */
  async end(): Promise<void> {
    const rows = [...this.#held.keys()].toSorted((one, other) => one - other);
    await this.#inTurn(rows.flatMap((row) => this.#release(row)));
  }

  #hold(row: number, line: string): void {
    const lines = this.#held.get(row);
    if (lines === undefined) this.#held.set(row, [line]);
    else lines.push(line);
    this.#units += line.length;
  }

  #release(row: number): readonly string[] {
    const lines = this.#held.get(row) ?? [];
    this.#held.delete(row);
    this.#units -= lines.reduce((sum, line) => sum + line.length, 0);
    return lines;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #inTurn(lines: readonly string[]): Promise<void> {
    const print = async (): Promise<void> => {
      for (const line of lines) await this.#print(line);
    };
    this.#last = this.#last.then(print);
    return this.#last;
  }
}
