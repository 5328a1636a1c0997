// A TCP proxy that breaks connections as planned: for the links of the programs to each other and to AWS. It knows nothing of the protocols
// it carries but where their messages begin, and counts what it really did. `dispose` ends every connection and the listener.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { framersOf, type Framing } from './fault-frames.ts';
import { Pipe } from './fault-pipe.ts';
import {
  type Counts,
  type Direction,
  type Effect,
  type Fault,
  type FaultKind,
  faultKinds,
  type Plan,
  type Planner,
} from './fault-plan.ts';

export interface FaultProxyOptions {
  /** Base URL of the server behind it; host and port count. */
  readonly target: string;
  /** How faults in named frames find them. Default `none`. */
  readonly framing?: Framing;
  readonly planner?: Planner;
  /** Told of every message before it passes: its name and its length in bytes. */
  readonly observe?: (direction: Direction, name: string, bytes: number) => void;
}

export class FaultProxy {
  readonly injected = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Counts;
  /** Connections accepted so far. */
  connections = 0;
  readonly #options: FaultProxyOptions;
  readonly #open = new Set<FaultConnection>();
  #planner: Planner;
  #server: Server | null = null;
  #port = 0;
  #refusing: NodeJS.Timeout | null = null;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#planner = options.planner ?? (() => ({}));
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.#listen();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get open(): readonly FaultConnection[] {
    return [...this.#open];
  }

  /** Of connections that come from now on; their numbers go on. */
  plan(planner: Planner): void {
    this.#planner = planner;
  }

  /** Does it now to every open connection. */
  strike(direction: Direction, effect: Effect): void {
    for (const connection of this.#open) connection.strike(direction, effect);
  }

  /** Plans a fault for every open connection; its place is counted from now on. */
  arm(fault: Fault): void {
    for (const connection of this.#open) connection.arm(fault);
  }

  /** Dials are refused for so long, or until `accept`. Open connections go on. */
  refuse(forMs: number | null = null): void {
    if (this.#server === null) return;
    this.#server.close();
    this.#server = null;
    this.injected.refuse += 1;
    if (forMs !== null) this.#refusing = setTimeout(() => void this.accept(), forMs);
  }

  async accept(): Promise<void> {
    if (this.#refusing !== null) clearTimeout(this.#refusing);
    this.#refusing = null;
    if (this.#server === null) await this.#listen();
  }

  async dispose(): Promise<void> {
    if (this.#refusing !== null) clearTimeout(this.#refusing);
    this.#server?.close();
    this.#server = null;
    this.#planner = () => ({ connect: 'reset' });
    for (const connection of this.#open) connection.destroy();
    await Promise.all([...this.#open].map(({ over }) => over));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accepted(client));
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  #accepted(client: Socket): void {
    this.connections += 1;
    const plan = this.#planner(this.connections);
    client.on('error', () => undefined);
    if (plan.connect === 'reset') {
      this.injected.reset_at_connect += 1;
      client.resetAndDestroy();
      if (plan.refuseMs !== undefined) this.refuse(plan.refuseMs);
      return;
    }
    const { hostname, port } = new URL(this.#options.target);
    const server = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    server.on('error', () => undefined);
    const { framing = 'none', observe = () => undefined } = this.#options;
    const injected = (kind: FaultKind): void => void (this.injected[kind] += 1);
    const connection = new FaultConnection({ client, server }, plan, { framing, injected, observe });
    this.#open.add(connection);
    void connection.over.then(() => {
      this.#open.delete(connection);
      if (plan.refuseMs !== undefined) this.refuse(plan.refuseMs);
    });
  }
}

interface ConnectionOptions {
  readonly framing: Framing;
  readonly injected: (kind: FaultKind) => void;
  readonly observe: NonNullable<FaultProxyOptions['observe']>;
}

/** One connection from a client and the one to the server that belongs to it. */
export class FaultConnection {
  /** Resolves when both sockets are closed. */
  readonly over: Promise<void>;
  readonly #sockets: { readonly client: Socket; readonly server: Socket };
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  #halfOpen = false;

  constructor(
    sockets: { readonly client: Socket; readonly server: Socket },
    plan: Plan,
    { framing, injected, observe }: ConnectionOptions,
  ) {
    this.#sockets = sockets;
    const { client, server } = sockets;
    const framers = framersOf(framing);
    const pipe = (direction: Direction, source: Socket, sink: Socket): Pipe =>
      new Pipe(
        { source, sink },
        framers[direction],
        (plan.faults ?? []).filter((fault) => fault.direction === direction),
        {
          injected,
          cut: (how) => this.#cut(how),
          halfOpen: () => this.#closeSilently(sink),
          message: (name, bytes) => observe(direction, name, bytes),
        },
      );
    this.#pipes = { toServer: pipe('toServer', client, server), toClient: pipe('toClient', server, client) };
    this.over = Promise.all([closed(client), closed(server)]).then(() => undefined);
    void this.#run('toServer', server);
    void this.#run('toClient', client);
  }

  strike(direction: Direction, effect: Effect): void {
    this.#pipes[direction].strike(effect, direction);
  }

  arm(fault: Fault): void {
    this.#pipes[fault.direction].arm(fault);
  }

  /** Ends the stalls of both directions. */
  resume(): void {
    this.#pipes.toServer.resume();
    this.#pipes.toClient.resume();
  }

  destroy(): void {
    this.#swallow();
    this.#sockets.client.destroy();
    this.#sockets.server.destroy();
  }

  async #run(direction: Direction, sink: Socket): Promise<void> {
    const ended = await this.#pipes[direction].run();
    if (this.#halfOpen) {
      // Only the side that was kept open is left; when it goes, all goes.
      if (!sink.destroyed) return;
      this.destroy();
    } else if (ended === 'rst') sink.resetAndDestroy();
    else sink.end();
  }

  #swallow(): void {
    this.#pipes.toServer.swallow();
    this.#pipes.toClient.swallow();
  }

  /** What still comes is read and thrown away, so that a FIN does not turn into a reset. */
  #cut(how: 'truncate' | 'reset'): void {
    this.#swallow();
    for (const socket of [this.#sockets.client, this.#sockets.server]) {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.end();
    }
  }

  #closeSilently(receiver: Socket): void {
    this.#halfOpen = true;
    this.#swallow();
    receiver.destroy();
  }
}

/** Not `once`: an error before it is no failure here. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
