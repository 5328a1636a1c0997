// The real transport against real servers, good and bad: what a dial ends in, what comes through, and that nothing holds it for ever.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';

import { connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { expect } from 'chai';
import type { WebSocket } from 'ws';
import { websocketTransport } from '../../../agent/io/link-websocket.ts';
import type { Outbound } from '../../../agent/io/outbound.ts';
import type { Dialled, LinkSocket } from '../../../agent/link/transport.ts';
import { limits } from '../../../protocol/limits.ts';
import { subprotocol } from '../../../protocol/version.ts';
import { PlayedServers } from '../../support/played-servers.ts';

type Seen = { messages: string[]; pongs: number; closed: Promise<readonly [number, string]>; closes: number };

async function dial(url: string, change: Partial<Outbound> = {}, signal = new AbortController().signal) {
  const closing = Promise.withResolvers<readonly [number, string]>();
  const seen: Seen = { messages: [], pongs: 0, closed: closing.promise, closes: 0 };
  const dialled = await websocketTransport(url, { verifySsl: true, ...change }).dial({
    token: 'a.token',
    signal,
    handlers: {
      message: (text) => void seen.messages.push(text),
      pong: () => (seen.pongs += 1),
      closed: (code, reason) => {
        seen.closes += 1;
        closing.resolve([code, reason]);
      },
    },
  });
  return { dialled, seen };
}

function socketOf(dialled: Dialled): LinkSocket {
  if (dialled.kind !== 'open') throw new Error(`not open: ${JSON.stringify(dialled)}`);
  return dialled.socket;
}

async function until(test: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!test()) {
    if (Date.now() > deadline) throw new Error(`no ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the transport over a WebSocket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iam-agent-link-'));
  const [key, cert, otherKey, otherCert] = ['key', 'cert', 'other-key', 'other-cert'].map((name) => join(folder, name));
  let servers: PlayedServers;

  const makeCertificate = (keyFile = '', certFile = ''): void => {
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync('openssl', [...request, ...names, '-keyout', keyFile, '-out', certFile], {
      stdio: 'ignore',
      timeout: 10_000,
    });
  };

  before(() => {
    makeCertificate(key, cert);
    makeCertificate(otherKey, otherCert);
    servers = new PlayedServers({ key: readFileSync(key ?? ''), cert: readFileSync(cert ?? '') });
  });

  afterEach(() => servers.stop());

  after(() => rmSync(folder, { recursive: true, force: true }));

  const refusal = (status: string, body: string, headers = ''): string =>
    `HTTP/1.1 ${status}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

  it('opens with the token, the subprotocol and no compression, under the path of the address', async () => {
    const { url, upgrades } = await servers.peer();
    for (const base of [url, `${url}/`, `${url}/below/`, `${url}/below`]) {
      const { dialled, seen } = await dial(base);
      socketOf(dialled).close(1001, 'stopping');
      expect(await seen.closed).to.deep.equal([1001, 'stopping']);
      expect(seen.closes).to.equal(1);
    }
    expect(upgrades.map((one) => one['url'])).to.deep.equal([
      '/agent/v1/socket',
      '/agent/v1/socket',
      '/below/agent/v1/socket',
      '/below/agent/v1/socket',
    ]);
    expect(upgrades[0]).to.include({ authorization: 'Bearer a.token', 'sec-websocket-protocol': subprotocol });
    expect(upgrades[0]).not.to.have.property('sec-websocket-extensions');
  });

  it('carries texts both ways, in order, and pongs', async () => {
    const { url } = await servers.peer((socket) =>
      socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`)),
    );
    const { dialled, seen } = await dial(url);
    const socket = socketOf(dialled);
    const sent = Array.from({ length: 50 }, (_, index) => `${index} \u{1f600}`);
    for (const text of sent) socket.send(text);
    socket.ping();
    await until(() => seen.messages.length === 50 && seen.pongs === 1, 'echo');
    expect(seen.messages).to.deep.equal(sent.map((text) => `echo ${text}`));
    socket.terminate();
    expect((await seen.closed)[0]).to.equal(1006);
    socket.send('into nothing');
    socket.ping();
    expect(socket.bufferedBytes).to.equal(0);
  });

  it('trusts a private authority that is configured, and nobody else', async () => {
    const { url, port } = await servers.peer(() => undefined, true);
    const good = await dial(url, { caFile: cert });
    socketOf(good.dialled).terminate();
    for (const [address, change] of [
      [url, {}],
      [url, { caFile: otherCert }],
      [`https://127.0.0.2:${port}`, { caFile: cert }],
    ] as const) {
      const { dialled, seen } = await dial(address, change);
      expect(dialled.kind).to.equal('failed');
      expect(dialled.kind === 'failed' && dialled.reason)
        .to.match(/^[A-Z_]{5,}$/)
        .and.not.equal('unknown');
      expect(seen.messages).to.deep.equal([]);
    }
    const unverified = await dial(url, { verifySsl: false });
    socketOf(unverified.dialled).terminate();
  });

  it('gives the code and the wait of a refused upgrade', async () => {
    const url = await servers.answering((socket) =>
      socket.end(refusal('409 Conflict', '{"code":"session_counter_reused","detail":"x"}', 'retry-after: 7\r\n')),
    );
    expect((await dial(url)).dialled).to.deep.equal({
      kind: 'rejected',
      status: 409,
      code: 'session_counter_reused',
      retryAfterMs: 7_000,
    });
  });

  it('takes no code from a page that is not the control plane, and no wait without bound', async () => {
    const cases = [
      ['502 Bad Gateway', '<html>proxy</html>', '', null],
      ['401 Unauthorized', '{"code":"__proto__"}', 'retry-after: soon\r\n', null],
      ['403 Forbidden', '{"code":"toString"}', 'retry-after: -5\r\n', null],
      ['503 Service Unavailable', 'null', 'retry-after: 99999999\r\n', 3_600_000],
      ['302 Found', '', 'location: http://127.0.0.1:9/\r\n', null],
      ['200 OK', '{"code":', '', null],
    ] as const;
    for (const [status, body, headers, retryAfterMs] of cases) {
      const url = await servers.answering((socket) => socket.end(refusal(status, body, headers)));
      expect((await dial(url)).dialled, status).to.deep.equal({
        kind: 'rejected',
        status: Number(status.slice(0, 3)),
        code: 'session_rejected',
        retryAfterMs,
      });
    }
  });

  it('is not held by a refusal without an end', async () => {
    const endless = await servers.answering((socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\n\r\n');
      const timer = setInterval(() => socket.write('x'.repeat(64 * 1024)), 5);
      socket.on('close', () => clearInterval(timer));
    });
    expect((await dial(endless)).dialled).to.include({ kind: 'rejected', status: 403 });
    const dripping = await servers.answering((socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nretry-after: 3\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 500);
      socket.on('close', () => clearInterval(timer));
    });
    expect((await dial(dripping)).dialled).to.include({ kind: 'rejected', status: 403, retryAfterMs: 3_000 });
  });

  it('fails with a system code, never with free text', async () => {
    const reset = createTcpServer((socket) => void socket.once('data', () => socket.resetAndDestroy()));
    const junk = createTcpServer(
      (socket) => void socket.once('data', () => socket.end('hello, who is there?\r\n\r\n')),
    );
    const cases = [
      ['http://127.0.0.1:9', /^ECONNREFUSED$/],
      [`http://127.0.0.1:${await servers.listen(reset)}`, /^ECONNRESET$/],
      [`http://127.0.0.1:${await servers.listen(junk)}`, /^[A-Z][A-Z0-9_]+$/],
      ['http://no-such-host.invalid', /^(ENOTFOUND|EAI_AGAIN)$/],
    ] as const;
    for (const [url, reason] of cases) {
      const { dialled } = await dial(url);
      expect(dialled.kind, url).to.equal('failed');
      expect(dialled.kind === 'failed' && dialled.reason, url).to.match(reason);
    }
    const { dialled } = await dial('https://127.0.0.1:9', { caFile: join(folder, 'nothing') });
    expect(dialled).to.deep.equal({ kind: 'failed', reason: 'ENOENT' });
  });

  it('gives up a dial when it is told to, also while the server says nothing', async () => {
    const silent = createTcpServer();
    const url = `http://127.0.0.1:${await servers.listen(silent)}`;
    const stop = new AbortController();
    const dialling = dial(url, {}, stop.signal);
    await once(silent, 'connection');
    stop.abort();
    expect((await dialling).dialled.kind).to.equal('failed');
    expect((await dial(url, {}, stop.signal)).dialled.kind, 'aborted before').to.equal('failed');
  });

  it('closes for a binary frame, and for one beyond the limit before it is kept', async () => {
    const binary = await servers.peer((socket) => socket.send(Buffer.from([1, 2, 3])));
    const first = await dial(binary.url);
    expect((await first.seen.closed)[0]).to.be.oneOf([1003, 1005]);
    const large = await servers.peer((socket) => {
      socket.send('x'.repeat(limits.frameBytes));
      socket.send('x'.repeat(limits.frameBytes + 1));
    });
    const second = await dial(large.url);
    expect(second.dialled.kind).to.equal('open');
    await second.seen.closed;
    expect(second.seen.messages.map(({ length }) => length)).to.deep.equal([limits.frameBytes]);
    expect(first.seen.messages).to.deep.equal([]);
  });

  it('gives what the peer says when it closes', async () => {
    const { url } = await servers.peer((socket) => socket.close(4001, 'session_replaced'));
    const { seen } = await dial(url);
    expect(await seen.closed).to.deep.equal([4001, 'session_replaced']);
  });

  it('counts what a peer that reads nothing has not taken, and is rid of it at once', async () => {
    let paused: WebSocket | null = null;
    const { url } = await servers.peer((socket) => {
      paused = socket;
      socket.pause();
    });
    const { dialled, seen } = await dial(url);
    const socket = socketOf(dialled);
    await until(() => paused !== null, 'server side');
    for (let index = 0; index < 64; index += 1) socket.send('x'.repeat(512 * 1024));
    await until(() => socket.bufferedBytes > 1024 * 1024, 'backlog');
    socket.terminate();
    expect((await seen.closed)[0]).to.equal(1006);
  });

  it('is closed within seconds although the peer never answers the close', async () => {
    const { url } = await servers.peer((socket) => socket.pause());
    const { dialled, seen } = await dial(url);
    const startedMs = performance.now();
    socketOf(dialled).close(1001, 'stopping');
    await seen.closed;
    expect(performance.now() - startedMs).to.be.lessThan(15_000);
  });

  it('goes through a proxy, and says how it fails there', async () => {
    const asked: string[] = [];
    const target = await servers.peer(() => undefined, true);
    const proxy = createHttpServer();
    proxy.on('connect', (request, socket: Duplex) => {
      asked.push(request.url ?? '');
      if (request.url?.startsWith('refused')) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        return;
      }
      const through = connect(target.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        through.pipe(socket).pipe(through);
      });
      for (const one of [through, socket]) one.on('error', () => undefined);
    });
    const address = `http://127.0.0.1:${await servers.listen(proxy)}`;
    const refused = await dial('https://refused.example.com', { proxy: address, caFile: cert });
    expect(refused.dialled.kind).to.be.oneOf(['failed', 'rejected']);
    // The certificate names localhost: through the tunnel, too, it must be the one of the host that was asked for.
    const wrongName = await dial('https://plane.example.com', { proxy: address, caFile: cert });
    expect(wrongName.dialled).to.deep.equal({ kind: 'failed', reason: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const through = await dial('https://plane.example.com', { proxy: address, verifySsl: false });
    socketOf(through.dialled).terminate();
    expect(asked).to.deep.equal(['refused.example.com:443', 'plane.example.com:443', 'plane.example.com:443']);
  });
});
