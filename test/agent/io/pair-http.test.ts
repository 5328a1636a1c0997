// Pairing's one request against servers that are not the control plane, or not a good one: every answer ends as a refusal with a code, in
// bounded time and memory.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { stub } from 'sinon';
import { askToPair } from '../../../agent/io/pair-http.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { digestSchema } from '../../../protocol/ids.ts';
import type { PairRequest } from '../../../protocol/pairing.ts';
import { makeKey } from '../../support/control-plane-peer.ts';

const digest = digestSchema.parse('a'.repeat(64));
const { d: _secret, ...key } = makeKey();
const body: PairRequest = { key, code_id: digest, proof: digest };
type Play = (response: ServerResponse, request: IncomingMessage) => void;

describe('asking to pair', () => {
  let server: Server;
  let url: string;
  let play: Play = (response) => response.end();
  const requests: { path: string | undefined; body: string }[] = [];

  before(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        requests.push({ path: request.url, body: text });
        play(response, request);
      });
      response.on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  beforeEach(() => void (requests.length = 0));

  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function refused(how: Play, address = url): Promise<{ code: string; detail: string }> {
    play = how;
    const answer = await askToPair(address, body, { verifySsl: true });
    if (!isRefusal(answer)) throw new Error('it was not refused');
    return answer;
  }

  it('sends the request once, as it is, below the path of the address', async () => {
    const good = { root: key, answer: 'a.b.c' };
    for (const base of [url, `${url}/`, `${url}/below`]) {
      play = (response) => response.end(JSON.stringify(good));
      expect(await askToPair(base, body, { verifySsl: true })).to.deep.equal(good);
    }
    expect(requests.map(({ path }) => path)).to.deep.equal([
      '/agent/v1/pair',
      '/agent/v1/pair',
      '/below/agent/v1/pair',
    ]);
    expect(JSON.parse(requests[0]?.body ?? '')).to.deep.equal(body);
  });

  it('gives the code that the control plane gave, its words bounded', async () => {
    const detail = 'x'.repeat(100_000);
    const told = await refused((response) => {
      response.statusCode = 403;
      response.end(JSON.stringify({ error: { code: 'pairing_code_used', detail } }));
    });
    expect(told.code).to.equal('pairing_code_used');
    expect(told.detail.length).to.be.at.most(500);
  });

  it('takes nothing else for an answer: pages, redirects, codes that do not exist, half an answer', async () => {
    const bodies: [number, string][] = [
      [200, '<html>welcome</html>'],
      [200, 'null'],
      [200, JSON.stringify({ root: key })],
      [200, JSON.stringify({ root: { ...key, kty: 'RSA' }, answer: 'a.b.c' })],
      [500, JSON.stringify({ root: key, answer: 'a.b.c' })],
      [400, JSON.stringify({ error: { code: '__proto__', detail: 'x' } })],
      [400, JSON.stringify({ error: { code: 'constructor', detail: 'x' } })],
      [302, ''],
      [204, ''],
    ];
    for (const [status, text] of bodies) {
      const told = await refused((response) => {
        response.writeHead(status, { location: `${url}/agent/v1/pair` });
        response.end(text);
      });
      expect(told.code, text).to.equal('pairing_unreachable');
      expect(told.detail, text).to.include(String(status));
    }
    expect(requests, 'no redirect is followed').to.have.length(bodies.length);
  });

  it('reads no more of a huge answer than it needs to refuse it, and says that it is too large', async () => {
    let written = 0;
    const told = await refused((response) => {
      const chunk = 'x'.repeat(64 * 1024);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
        response.once('drain', more);
      };
      more();
    });
    expect(told.code).to.equal('pairing_unreachable');
    expect(told.detail).to.include('too large');
    expect(written).to.be.lessThan(32 * 1024 * 1024);
  });

  it('gives up a server that is silent, or that drips for ever, and says so', async () => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    const asked: number[] = [];
    stub(AbortSignal, 'timeout').callsFake((ms) => (asked.push(ms), timeout(300)));
    const dripping: Play = (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    };
    for (const how of [() => undefined, dripping]) {
      const told = await refused(how);
      expect(told.code).to.equal('pairing_unreachable');
      expect(told.detail).to.include('no answer in time');
    }
    expect(Math.max(...asked)).to.be.at.most(30_000);
  });

  it('names the system code when there is no server, or one that breaks off', async () => {
    expect((await refused(() => undefined, 'http://127.0.0.1:9')).detail).to.include('ECONNREFUSED');
    const reset = await refused((response) => void response.socket?.resetAndDestroy());
    expect(reset).to.include({ code: 'pairing_unreachable' });
    expect(reset.detail).to.include('ECONNRESET');
    const half = await refused((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"root"', () => response.socket?.destroy());
    });
    expect(half.code).to.equal('pairing_unreachable');
    expect(half.detail).to.include('ECONNRESET');
  });
});
