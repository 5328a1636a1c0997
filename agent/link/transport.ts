// The transport port: one dialled connection that carries text messages. agent/io/link-websocket.ts is the real one.
import type { ErrorCode } from '../../protocol/error-codes.ts';

export interface LinkHandlers {
  readonly message: (text: string) => void;
  readonly pong: () => void;
  /** Called once, whoever closed. `code` is the WebSocket close code (RFC 6455 section 7.4). */
  readonly closed: (code: number, reason: string) => void;
}

export interface LinkSocket {
  send(text: string): void;
  ping(): void;
  /** Stops and starts reading from the network; a closed socket may do neither. */
  pause(): void;
  resume(): void;
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedBytes: number;
  /** Closes with a handshake, and without one when the peer does not answer. */
  close(code: number, reason: string): void;
  /** Closes at once: a peer that is silent would not answer a handshake either. */
  terminate(): void;
}

export type Dialled =
  | { readonly kind: 'open'; readonly socket: LinkSocket }
  /** The control plane answered and said no. */
  | {
      readonly kind: 'rejected';
      readonly status: number;
      readonly code: ErrorCode;
      readonly retryAfterMs: number | null;
    }
  /** It could not be reached; `reason` is a system or TLS error code, for the operator. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface Transport {
  dial(options: {
    readonly token: string;
    readonly handlers: LinkHandlers;
    readonly signal: AbortSignal;
  }): Promise<Dialled>;
}
