// Bytes to text, strictly: a file that is not UTF-8 is an error with its line, never text with replacement characters in it.
import { isUtf8 } from 'node:buffer';

/** Where and why a source cannot be read as rows. */
export interface SourceFault {
  readonly kind: 'fault';
  readonly line: number;
  readonly expected: string;
  readonly found: string;
  readonly help?: string;
  readonly tooLarge?: boolean;
}

export function isFault(value: unknown): value is SourceFault {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'fault';
}

const lineFeed = 0x0a;
const encodingHelp = 'save the file as UTF-8 (in a spreadsheet: "CSV UTF-8"), or convert it with iconv';

/** Yields text; ends after the first fault. A byte order mark at the start is dropped. */
export async function* decodeText(chunks: AsyncIterable<Buffer>): AsyncGenerator<string | SourceFault> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let carry: Buffer = Buffer.alloc(0);
  let line = 1;
  let first = true;
  for await (const chunk of chunks) {
    const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
    const tail = unfinishedTail(bytes);
    const whole = bytes.subarray(0, bytes.length - tail);
    if (!isUtf8(whole)) {
      yield badText(whole, line, first);
      return;
    }
    const text = decoder.decode(whole);
    yield first && text.startsWith('\uFEFF') ? text.slice(1) : text;
    if (text !== '') first = false;
    line += countLines(whole);
    carry = Buffer.from(bytes.subarray(bytes.length - tail));
  }
  if (carry.length > 0) yield badText(carry, line, first);
}

/** Bytes at the end that start a character and do not finish it. */
function unfinishedTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return need > back ? back : 0;
    }
  }
  return 0;
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) lines += 1;
  return lines;
}

function badText(bytes: Buffer, firstLine: number, first: boolean): SourceFault {
  const utf16 = first && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff));
  if (utf16) return { kind: 'fault', line: 1, expected: 'UTF-8 text', found: 'UTF-16 text', help: encodingHelp };
  let line = firstLine;
  for (let start = 0; start <= bytes.length; line += 1) {
    const feed = bytes.indexOf(lineFeed, start);
    const end = feed === -1 ? bytes.length : feed;
    if (!isUtf8(bytes.subarray(start, end)) || feed === -1) break;
    start = feed + 1;
  }
  return { kind: 'fault', line, expected: 'UTF-8 text', found: 'bytes that are no UTF-8', help: encodingHelp };
}
