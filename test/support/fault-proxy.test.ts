// The proxy on real sockets: each fault does what its name says at the byte that was named, is counted when it was done, and only then.
import { expect } from 'chai';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Fault, type FaultKind, faultKinds, randomPlans } from './fault-plan.ts';
import { FaultProxy } from './fault-proxy.ts';

interface End {
  readonly socket: Socket;
  readonly received: () => string;
  /** `fin`, a system error code, or null while it is open. */
  readonly ended: () => string | null;
  readonly over: Promise<string>;
}

function endOf(socket: Socket): End {
  let received = '';
  let ended: string | null = null;
  const { promise, resolve } = Promise.withResolvers<string>();
  const over = (how: string): void => {
    ended ??= how;
    resolve(ended);
  };
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => (received += text));
  socket.on('end', () => over('fin'));
  socket.on('error', (error: NodeJS.ErrnoException) => over(error.code ?? 'error'));
  socket.on('close', () => over('closed'));
  return { socket, received: () => received, ended: () => ended, over: promise };
}

async function until(test: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!test()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await delay(2);
  }
}

describe('fault proxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  let atServer: End[];
  const clients: Socket[] = [];

  beforeEach(async () => {
    atServer = [];
    server = createServer((socket) => atServer.push(endOf(socket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    for (const socket of clients.splice(0)) socket.destroy();
    for (const { socket } of atServer) socket.destroy();
    await proxy.dispose();
    server.close();
  });

  const target = (): string => {
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  };

  async function withFaults(...faults: readonly Fault[]): Promise<[End, End]> {
    proxy = await FaultProxy.start({ target: target(), planner: () => ({ faults }) });
    return pair();
  }

  async function pair(): Promise<[End, End]> {
    const count = atServer.length;
    const client = dial();
    await until(() => atServer.length > count, 'the connection at the server');
    const other = atServer[count];
    if (other === undefined) throw new Error('no connection');
    return [client, other];
  }

  function dial(): End {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(proxy.url).port) });
    clients.push(socket);
    return endOf(socket);
  }

  const counted = (): Partial<Record<FaultKind, number>> =>
    Object.fromEntries(Object.entries(proxy.injected).filter(([, count]) => count > 0));

  it('passes bytes and ends both ways', async () => {
    const [client, other] = await withFaults();
    client.socket.write('to the server');
    other.socket.write('to the client');
    await until(() => other.received() === 'to the server' && client.received() === 'to the client', 'both texts');
    client.socket.end(' and its end');
    expect(await other.over).to.equal('fin');
    expect(other.received()).to.equal('to the server and its end');
    expect(await client.over).to.equal('fin');
    expect(counted()).to.deep.equal({});
    await until(() => proxy.open.length === 0, 'the connection to be forgotten');
  });

  it('passes a reset on, and one of a server that is not there', async () => {
    const [client, other] = await withFaults();
    other.socket.resetAndDestroy();
    expect(await client.over).to.equal('ECONNRESET');
    server.close();
    expect(await dial().over).to.equal('ECONNRESET');
    expect(counted()).to.deep.equal({});
  });

  for (const byte of [0, 1, 5, 10]) {
    it(`cuts with FIN after byte ${byte}: what was before it arrives`, async () => {
      const [client, other] = await withFaults({ kind: 'truncate', direction: 'toServer', byte });
      client.socket.write('0123456789');
      expect(await other.over).to.equal('fin');
      expect(other.received()).to.equal('0123456789'.slice(0, byte));
      expect(await client.over).to.equal('fin');
      expect(counted()).to.deep.equal({ truncate: 1 });
    });
  }

  it('cuts with RST, both ends, in the direction that was named', async () => {
    const [client, other] = await withFaults({ kind: 'reset', direction: 'toClient', byte: 4 });
    client.socket.write('0123456789');
    other.socket.write('abcdefgh');
    expect(await client.over).to.equal('ECONNRESET');
    expect(await other.over).to.equal('ECONNRESET');
    expect(client.received()).to.be.oneOf(['', 'abcd']);
    expect(counted()).to.deep.equal({ reset: 1 });
  });

  it('stalls one direction for a time, and then all of it comes', async () => {
    const [client, other] = await withFaults({ kind: 'stall', direction: 'toServer', byte: 3, forMs: 150 });
    client.socket.write('0123456789');
    other.socket.write('abc');
    await until(() => client.received() === 'abc' && other.received() === '012', 'what passes');
    await delay(60);
    expect(other.received()).to.equal('012');
    await until(() => other.received() === '0123456789', 'the rest');
    expect(counted()).to.deep.equal({ stall: 1 });
  });

  it('stalls for ever, over the end of the sender too, until it is resumed', async () => {
    const [client, other] = await withFaults({ kind: 'stall', direction: 'toServer', byte: 3, forMs: null });
    client.socket.end('0123456789');
    await delay(100);
    expect([other.received(), other.ended()]).to.deep.equal(['012', null]);
    for (const connection of proxy.open) connection.resume();
    expect(await other.over).to.equal('fin');
    expect(other.received()).to.equal('0123456789');
  });

  it('leaves a half-open connection: the sender goes on into nothing', async () => {
    const [client, other] = await withFaults({ kind: 'half_open', direction: 'toServer', byte: 2 });
    client.socket.write('0123');
    await other.over;
    expect(other.received()).to.equal('01');
    client.socket.write('x'.repeat(1_000_000));
    await delay(50);
    expect(client.ended()).to.equal(null);
    await until(() => client.socket.writableLength === 0, 'everything swallowed');
    client.socket.destroy();
    await until(() => proxy.open.length === 0, 'the end');
    expect(counted()).to.deep.equal({ half_open: 1 });
  });

  it('lets so many bytes a second through', async () => {
    const [client, other] = await withFaults({ kind: 'slow', direction: 'toServer', byte: 0, bytesPerSecond: 2_000 });
    const started = performance.now();
    client.socket.write('x'.repeat(600));
    await until(() => other.received().length === 600, 'all bytes');
    expect(performance.now() - started).to.be.within(200, 2_000);
    expect(counted()).to.deep.equal({ slow: 1 });
  });

  it('delays each piece', async () => {
    const [client, other] = await withFaults({ kind: 'delay', direction: 'toServer', byte: 0, ms: 80 });
    const started = performance.now();
    client.socket.write('late');
    await until(() => other.received() === 'late', 'the text');
    expect(performance.now() - started).to.be.above(75);
    expect(counted()).to.deep.equal({ delay: 1 });
  });

  it('doubles, drops and flips bytes, several in one connection', async () => {
    const [client, other] = await withFaults(
      { kind: 'duplicate', direction: 'toServer', byte: 2, bytes: 3 },
      { kind: 'drop', direction: 'toServer', byte: 6, bytes: 2 },
      { kind: 'flip', direction: 'toServer', byte: 9, mask: 1 },
    );
    client.socket.write('0123456789');
    await until(() => other.received().length >= 11, 'the text');
    expect(other.received()).to.equal('01234234588');
    expect(counted()).to.deep.equal({ duplicate: 1, drop: 1, flip: 1 });
  });

  it('does not count what was never reached', async () => {
    const [client, other] = await withFaults(
      { kind: 'flip', direction: 'toServer', byte: 4, mask: 1 },
      { kind: 'truncate', direction: 'toClient', byte: 1 },
    );
    client.socket.end('0123');
    expect(await other.over).to.equal('fin');
    await client.over;
    expect(counted()).to.deep.equal({});
  });

  it('counts places over several writes', async () => {
    const [client, other] = await withFaults({ kind: 'flip', direction: 'toServer', byte: 5, mask: 1 });
    for (const text of ['012', '345', '678']) {
      client.socket.write(text);
      await delay(10);
    }
    await until(() => other.received().length === 9, 'the text');
    expect(other.received()).to.equal('012344678');
  });

  it('resets at connect, and refuses dials while it is told to', async () => {
    proxy = await FaultProxy.start({ target: target(), planner: (one) => (one === 1 ? { connect: 'reset' } : {}) });
    expect(await dial().over).to.equal('ECONNRESET');
    const [open] = await pair();
    proxy.refuse();
    expect(await dial().over).to.equal('ECONNREFUSED');
    expect(open.ended()).to.equal(null);
    await proxy.accept();
    await pair();
    expect(counted()).to.deep.equal({ reset_at_connect: 1, refuse: 1 });
  });

  it('refuses for a time after a connection whose plan says so', async () => {
    proxy = await FaultProxy.start({ target: target(), planner: (one) => (one === 1 ? { refuseMs: 100 } : {}) });
    const [client] = await pair();
    client.socket.end();
    await client.over;
    await until(() => proxy.injected.refuse === 1, 'the listener to go');
    expect(await dial().over).to.equal('ECONNREFUSED');
    await delay(150);
    await pair();
  });

  it('strikes open connections at once, without a byte', async () => {
    proxy = await FaultProxy.start({ target: target() });
    const [first, second] = [await pair(), await pair()];
    proxy.strike('toServer', { kind: 'stall', forMs: null });
    first[0].socket.write('held');
    await delay(50);
    expect(first[1].received()).to.equal('');
    proxy.strike('toServer', { kind: 'reset' });
    for (const end of [...first, ...second]) expect(await end.over).to.equal('ECONNRESET');
    const [client, other] = await pair();
    client.socket.write('a');
    await until(() => other.received() === 'a', 'a byte');
    proxy.strike('toServer', { kind: 'flip', mask: 1 });
    client.socket.write('bb');
    await until(() => other.received() === 'acb', 'the flipped byte');
    expect(counted()).to.deep.equal({ stall: 2, reset: 2, flip: 1 });
  });

  it('makes the same random plans from the same seed, of every kind', async () => {
    proxy = await FaultProxy.start({ target: target() });
    const plans = (seed: number): unknown[] =>
      Array.from({ length: 400 }, (_, index) => randomPlans({ seed })(index + 1));
    expect(plans(7)).to.deep.equal(plans(7));
    expect(plans(7)).to.not.deep.equal(plans(8));
    const text = JSON.stringify(plans(7));
    for (const kind of faultKinds.filter((one) => one !== 'reset_at_connect' && one !== 'refuse'))
      expect(text).to.include(`"kind":"${kind}"`);
    expect(text).to.include('"connect":"reset"').and.to.include('"refuseMs"');
  });
});
