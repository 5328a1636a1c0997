// A relay between the agent and the control plane that keeps every byte, so that the demo can show what went over the wire. The two talk
// plain HTTP here because both are on loopback; elsewhere it is TLS and nobody could do this.
import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { DemoError } from './processes.ts';

interface Conversation {
  readonly fromAgent: Buffer[];
  readonly toAgent: Buffer[];
}

export class WireTap {
  /** Set when the control plane listens. */
  targetPort = 0;
  readonly #server: Server;
  readonly #conversations: Conversation[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((agent) => this.#relay(agent));
  }

  static async open(): Promise<WireTap> {
    const tap = new WireTap();
    tap.#server.listen(0, '127.0.0.1');
    await once(tap.#server, 'listening');
    return tap;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new DemoError('the relay does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  /** What either side said, WebSocket frames of the agent unmasked. */
  heard(): { readonly fromAgent: Buffer; readonly toAgent: Buffer } {
    return {
      fromAgent: Buffer.concat(this.#conversations.map(({ fromAgent }) => unmasked(Buffer.concat(fromAgent)))),
      toAgent: Buffer.concat(this.#conversations.flatMap(({ toAgent }) => toAgent)),
    };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #relay(agent: Socket): void {
    const controlPlane = connect(this.targetPort, '127.0.0.1');
    const conversation: Conversation = { fromAgent: [], toAgent: [] };
    this.#conversations.push(conversation);
    const both = [
      [agent, controlPlane, conversation.fromAgent],
      [controlPlane, agent, conversation.toAgent],
    ] as const;
    for (const [from, to, kept] of both) {
      this.#sockets.add(from);
      from.on('data', (bytes: Buffer) => kept.push(bytes));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}

/** A WebSocket client masks what it sends (RFC 6455, 5.3): searched as it is, it would contain nothing. */
function unmasked(bytes: Buffer): Buffer {
  const headEnd = bytes.indexOf('\r\n\r\n') + 4;
  if (headEnd < 4 || !/^upgrade: *websocket/im.test(bytes.toString('latin1', 0, headEnd))) return bytes;
  const parts = [bytes.subarray(0, headEnd)];
  for (let at = headEnd; at + 2 <= bytes.length;) {
    const short = bytes.readUInt8(at + 1) & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskAt = at + 2 + extra;
    if (maskAt + 4 > bytes.length) break;
    const length =
      extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    const mask = bytes.subarray(maskAt, maskAt + 4);
    const body = Buffer.from(bytes.subarray(maskAt + 4, maskAt + 4 + length));
    for (let index = 0; index < body.length; index += 1) body[index] = (body[index] ?? 0) ^ (mask[index % 4] ?? 0);
    parts.push(body);
    at = maskAt + 4 + length;
  }
  return Buffer.concat(parts);
}
