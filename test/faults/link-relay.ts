// Stands between the agent and its control plane as a WebSocket peer of both and passes whole frames on: what a byte stream cannot do, frames of a
// hostile or confused middle can. It holds a frame back past later ones, shows an old job token again, and answers results with a forged
// acknowledgement. Everything else it passes as it came.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';

const subprotocol = 'iam-agent.v1';

export const relayFaults = ['late_token', 'replayed_token', 'forged_ack'] as const;
export type RelayFault = (typeof relayFaults)[number];

interface Pair {
  readonly agent: WebSocket;
  readonly plane: WebSocket;
}

const keptTokens = 200;
/** How long a token is held back at most. */
const holdMs = 1_500;

export class LinkRelay {
  /** Called when the token of a job is being held back: now is the moment to cancel that job. */
  onHeld: ((job: string) => void) | null = null;
  /** Called when it goes on; `cancelled`: its cancel went before it. */
  onReleased: ((cancelled: boolean) => void) | null = null;
  readonly #planeUrl: string;
  readonly #onFault: (fault: RelayFault) => void;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #pairs = new Set<Pair>();
  readonly #tokens: string[] = [];
  #armed: RelayFault[] = [];
  #held: { readonly job: string; cancelled: boolean } | null = null;

  constructor(planeUrl: string, onFault: (fault: RelayFault) => void) {
    this.#planeUrl = planeUrl;
    this.#onFault = onFault;
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      handleProtocols: () => subprotocol,
    });
    this.#server = createServer();
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Befalls the next frame that it can befall. */
  arm(fault: RelayFault): void {
    if (fault === 'replayed_token') this.#replay();
    else this.#armed.push(fault);
  }

  disarm(): void {
    this.#armed = [];
    this.onHeld = null;
    this.onReleased = null;
  }

  /** Ends every link. */
  cut(): void {
    for (const { agent, plane } of this.#pairs) {
      agent.terminate();
      plane.terminate();
    }
  }

  async stop(): Promise<void> {
    this.disarm();
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined);
    const address = `${this.#planeUrl.replace('http', 'ws')}${request.url ?? ''}`;
    const plane = new WebSocket(address, [subprotocol], {
      headers: { authorization: request.headers.authorization ?? '' },
      perMessageDeflate: false,
    });
    plane.on('error', () => socket.destroy());
    plane.on('unexpected-response', (_asked, answer) => {
      void passRefusal(answer, socket);
    });
    plane.on('open', () => {
      this.#sockets.handleUpgrade(request, socket, head, (agent) => this.#join({ agent, plane }));
    });
    socket.once('close', () => plane.terminate());
  }

  #join(pair: Pair): void {
    const { agent, plane } = pair;
    this.#pairs.add(pair);
    agent.on('error', () => undefined);
    agent.on('message', (data: Buffer) => this.#fromAgent(pair, data.toString('utf8')));
    plane.on('message', (data: Buffer) => this.#fromPlane(pair, data.toString('utf8')));
    agent.on('close', (code, reason) => close(plane, code, reason));
    plane.on('close', (code, reason) => {
      this.#pairs.delete(pair);
      close(agent, code, reason);
    });
  }

  #fromAgent({ agent, plane }: Pair, text: string): void {
    if (text.startsWith('{"type":"results"') && this.#take('forged_ack')) {
      // Lost on the way, and yet acknowledged, under a head that nobody has: the agent must not believe it.
      const [first = '', ...lines] = text.split('\n');
      const { job, first_sequence } = JSON.parse(first) as { job: string; first_sequence: number };
      const sequence = first_sequence + lines.length - 1;
      say(agent, JSON.stringify({ type: 'results.ack', job, sequence, head: 'f'.repeat(64) }));
      return;
    }
    say(plane, text);
  }

  #fromPlane({ agent }: Pair, text: string): void {
    if (this.#held !== null && text === `{"type":"cancel","job":"${this.#held.job}"}`) this.#held.cancelled = true;
    if (!text.startsWith('{"type":"job",')) return say(agent, text);
    if (this.#tokens.push(text) > keptTokens) this.#tokens.shift();
    if (!this.#take('late_token')) return say(agent, text);
    const held = { job: jobOf(text), cancelled: false };
    this.#held = held;
    setTimeout(() => {
      this.#held = null;
      say(agent, text);
      this.onReleased?.(held.cancelled);
    }, holdMs);
    this.onHeld?.(held.job);
  }

  #replay(): void {
    const token = this.#tokens[Math.floor(this.#tokens.length / 2)];
    const [pair] = this.#pairs;
    if (token === undefined || pair === undefined || pair.agent.readyState !== WebSocket.OPEN) return;
    this.#onFault('replayed_token');
    say(pair.agent, token);
  }

  #take(fault: RelayFault): boolean {
    const at = this.#armed.indexOf(fault);
    if (at < 0) return false;
    this.#armed.splice(at, 1);
    this.#onFault(fault);
    return true;
  }
}

/** The id in a job token. */
function jobOf(frame: string): string {
  const { token } = JSON.parse(frame) as { token: string };
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(claims) as { jti: string }).jti;
}

function say(socket: WebSocket, text: string): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(text);
}

function close(socket: WebSocket, code: number, reason: Buffer): void {
  // 1005 and 1006 say that there was no close frame; they are never sent.
  if (code === 1005 || code === 1006) socket.terminate();
  else if (socket.readyState === WebSocket.OPEN) socket.close(code, reason);
}

async function passRefusal(answer: IncomingMessage, socket: Duplex): Promise<void> {
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  const head = `HTTP/1.1 ${answer.statusCode ?? 503} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
