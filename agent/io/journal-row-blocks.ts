// Rows that came together share one sealed record: sealing and indexing are paid once for many. A block holds those of its rows that have not
// ended and nothing else: a transaction that ends some writes it again without them, and with the last one it goes.
import { blobOf, integerOf } from './journal-columns.ts';
import { JournalError } from './journal-error.ts';
import type { Sealer } from './journal-seal.ts';
import type { Prepared } from './journal-statements.ts';

/** What the end of one row may write again, so it is little; a longer row stands alone. */
const maxRows = 64;
const maxUnits = 16 * 1024;

/** Row numbers, ascending, and their lines. */
export type RowLines = Map<number, string>;

/** Rows of one chunk, numbered from `firstRow`. */
function cut(firstRow: number, lines: readonly string[]): readonly RowLines[] {
  const blocks: RowLines[] = [];
  let units = 0;
  for (const [at, line] of lines.entries()) {
    const open = blocks.at(-1);
    units += line.length;
    if (open !== undefined && open.size < maxRows && units <= maxUnits) open.set(firstRow + at, line);
    else {
      blocks.push(new Map([[firstRow + at, line]]));
      units = line.length;
    }
  }
  return blocks;
}

/** One row stands alone; several follow a line with the number and the length of each, because a row may hold anything. */
function blockText(rows: RowLines): string {
  const body = [...rows.values()].join('');
  return rows.size === 1 ? body : `${Array.from(rows, ([row, { length }]) => `${row} ${length}`).join(' ')}\n${body}`;
}

/** `first` is bound to the text by its seal. @throws JournalError `damaged` when `count`, which stands in clear, is not the text's. */
export function rowsOfBlock(text: string, { first, count }: { first: number; count: number }): RowLines {
  if (count === 1) return new Map([[first, text]]);
  const end = text.indexOf('\n');
  const places = text.slice(0, Math.max(0, end)).split(' ');
  const rows: RowLines = new Map();
  let from = end + 1;
  for (let at = 0; at + 1 < places.length; at += 2) {
    const length = Number(places[at + 1]);
    rows.set(Number(places[at]), text.slice(from, from + length));
    from += length;
  }
  if (rows.size !== count || from !== text.length)
    throw new JournalError('damaged', 'the number of rows in a block was changed');
  return rows;
}

interface OpenBlock {
  readonly id: number;
  readonly job: string;
  readonly rows: RowLines;
  changed: boolean;
}

/** What the open transaction lends. */
interface BlockPorts {
  readonly sql: Prepared;
  readonly sealer: Sealer;
  readonly counter: number;
  readonly seal: (job: string, first: number, text: string) => Uint8Array;
}

/** The blocks that one transaction touches: each is opened once, and written again at most once. */
export class RowBlocks {
  readonly #ports: BlockPorts;
  readonly #open = new Map<number, OpenBlock>();

  constructor(ports: BlockPorts) {
    this.#ports = ports;
  }

  add(job: string, firstRow: number, lines: readonly string[]): void {
    const { sql, seal, counter } = this.#ports;
    const before = this.#blockBefore(job, firstRow + lines.length - 1);
    if (before !== null && [...before.rows.keys()].some((row) => row >= firstRow))
      throw new JournalError('failed', `rows from ${firstRow} on of job ${job} are in the journal already`);
    for (const rows of cut(firstRow, lines)) {
      const first = firstOf(rows);
      sql.rowBlock.run(job, first, rows.size, counter, seal(job, first, blockText(rows)));
    }
  }

  has(job: string, row: number): boolean {
    return this.#blockOf(job, row) !== null;
  }

  /** A row that is not there is no error. */
  end(job: string, row: number): void {
    const block = this.#blockOf(job, row);
    if (block === null) return;
    block.rows.delete(row);
    block.changed = true;
  }

  /** Nothing is written of the blocks of a job whose rows are all deleted. */
  forget(job: string): void {
    for (const block of this.#open.values()) if (block.job === job) this.#open.delete(block.id);
  }

  flush(): void {
    const { sql, seal, counter } = this.#ports;
    for (const { id, job, rows, changed } of this.#open.values()) {
      if (!changed) continue;
      if (rows.size === 0) sql.deleteRowBlock.run(id);
      else {
        const first = firstOf(rows);
        sql.changeRowBlock.run(first, rows.size, counter, seal(job, first, blockText(rows)), id);
      }
    }
    this.#open.clear();
  }

  #blockOf(job: string, row: number): OpenBlock | null {
    for (const block of this.#open.values()) if (block.job === job && block.rows.has(row)) return block;
    const block = this.#blockBefore(job, row);
    return block?.rows.has(row) === true ? block : null;
  }

  #blockBefore(job: string, row: number): OpenBlock | null {
    const found = this.#ports.sql.rowBlockBefore.get(job, row);
    if (found === undefined) return null;
    const id = integerOf(found, 'id');
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const [first, count, counter] = [integerOf(found, 'row'), integerOf(found, 'count'), integerOf(found, 'counter')];
    const text = this.#ports.sealer.open({ table: 'row', owner: job, number: first, counter }, blobOf(found, 'value'));
    const block: OpenBlock = { id, job, rows: rowsOfBlock(text, { first, count }), changed: false };
    this.#open.set(id, block);
    return block;
  }
}

function firstOf(rows: RowLines): number {
  const [first] = rows.keys();
  if (first === undefined) throw new Error('a block without rows');
  return first;
}
