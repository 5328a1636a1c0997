// Cuts the byte streams of one connection into its messages, so that a fault can be put at a byte of a named frame however long the frames
// before it were. A message is held back until it is whole; what is left at the end of a stream goes on as it is.

/** `none`: every chunk that came is a message named `bytes`. */
export type Framing = 'none' | 'websocket' | 'http';

export interface Frame {
  /** The `type` of a text frame, `ping`, `upgrade`; for HTTP the AWS action of the request, also for its answer, else method and path. */
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Framer {
  push(chunk: Buffer): readonly Frame[];
  /** What came after the last whole message. */
  rest(): Buffer;
}

/** One for each direction of a connection. */
export function framersOf(framing: Framing): { readonly toServer: Framer; readonly toClient: Framer } {
  if (framing === 'none') return { toServer: new Splitter(chunkOf), toClient: new Splitter(chunkOf) };
  if (framing === 'websocket') return { toServer: new Splitter(webSocket()), toClient: new Splitter(webSocket()) };
  const asked: string[] = [];
  const request = (buffer: Buffer): Frame | null => {
    const message = httpMessage(buffer);
    if (message === null) return null;
    const name = /(?:^|&)Action=(\w+)/.exec(message.body)?.[1] ?? message.startLine.split(' ', 2).join(' ');
    asked.push(name);
    return { name, bytes: message.bytes };
  };
  const answer = (buffer: Buffer): Frame | null => {
    const message = httpMessage(buffer);
    return message && { name: asked.shift() ?? 'unasked', bytes: message.bytes };
  };
  return { toServer: new Splitter(request), toClient: new Splitter(answer) };
}

class Splitter implements Framer {
  #held: Buffer = Buffer.alloc(0);
  readonly #next: (buffer: Buffer) => Frame | null;

  constructor(next: (buffer: Buffer) => Frame | null) {
    this.#next = next;
  }

  push(chunk: Buffer): readonly Frame[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const frames: Frame[] = [];
    while (this.#held.length > 0) {
      const frame = this.#next(this.#held);
      if (frame === null) break;
      frames.push(frame);
      this.#held = this.#held.subarray(frame.bytes.length);
    }
    return frames;
  }

  rest(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }
}

const chunkOf = (buffer: Buffer): Frame => ({ name: 'bytes', bytes: buffer });

const headEnd = '\r\n\r\n';

/** A message with Content-Length or without a body; an answer of another shape would be split at its head. */
function httpMessage(buffer: Buffer): { startLine: string; body: string; bytes: Buffer } | null {
  const at = buffer.indexOf(headEnd);
  if (at < 0) return null;
  const head = buffer.toString('latin1', 0, at);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  const end = at + headEnd.length + length;
  if (buffer.length < end) return null;
  const body = buffer.toString('latin1', at + headEnd.length, end);
  return { startLine: head.split('\r\n', 1)[0] ?? '', body, bytes: buffer.subarray(0, end) };
}

/** RFC 6455. The first message is the head of the upgrade; a connection that is not upgraded stays plain chunks. */
function webSocket(): (buffer: Buffer) => Frame | null {
  let read: (buffer: Buffer) => Frame | null = (buffer) => {
    const at = buffer.indexOf(headEnd);
    if (at < 0) return null;
    const head = buffer.toString('latin1', 0, at);
    const upgraded = /\r\nupgrade: *websocket/i.test(head);
    read = upgraded ? webSocketFrame : chunkOf;
    return upgraded ? { name: 'upgrade', bytes: buffer.subarray(0, at + headEnd.length) } : chunkOf(buffer);
  };
  return (buffer) => read(buffer);
}

const opcodes: Readonly<Record<number, string>> = { 0: 'continuation', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };

function webSocketFrame(buffer: Buffer): Frame | null {
  if (buffer.length < 2) return null;
  const [opcode, masked, short] = [buffer.readUInt8(0) & 15, buffer.readUInt8(1) >> 7, buffer.readUInt8(1) & 127];
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const start = 2 + lengthBytes + 4 * masked;
  if (buffer.length < start) return null;
  const length = short === 127 ? Number(buffer.readBigUInt64BE(2)) : short === 126 ? buffer.readUInt16BE(2) : short;
  if (buffer.length < start + length) return null;
  const payload = Buffer.from(buffer.subarray(start, start + Math.min(length, 200)));
  if (masked === 1)
    for (const [at, byte] of payload.entries()) payload[at] = byte ^ buffer.readUInt8(start - 4 + (at % 4));
  const name = opcodes[opcode] ?? /^\{"type":"([\w.]+)"/.exec(payload.toString('latin1'))?.[1] ?? 'text';
  return { name, bytes: buffer.subarray(0, start + length) };
}
