// Faults in named messages: a WebSocket frame by its type, an AWS call and its answer by the action.
import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import type { Planner } from './fault-plan.ts';
import { FaultProxy } from './fault-proxy.ts';

async function until(test: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!test()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await delay(2);
  }
}

describe('fault proxy, faults in named messages', () => {
  it('finds WebSocket messages by their type, masked or not, however long those before were', async () => {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(sockets, 'listening');
    const got: string[] = [];
    sockets.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.on('message', (data: Buffer) => {
        got.push(data.toString());
        socket.send(`{"type":"ack","of":${got.length}}`);
      });
    });
    const { port } = sockets.address() as { port: number };
    const first = { direction: 'toServer', frame: 'results', nth: 2, byte: 12 } as const;
    const planner: Planner = (one) =>
      one === 1
        ? { faults: [{ ...first, kind: 'truncate' }] }
        : { faults: [{ direction: 'toClient', frame: 'ack', nth: 2, byte: 0, kind: 'duplicate', bytes: 1_000 }] };
    await using proxy = await FaultProxy.start({ target: `http://127.0.0.1:${port}`, framing: 'websocket', planner });
    const one = new WebSocket(proxy.url);
    await once(one, 'open');
    one.ping();
    for (const text of [`{"type":"hello","x":"${'y'.repeat(70_000)}"}`, '{"type":"results","n":1}'])
      one.send(text, { compress: false });
    await until(() => got.length === 2, 'what is whole');
    one.send('{"type":"results","n":2}');
    await once(one, 'close');
    expect(got).to.have.length(2);
    expect(proxy.injected).to.include({ truncate: 1, reset: 0 });
    const acks: string[] = [];
    const two = new WebSocket(proxy.url);
    two.on('message', (data: Buffer) => acks.push(data.toString()));
    await once(two, 'open');
    two.send('a');
    two.send('b');
    await until(() => acks.length === 3, 'the doubled answer');
    expect(acks).to.deep.equal(['{"type":"ack","of":3}', '{"type":"ack","of":4}', '{"type":"ack","of":4}']);
    two.terminate();
    sockets.close();
  });

  it('finds an AWS call by its action, and its answer', async () => {
    const seen: string[] = [];
    const aws = createServer((asked, response) => {
      asked.setEncoding('utf8').on('data', (text: string) => seen.push(text));
      asked.on('end', () => response.end('answered'));
    });
    aws.listen(0, '127.0.0.1');
    await once(aws, 'listening');
    const { port } = aws.address() as { port: number };
    const planner: Planner = () => ({
      faults: [{ direction: 'toClient', frame: 'CreateAccessKey', byte: 5, kind: 'truncate' }],
    });
    await using proxy = await FaultProxy.start({ target: `http://127.0.0.1:${port}`, framing: 'http', planner });
    const call = async (action: string): Promise<string> => {
      const asking = request(proxy.url, { method: 'POST' });
      asking.end(`Action=${action}&Version=2010-05-08`);
      const [response] = (await once(asking, 'response')) as [NodeJS.ReadableStream];
      let body = '';
      for await (const text of response) body += String(text);
      return body;
    };
    expect(await call('ListUsers')).to.equal('answered');
    const failed = await call('CreateAccessKey').catch((error: NodeJS.ErrnoException) => error.code);
    expect(failed).to.equal('ECONNRESET');
    expect(seen).to.have.length(2);
    expect(proxy.injected).to.include({ truncate: 1, reset: 0 });
    aws.closeAllConnections();
    aws.close();
  });
});
