// One socket to send on. Rows and tokens wait while the peer does not read (high and low marks of the socket's own buffer); answers do not wait,
// because they only exist for frames that were read, and reading stops when the buffer is over its mark.
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { encodeFrame } from '../protocol/codec.ts';
import type { FrameToAgent } from '../protocol/frames-to-agent.ts';
import { closeCodes } from '../protocol/close-codes.ts';
import { type CloseReason, closeText } from './close-codes.ts';

const highMarkBytes = 1024 * 1024;
const lowMarkBytes = 256 * 1024;
const closeGraceMs = 2_000;

export class Link {
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  #waiting: (() => void)[] = [];
  #open = true;
  readonly closed: Promise<number>;

  /** `stream` is what the socket writes to. */
  constructor(socket: WebSocket, stream: Duplex) {
    this.#socket = socket;
    this.#stream = stream;
    this.closed = new Promise((resolve) => {
      socket.once('close', (code) => {
        this.#open = false;
        this.#release();
        resolve(code);
      });
    });
    // A broken socket is followed by 'close'; the error itself says nothing more.
    socket.on('error', () => {});
  }

  get open(): boolean {
    return this.#open;
  }

  send(frame: FrameToAgent, lines: readonly string[] = []): void {
    if (!this.#open) return;
    this.#socket.send(encodeFrame(frame, lines), () => {
      if (this.#socket.bufferedAmount <= lowMarkBytes) this.#release();
    });
  }

  /** What `work` sends leaves in one write, so that it also comes together. */
  together(work: () => void): void {
    this.#stream.cork();
    work();
    this.#stream.uncork();
  }

  /** Resolves when more may be sent, or the link is closed. */
  async drained(): Promise<void> {
    if (!this.#open || this.#socket.bufferedAmount < highMarkBytes) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  ping(): void {
    if (this.#open) this.#socket.ping();
  }

  /** Stops the link now; a peer that does not answer the close is cut off. */
  close(reason: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    this.#release();
    // A paused socket would never read the peer's close.
    this.#socket.resume();
    this.#socket.close(closeCodes[reason.kind], closeText(reason));
    const timer = setTimeout(() => this.#socket.terminate(), closeGraceMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
