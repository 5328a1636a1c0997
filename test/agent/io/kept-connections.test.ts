// Exchanges over connections that are kept: which one is used again and which not, what is known of a request that failed, and that nothing is
// sent twice.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { openRoute, type Outbound } from '../../../agent/io/outbound.ts';
import { createWire, type ExchangeEnd, type Wire, type WireRequest } from '../../../agent/io/raw-response.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const connectMs = 300;
const answerMs = 400;

/** What one connection of a server does with each request that came in whole; every request here has a body of one letter. */
type OnRequest = (socket: Socket, request: string, connection: number) => void;

describe('a connection that is kept', () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const wires: Wire[] = [];
  let folder = '';
  let tls: { key: Buffer; cert: Buffer };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kept-'));
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    const names = ['-subj', '/CN=iam.test', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', [...args, ...names, ...files], { stdio: 'ignore', timeout: 10_000 });
    tls = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) };
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => {
    for (const wire of wires.splice(0)) wire.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    for (const server of servers.splice(0)) server.close();
  });

  async function serve(
    onRequest: OnRequest,
    secure = false,
    address = '127.0.0.1',
  ): Promise<{ readonly port: number; opened: number }> {
    const found = { port: 0, opened: 0 };
    const onSocket = (socket: Socket): void => {
      found.opened += 1;
      const connection = found.opened;
      sockets.add(socket);
      socket
        .on('error', () => socket.destroy())
        .on('data', (bytes: Buffer) => onRequest(socket, bytes.toString('latin1'), connection));
    };
    const server = secure
      ? createTlsServer(tls, onSocket).on('tlsClientError', () => undefined)
      : createServer(onSocket);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    found.port = (server.address() as AddressInfo).port;
    return found;
  }

  async function open(options: Partial<Outbound> = {}): Promise<Wire> {
    const route = await openRoute({ verifySsl: true, ...options });
    const wire = createWire({ route, timeouts: { connectMs, answerMs }, maxAnswerBytes: 1000 });
    wires.push(wire);
    return wire;
  }

  const to = (port: number, more: Partial<WireRequest> = {}): WireRequest => ({
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    path: '/',
    method: 'POST',
    headers: { host: 'iam.test' },
    body: 'x',
    ...more,
  });
  const ask = async (wire: Wire, request: WireRequest, signal = new AbortController().signal): Promise<ExchangeEnd> =>
    await wire.exchange(request, { fresh: false, signal });

  it('carries one exchange after the other, and several at once have one each', async () => {
    const server = await serve((socket) => socket.write(ok));
    const wire = await open();
    for (let count = 0; count < 3; count += 1) expect(await ask(wire, to(server.port))).to.include({ status: 200 });
    expect(server.opened).to.equal(1);
    await Promise.all([1, 2, 3].map(async () => await ask(wire, to(server.port))));
    expect(server.opened).to.equal(3);
    await Promise.all([1, 2, 3].map(async () => await ask(wire, to(server.port))));
    expect(server.opened).to.equal(3);
  });

  it('is not used for a call that may not be made twice', async () => {
    const server = await serve((socket) => socket.write(ok));
    const wire = await open();
    await ask(wire, to(server.port));
    await wire.exchange(to(server.port), { fresh: true, signal: new AbortController().signal });
    expect(server.opened).to.equal(2);
  });

  it('reaches an IPv6 address as a URL writes it, and so does a fresh one', async () => {
    const { port } = await serve((socket) => socket.write(ok), false, '::1');
    const [wire, { signal }] = [await open(), new AbortController()];
    const request = to(port, { hostname: '[::1]' });
    for (const fresh of [false, true])
      expect(await wire.exchange(request, { fresh, signal })).to.include({ status: 200 });
  });

  it('writes the request as it is', async () => {
    const requests: string[] = [];
    const server = await serve((socket, request) => {
      requests.push(request);
      socket.write(ok);
    });
    const wire = await open();
    await ask(
      wire,
      to(server.port, {
        path: '/a?b',
        headers: { Host: 'iam.test', host: 'h', 'X-Latin': 'é', 'content-length': '1' },
      }),
    );
    await ask(wire, to(server.port, { headers: {}, body: 'é' }));
    await ask(wire, to(server.port, { headers: {}, body: new Uint8Array([1, 2]) }));
    await ask(wire, to(server.port, { headers: {}, body: undefined, method: 'GET' }));
    expect(requests).to.deep.equal([
      'POST /a?b HTTP/1.1\r\nHost: iam.test\r\nhost: h\r\nX-Latin: é\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\nx',
      `POST / HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nÃ©`,
      `POST / HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n\u0001\u0002`,
      `GET / HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nconnection: keep-alive\r\n\r\n`,
    ]);
  });

  const unfit: readonly Partial<WireRequest>[] = [
    { headers: { 'x-a': 'b\r\nx-c: S3CR3T' } },
    { headers: { 'x-a\r\nb': 'c' } },
    { headers: { 'x-a': 'S3CR3T\u20ac' } },
    { path: '/ HTTP/1.1\r\nx: y' },
    { path: '' },
    { method: 'GET /' },
    { port: 70_000 },
  ];
  it('sends nothing that could be read as more than one request', async () => {
    const server = await serve((socket) => socket.write(ok));
    const wire = await open();
    for (const more of unfit) {
      const end = await ask(wire, to(server.port, more));
      expect(end).to.include({ kind: 'failed', code: 'request', sent: false });
      expect(JSON.stringify(end)).to.not.contain('S3CR3T');
    }
    expect(server.opened).to.equal(0);
  });

  const lasts: readonly [title: string, answer: (socket: Socket) => void][] = [
    ['the other side says so', (socket) => socket.write(ok.replace('\r\n', '\r\nConnection: close\r\n'))],
    ['it is to end within a second', (socket) => socket.write(ok.replace('\r\n', '\r\nKeep-Alive: timeout=1\r\n'))],
    [
      'more came than an answer',
      (socket) => socket.write(`${ok}HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot yours`),
    ],
    ['something came while it was idle', (socket) => socket.write(ok, () => setTimeout(() => socket.write(ok), 20))],
    ['it was ended', (socket) => socket.end(ok)],
    ['it was ended later', (socket) => socket.write(ok, () => setTimeout(() => socket.end(), 20))],
    ['it was reset', (socket) => socket.write(ok, () => setTimeout(() => socket.resetAndDestroy(), 20))],
  ];
  for (const [title, answer] of lasts) {
    it(`is used no more when ${title}`, async () => {
      const server = await serve(answer);
      const wire = await open();
      for (let count = 1; count <= 2; count += 1) {
        const end = await ask(wire, to(server.port));
        expect(end.kind === 'response' ? Buffer.from(end.body).toString() : end).to.equal('ok');
        await pause(60);
        expect(server.opened).to.equal(count);
      }
    });
  }

  it('sends nothing again when it ends in the moment of its use', async () => {
    const requests: number[] = [];
    const server = await serve((socket, _request, connection) => {
      requests.push(connection);
      if (requests.length === 1) socket.write(ok);
      else socket.destroy();
    });
    const wire = await open();
    await ask(wire, to(server.port));
    expect(await ask(wire, to(server.port))).to.deep.equal({ kind: 'failed', code: 'closed', detail: '', sent: true });
    await pause(50);
    expect(requests).to.deep.equal([1, 1]);
  });

  it('has for each exchange the whole time, and not more', async () => {
    const server = await serve((socket, _request, connection) => {
      if (connection === 1) setTimeout(() => socket.write(ok), answerMs * 0.7);
    });
    const wire = await open();
    for (let count = 0; count < 2; count += 1) expect(await ask(wire, to(server.port))).to.include({ status: 200 });
    const held = ask(wire, to(server.port));
    const begun = performance.now();
    expect(await ask(wire, to(server.port))).to.include({ kind: 'failed', code: 'answer_timeout', sent: true });
    expect(performance.now() - begun).to.be.within(answerMs - 20, answerMs + 250);
    expect(await held).to.include({ status: 200 });
  });

  it('tells what failed, and whether the request can have been read', async () => {
    const wire = await open();
    expect(await ask(wire, to(1))).to.deep.equal({
      kind: 'failed',
      code: 'connect',
      detail: 'ECONNREFUSED',
      sent: false,
    });
    const ends: readonly [code: string, onRequest: OnRequest][] = [
      ['closed', (socket) => socket.end('no HTTP at all\r\n\r\n')],
      ['closed', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab')],
      ['closed', (socket) => socket.resetAndDestroy()],
      ['answer_timeout', (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab')],
      [
        'answer_too_large',
        (socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(1001)}`),
      ],
    ];
    for (const [code, onRequest] of ends) {
      const { port } = await serve(onRequest);
      expect(await ask(wire, to(port)), code).to.include({ kind: 'failed', code, sent: true });
    }
    const { port } = await serve((socket) =>
      socket.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\nmoved'),
    );
    expect(await ask(wire, to(port)), 'no redirect is followed').to.include({ kind: 'response', status: 302 });
  });

  it('stops at its signal, alone, and at the end of the wire', async () => {
    const server = await serve(() => undefined);
    const wire = await open();
    const [one, both] = [new AbortController(), new AbortController()];
    const first = ask(wire, to(server.port), one.signal);
    const others = [1, 2].map(async () => await ask(wire, to(server.port), both.signal));
    await pause(50);
    one.abort();
    expect(await first).to.deep.equal({ kind: 'aborted', sent: true });
    both.abort();
    expect(await Promise.all(others)).to.deep.equal([1, 2].map(() => ({ kind: 'aborted', sent: true })));
    const last = ask(wire, to(server.port));
    await pause(50);
    wire.close();
    expect(await last).to.deep.equal({ kind: 'aborted', sent: true });
    expect(await ask(wire, to(server.port))).to.deep.equal({ kind: 'aborted', sent: false });
    await pause(50);
    expect([...sockets].every(({ destroyed, readableEnded }) => destroyed || readableEnded)).to.equal(true);
  });

  it('is not sent when it is stopped before there is a connection', async () => {
    const { port } = await serve(() => undefined);
    const wire = await open();
    const abort = new AbortController();
    // TLS to a server that does not speak it.
    const end = ask(wire, to(port, { protocol: 'https:' }), abort.signal);
    await pause(50);
    abort.abort();
    expect(await end).to.deep.equal({ kind: 'aborted', sent: false });
  });

  it('trusts the CA it is given, nobody else, or everybody when told so', async () => {
    const server = await serve((socket) => socket.write(ok), true);
    const request = to(server.port, { protocol: 'https:' });
    expect(await ask(await open(), request)).to.include({ kind: 'failed', code: 'tls', sent: false });
    for (const options of [{ caFile: join(folder, 'cert.pem') }, { verifySsl: false }]) {
      const wire = await open(options);
      const before_ = server.opened;
      for (let count = 0; count < 2; count += 1) expect(await ask(wire, request)).to.include({ status: 200 });
      expect(server.opened - before_).to.equal(1);
    }
    const other = await open({ caFile: join(folder, 'cert.pem') });
    const misnamed = await ask(other, { ...request, hostname: 'localhost' });
    expect(misnamed).to.include({ kind: 'failed', code: 'tls', detail: 'ERR_TLS_CERT_ALTNAME_INVALID', sent: false });
  });

  it('knows that a request did not go out while TLS was being set up', async () => {
    const wire = await open();
    const ends: readonly [code: string, onRequest: OnRequest][] = [
      ['closed', (socket) => socket.resetAndDestroy()],
      ['closed', (socket) => socket.end()],
      ['connect_timeout', () => undefined],
      ['tls', (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')],
    ];
    for (const [code, onRequest] of ends) {
      const { port } = await serve(onRequest);
      const end = await ask(wire, to(port, { protocol: 'https:' }));
      expect(end, code).to.include({ kind: 'failed', code, sent: false });
    }
  });
});
