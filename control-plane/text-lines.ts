// Bytes to lines, with constant memory: a line that is over its limit is refused before the rest of it is taken in. Lines keep their exact bytes.
import { type Refusal, refuse } from '../protocol/error-codes.ts';

interface Line {
  readonly kind: 'line';
  /** From 1, as an editor shows it. */
  readonly number: number;
  readonly text: string;
  readonly bytes: number;
}

export interface LineReader {
  /** The next line that is not empty; null at the end. After a refusal the reader is used no more. */
  next(maxBytes: number): Promise<Line | Refusal | null>;
}

const lineFeed = 0x0a;

export function readLines(chunks: AsyncIterator<Uint8Array>): LineReader {
  let buffered: Uint8Array[] = [];
  let rest: Uint8Array = new Uint8Array();
  let number = 0;
  const take = async (maxBytes: number): Promise<Line | Refusal | null> => {
    let length = 0;
    for (;;) {
      const end = rest.indexOf(lineFeed);
      const part = end < 0 ? rest : rest.subarray(0, end);
      length += part.byteLength;
      if (length > maxBytes)
        return refuse(
          'row_too_large',
          `line ${number + 1}: expected at most ${maxBytes} bytes on a line; split the data`,
        );
      if (part.byteLength > 0) buffered.push(part);
      rest = end < 0 ? new Uint8Array() : rest.subarray(end + 1);
      const chunk = end < 0 ? await chunks.next() : null;
      if (chunk === null || chunk.done === true) {
        if (chunk !== null && buffered.length === 0) return null;
        number += 1;
        const bytes = Buffer.concat(buffered);
        buffered = [];
        return decoded(bytes, number);
      }
      rest = chunk.value;
    }
  };
  return {
    async next(maxBytes) {
      for (;;) {
        const line = await take(maxBytes);
        if (line === null || line.kind === 'refused' || line.bytes > 0) return line;
      }
    },
  };
}

function decoded(bytes: Uint8Array, number: number): Line | Refusal {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { kind: 'line', number, text, bytes: bytes.byteLength };
  } catch {
    return refuse('row_malformed', `line ${number}: expected UTF-8 text`);
  }
}
