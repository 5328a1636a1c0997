// The transport over one WebSocket (RFC 6455) that this host dials. Text frames only, no compression, a hard limit on what may come in.
import process from 'node:process';
import type { Writable } from 'node:stream';
import { WebSocket } from 'ws';
import { errorCodes, type ErrorCode } from '../../protocol/error-codes.ts';
import { limits } from '../../protocol/limits.ts';
import { subprotocol } from '../../protocol/version.ts';
import type { Dialled, LinkHandlers, LinkSocket, Transport } from '../link/transport.ts';
import { openRoute, type Outbound } from './outbound.ts';

const handshakeTimeoutMs = 20_000;
/** How long the body of a refusal, and the peer's half of a close, are waited for. */
const lastWordMs = 3_000;
const maxAnswerBytes = 8 * 1024;

/** `url` is the control plane's base address; the socket's own is derived from it. */
export function websocketTransport(url: string, outbound: Outbound): Transport {
  const address = new URL('agent/v1/socket', url.endsWith('/') ? url : `${url}/`);
  address.protocol = address.protocol === 'http:' ? 'ws:' : 'wss:';
  return {
    async dial({ token, handlers, signal }) {
      try {
        const route = await openRoute(outbound);
        const socket = new WebSocket(address, [subprotocol], {
          agent: route.agentFor(address.protocol === 'wss:', true),
          ...route.tls,
          headers: { authorization: `Bearer ${token}` },
          handshakeTimeout: handshakeTimeoutMs,
          maxPayload: limits.frameBytes,
          perMessageDeflate: false,
          followRedirects: false,
        });
        return await opened(socket, handlers, signal);
      } catch (error) {
        return { kind: 'failed', reason: reasonOf(error) };
      }
    },
  };
}

function opened(socket: WebSocket, handlers: LinkHandlers, signal: AbortSignal): Promise<Dialled> {
  return new Promise((resolve) => {
    const abort = (): void => socket.terminate();
    signal.addEventListener('abort', abort, { once: true });
    const settle = (dialled: Dialled): void => {
      signal.removeEventListener('abort', abort);
      resolve(dialled);
    };
    socket.on('error', (error) => settle({ kind: 'failed', reason: reasonOf(error) }));
    socket.on('unexpected-response', (request, response) => {
      void readAnswer(response).then((dialled) => {
        request.destroy();
        settle(dialled);
      });
    });
    let stream: Writable | null = null;
    socket.on('upgrade', (response) => (stream = response.socket));
    socket.on('open', () => settle({ kind: 'open', socket: linkSocket(socket, stream) }));
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) closeSoon(socket, 1003, 'text frames only');
      else handlers.message(data.toString('utf8'));
    });
    socket.on('pong', () => handlers.pong());
    socket.on('close', (code, reason) => {
      settle({ kind: 'failed', reason: 'closed' });
      handlers.closed(code, reason.toString('utf8'));
    });
    if (signal.aborted) abort();
  });
}

/** Frames of one turn of the event loop leave in one write of `stream`, which is what the socket writes to. */
function linkSocket(socket: WebSocket, stream: Writable | null): LinkSocket {
  let held = false;
  const hold = (): void => {
    if (held || stream === null) return;
    held = true;
    stream.cork();
    process.nextTick(() => {
      held = false;
      stream.uncork();
    });
  };
  return {
    send: (text) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      hold();
      socket.send(text);
    },
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    },
    pause: () => {
      if (socket.readyState === WebSocket.OPEN) socket.pause();
    },
    resume: () => socket.resume(),
    get bufferedBytes() {
      return socket.readyState === WebSocket.OPEN ? socket.bufferedAmount : 0;
    },
    close: (code, reason) => closeSoon(socket, code, reason),
    terminate: () => socket.terminate(),
  };
}

/** A peer that is gone without a word answers no close either; a stop of the service does not wait for it. */
function closeSoon(socket: WebSocket, code: number, reason: string): void {
  const late = setTimeout(() => socket.terminate(), lastWordMs);
  socket.once('close', () => clearTimeout(late));
  socket.close(code, reason);
}

/** The control plane refuses an upgrade with a status and `{code, detail}`. */
async function readAnswer(response: import('node:http').IncomingMessage): Promise<Dialled> {
  const status = response.statusCode ?? 0;
  const late = setTimeout(() => response.destroy(), lastWordMs);
  let body = '';
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > maxAnswerBytes) break;
    }
  } catch {
    // The status alone says enough.
  } finally {
    clearTimeout(late);
  }
  const after = Number(response.headers['retry-after']);
  const retryAfterMs = Number.isFinite(after) && after > 0 ? Math.min(after, 3_600) * 1000 : null;
  return { kind: 'rejected', status, code: codeOf(body), retryAfterMs };
}

function codeOf(body: string): ErrorCode {
  try {
    const parsed: unknown = JSON.parse(body);
    const code: unknown = typeof parsed === 'object' && parsed !== null && 'code' in parsed ? parsed.code : null;
    if (typeof code === 'string' && Object.hasOwn(errorCodes, code)) return code as ErrorCode;
  } catch {
    // Not ours: a proxy's page, perhaps.
  }
  return 'session_rejected';
}

/** A system or TLS error code such as ECONNREFUSED or CERT_HAS_EXPIRED; never a free text. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : 'unknown';
}
