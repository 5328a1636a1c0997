// Reads one HTTP/1.1 answer out of the bytes of a connection (RFC 9112): status, headers and body as they came. Strict: what could be read in
// two ways (two lengths, a bare line end, a folded header) is no answer.
import { notInAValue, token } from './http-syntax.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

export type Reading = 'more' | 'done' | 'malformed' | 'too_large';

/** Of the head, of the trailer, and of what stands before a chunk; as many as node:http takes. */
const maxLineBytes = 16 * 1024;
const lineFeed = 10;
const noBytes = Buffer.alloc(0);
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const chunkSize = /^([0-9a-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i;
const length = /^\d{1,15}$/;

/** Without the blanks around it. */
function trimmed(line: string, from: number): string {
  let [start, end] = [from, line.length];
  while (start < end && isBlank(line.charCodeAt(start))) start += 1;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

const isBlank = (unit: number): boolean => unit === 32 || unit === 9;

export class AnswerReader {
  readonly #maxBodyBytes: number;
  #part: 'status' | 'header' | 'body' | 'chunk_size' | 'chunk_end' | 'trailer' | 'end' = 'status';
  #line = '';
  #lineBytes = 0;
  #status = 0;
  #headers: [string, string][] = [];
  #length: string | null = null;
  #encoding: string | null = null;
  #chunked = false;
  /** Bytes of the body, or of its chunk, that are still to come. */
  #left = 0;
  /** What came of the body is its beginning. */
  #body: Buffer = noBytes;
  #bodyBytes = 0;
  #keeps = true;
  /** Said once, it holds whatever else is said. */
  #closes = false;
  #idleSeconds: number | null = null;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** The connection can carry another exchange after this one. */
  get keeps(): boolean {
    return this.#keeps && !this.#closes;
  }

  /** How long the other side says that it keeps the connection; null: it does not say. */
  get idleSeconds(): number | null {
    return this.#idleSeconds;
  }

  get answer(): RawAnswer {
    return { status: this.#status, headers: this.#headers, body: this.#body.subarray(0, this.#bodyBytes) };
  }

  /** Takes the bytes over: they may not change afterwards. Not to be called again after anything but `more`. */
  push(bytes: Buffer): Reading {
    let at = 0;
    while (at < bytes.length && this.#part !== 'end') {
      if (this.#part === 'body') {
        const end = Math.min(bytes.length, at + this.#left);
        if (this.#bodyBytes + end - at > this.#maxBodyBytes) return 'too_large';
        this.#keep(bytes.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#part = this.#chunked ? 'chunk_end' : 'end';
        continue;
      }
      const feed = bytes.indexOf(lineFeed, at);
      const end = feed === -1 ? bytes.length : feed + 1;
      this.#lineBytes += end - at;
      if (this.#lineBytes > maxLineBytes) return 'malformed';
      this.#line += bytes.toString('latin1', at, end);
      at = end;
      if (feed === -1) break;
      if (!this.#line.endsWith('\r\n')) return 'malformed';
      const line = this.#line.slice(0, -2);
      this.#line = '';
      if (!this.#take(line)) return 'malformed';
    }
    if (this.#part !== 'end') return 'more';
    // Nothing was asked for that this could be the answer to.
    if (at < bytes.length) this.#keeps = false;
    return 'done';
  }

  /** The other side has ended the connection. */
  end(): Reading {
    return this.#part === 'body' && this.#left === Infinity ? 'done' : 'malformed';
  }

  /** However small the pieces are, each byte is copied twice at most. */
  #keep(bytes: Buffer): void {
    const [before, after] = [this.#bodyBytes, this.#bodyBytes + bytes.length];
    this.#bodyBytes = after;
    if (before === 0 && !this.#chunked && bytes.length === this.#left) {
      this.#body = bytes;
      return;
    }
    if (after > this.#body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(after, 2 * this.#body.length));
      this.#body.copy(larger, 0, 0, before);
      this.#body = larger;
    }
    bytes.copy(this.#body, before);
  }

  #take(line: string): boolean {
    switch (this.#part) {
      case 'status':
        return this.#takeStatus(line);
      case 'header':
        return line === '' ? this.#takeEndOfHead() : this.#takeHeader(line);
      case 'chunk_size': {
        const size = chunkSize.exec(line)?.[1];
        if (size === undefined) return false;
        this.#left = Number.parseInt(size, 16);
        this.#lineBytes = 0;
        this.#part = this.#left === 0 ? 'trailer' : 'body';
        return true;
      }
      case 'chunk_end':
        this.#part = 'chunk_size';
        this.#lineBytes = 0;
        return line === '';
      case 'trailer':
        if (line === '') this.#part = 'end';
        return true;
      case 'body':
      case 'end':
        return false;
      default:
        return this.#part satisfies never;
    }
  }

  #takeStatus(line: string): boolean {
    const [, minor, status] = statusLine.exec(line) ?? [];
    if (status === undefined) return false;
    this.#status = Number(status);
    this.#keeps = minor === '1';
    this.#part = 'header';
    return true;
  }

  #takeHeader(line: string): boolean {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (colon < 1 || !token.test(name) || notInAValue.test(line)) return false;
    const value = trimmed(line, colon + 1);
    this.#headers.push([name, value]);
    // Few names have the length of one that matters here.
    return name.length === 10 || name.length === 14 || name.length === 17
      ? this.#takeFraming(name.toLowerCase(), value)
      : true;
  }

  #takeFraming(name: string, value: string): boolean {
    if (name === 'content-length') {
      if (this.#length !== null || !length.test(value)) return false;
      this.#length = value;
    } else if (name === 'transfer-encoding') {
      if (this.#encoding !== null) return false;
      this.#encoding = value.toLowerCase();
    } else if (name === 'connection') {
      const options = value.toLowerCase();
      if (/(?:^|[\t ,])close(?:$|[\t ,])/.test(options)) this.#closes = true;
      else if (/(?:^|[\t ,])keep-alive(?:$|[\t ,])/.test(options)) this.#keeps = true;
    } else if (name === 'keep-alive') {
      const seconds = /(?:^|[\t ,])timeout=(\d{1,9})/.exec(value)?.[1];
      if (seconds !== undefined) this.#idleSeconds = Number(seconds);
    }
    return true;
  }

  #takeEndOfHead(): boolean {
    const [bytes, encoding] = [this.#length, this.#encoding];
    if (this.#status < 200) {
      // One that comes before the answer. Nothing was asked for that could switch protocols.
      this.#part = 'status';
      this.#headers = [];
      this.#length = null;
      this.#encoding = null;
      return this.#status !== 101;
    }
    if (encoding !== null && (bytes !== null || encoding !== 'chunked')) return false;
    if (this.#status === 204 || this.#status === 304) {
      // Whoever announces a body here may send one.
      if (encoding !== null || (bytes !== null && Number(bytes) > 0)) this.#keeps = false;
      this.#part = 'end';
    } else if (encoding !== null) {
      this.#chunked = true;
      this.#part = 'chunk_size';
    } else {
      this.#left = bytes === null ? Infinity : Number(bytes);
      this.#part = this.#left === 0 ? 'end' : 'body';
      if (bytes === null) this.#keeps = false;
    }
    return true;
  }
}
