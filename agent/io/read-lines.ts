// Lines of a byte stream, one at a time and never longer than they may be: what is not asked for stays with the sender.
import type { Readable } from 'node:stream';

export class LineError extends Error {
  readonly kind: 'too_long' | 'not_utf8';
  constructor(kind: LineError['kind'], message: string) {
    super(message);
    this.name = 'LineError';
    this.kind = kind;
  }
}

const newline = 10;

/** Takes lines from a stream. `maxBytes` may differ from line to line. Null: the stream has ended. @throws LineError */
export class LineReader {
  readonly #chunks: AsyncIterator<Buffer>;
  /** Pieces of the line that is coming in, and how many bytes they are. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  #rest: Buffer | null = null;
  #ended = false;

  constructor(input: Readable) {
    this.#chunks = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async next(maxBytes: number): Promise<string | null> {
    for (;;) {
      const chunk = this.#rest ?? (await this.#more());
      this.#rest = null;
      if (chunk === null) return this.#bytes === 0 ? null : this.#take(maxBytes, null);
      const end = chunk.indexOf(newline);
      if (end >= 0) {
        this.#rest = end + 1 < chunk.length ? chunk.subarray(end + 1) : null;
        return this.#take(maxBytes, chunk.subarray(0, end));
      }
      this.#add(maxBytes, chunk);
    }
  }

  async #more(): Promise<Buffer | null> {
    if (this.#ended) return null;
    const next = await this.#chunks.next();
    this.#ended = next.done === true;
    return next.done === true ? null : next.value;
  }

  #add(maxBytes: number, piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > maxBytes) throw new LineError('too_long', `expected lines of at most ${maxBytes} bytes`);
    if (piece.length > 0) this.#pieces.push(piece);
  }

  #take(maxBytes: number, last: Buffer | null): string {
    if (last !== null) this.#add(maxBytes, last);
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new LineError('not_utf8', 'expected UTF-8');
    }
  }
}
