// The body of `POST /jobs`: the job's own line, then its rows, made while they are read and sent. A bad row breaks the body off, so that the server
// never sees a whole job with rows missing.
import type { Readable } from 'node:stream';
import { limits } from '../../protocol/limits.ts';
import { type Failure, failure, isFailure } from '../../terminal/fail.ts';
import { readRows } from '../../terminal/read-rows.ts';

/** Rows are gathered to pieces of about this size. */
const pieceChars = 64 * 1024;

export class JobBody {
  readonly #head: string;
  readonly #source: string | null;
  readonly #input: { readonly stdin: Readable; readonly signal: AbortSignal };
  #problem: Failure | null = null;

  /** @param source a path, `-` for standard input, or null for one empty row */
  constructor(head: string, source: string | null, input: { readonly stdin: Readable; readonly signal: AbortSignal }) {
    this.#head = head;
    this.#source = source;
    this.#input = input;
  }

  /** Why the body was broken off. */
  get problem(): Failure | null {
    return this.#problem;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    let piece = `${this.#head}\n`;
    for await (const row of this.#rows()) {
      piece += `${row}\n`;
      if (piece.length < pieceChars) continue;
      yield Buffer.from(piece);
      piece = '';
    }
    if (piece !== '') yield Buffer.from(piece);
  }

  async *#rows(): AsyncGenerator<string> {
    if (this.#source === null) {
      yield '{}';
      return;
    }
    let count = 0;
    for await (const row of readRows(this.#source, this.#input)) {
      count += 1;
      const problem = isFailure(row) ? row : tooMany(count);
      if (problem !== null) {
        this.#problem = problem;
        throw new Error('the rows cannot be sent');
      }
      if (!isFailure(row)) yield row;
    }
  }
}

function tooMany(count: number): Failure | null {
  if (count <= limits.jobRows) return null;
  return failure('bad_data', 'request_invalid', `a job has at most ${limits.jobRows} rows`, 'split the file');
}
