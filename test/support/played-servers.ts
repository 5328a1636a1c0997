// Servers that a test plays: WebSocket peers, and whatever answers an upgrade with its own bytes. Every connection is remembered, so that a test
// may leave any of them hanging; `stop` ends them all.
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

export interface PlayedPeer {
  readonly url: string;
  readonly port: number;
  /** Headers and address of every upgrade. */
  readonly upgrades: Record<string, unknown>[];
}

export class PlayedServers {
  readonly #certificate: { key: Buffer; cert: Buffer };
  readonly #open: { server: Server | HttpServer; sockets: Set<Socket> }[] = [];

  constructor(certificate: { key: Buffer; cert: Buffer }) {
    this.#certificate = certificate;
  }

  /** Listens on a free port of this host. */
  async listen(server: Server | HttpServer): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    this.#open.push({ server, sockets });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** A server that takes every upgrade. */
  async peer(onOpen: (socket: WebSocket) => void = () => undefined, secure = false): Promise<PlayedPeer> {
    const server = secure ? createHttpsServer(this.#certificate) : createHttpServer();
    const upgrades: Record<string, unknown>[] = [];
    const sockets = new WebSocketServer({ server });
    sockets.on('error', () => undefined);
    sockets.on('connection', (socket, request) => {
      upgrades.push({ ...request.headers, url: request.url });
      socket.on('error', () => undefined);
      onOpen(socket);
    });
    const port = await this.listen(server);
    return { url: `${secure ? 'https' : 'http'}://localhost:${port}`, port, upgrades };
  }

  /** A server that answers the upgrade with its own bytes. */
  async answering(answer: (socket: Duplex) => void): Promise<string> {
    const server = createHttpServer();
    server.on('upgrade', (_request, socket: Duplex) => {
      socket.on('error', () => undefined);
      answer(socket);
    });
    return `http://127.0.0.1:${await this.listen(server)}`;
  }

  async stop(): Promise<void> {
    for (const { server, sockets } of this.#open.splice(0)) {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}
