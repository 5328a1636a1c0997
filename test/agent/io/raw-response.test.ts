// The exchange over TLS and through proxies: whom it trusts, what it tells of a failure, and what cannot have reached the other side.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openRoute, type Outbound } from '../../../agent/io/outbound.ts';
import { createWire, type ExchangeEnd, maskedUrl } from '../../../agent/io/raw-response.ts';

const portOf = (server: TcpServer): number => (server.address() as AddressInfo).port;
async function listen(server: TcpServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
}

async function ask(
  url: string,
  options: Partial<Outbound> = {},
  signal = new AbortController().signal,
): Promise<ExchangeEnd> {
  const timeouts = { connectMs: 500, answerMs: 500 };
  const route = await openRoute({ verifySsl: true, ...options });
  const wire = createWire({ route, timeouts, maxAnswerBytes: 1000 });
  const { protocol, hostname, port } = new URL(url);
  try {
    const request = {
      protocol,
      hostname,
      port: Number(port),
      path: '/',
      method: 'POST',
      headers: { host: hostname },
      body: 'x',
    };
    return await wire.exchange(request, { fresh: true, signal });
  } finally {
    wire.close();
  }
}

describe('an exchange', () => {
  const servers: TcpServer[] = [];
  const sockets = new Set<Socket>();
  let folder = '';
  let secure: Server;
  let caFile = '';
  let reached = 0;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wire-'));
    const names = 'subjectAltName=IP:127.0.0.1,DNS:iam.test';
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    execFileSync('openssl', [...args, '-subj', '/CN=localhost', '-addext', names, ...files], {
      stdio: 'ignore',
      timeout: 10_000,
    });
    caFile = join(folder, 'cert.pem');
    const cert = readFileSync(caFile, 'utf8');
    secure = createHttpsServer({ key: readFileSync(join(folder, 'key.pem')), cert }, (request, response) => {
      reached += 1;
      request.resume().on('end', () => response.end('hello'));
    });
    servers.push(secure);
    await listen(secure);
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))));
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    reached = 0;
  });
  const tcp = async (onSocket: (socket: Socket) => void): Promise<string> => {
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      onSocket(socket);
    });
    servers.push(server);
    await listen(server);
    return `127.0.0.1:${portOf(server)}`;
  };

  it('trusts the CA it is given, nobody else, or everybody when told so', async () => {
    const url = `https://127.0.0.1:${portOf(secure)}`;
    expect(await ask(url)).to.include({ kind: 'failed', code: 'tls', sent: false });
    expect(reached).to.equal(0);
    expect(await ask(url, { caFile })).to.include({ kind: 'response', status: 200 });
    expect(await ask(url, { verifySsl: false })).to.include({ kind: 'response', status: 200 });
  });

  it('knows that a request did not go out while TLS was being set up', async () => {
    const reset = await tcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await ask(`https://${reset}`)).to.include({ kind: 'failed', code: 'closed', sent: false });
    const silent = await tcp((socket) => socket.resume());
    expect(await ask(`https://${silent}`)).to.include({ kind: 'failed', code: 'connect_timeout', sent: false });
    const plain = await tcp((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    expect(await ask(`https://${plain}`)).to.include({ kind: 'failed', code: 'tls', sent: false });
  });

  it('knows that a request may have gone out after that', async () => {
    const silent = await tcp((socket) => socket.resume());
    expect(await ask(`http://${silent}`)).to.include({ kind: 'failed', code: 'answer_timeout', sent: true });
    const noise = await tcp((socket) => socket.once('data', () => socket.end('no HTTP at all\r\n\r\n')));
    expect(await ask(`http://${noise}`)).to.include({ kind: 'failed', code: 'closed', sent: true });
    const dribble = await tcp((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab')),
    );
    expect(await ask(`http://${dribble}`)).to.include({ kind: 'failed', code: 'answer_timeout', sent: true });
    const large = await tcp((socket) =>
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(5000)}`)),
    );
    expect(await ask(`http://${large}`)).to.include({ kind: 'failed', code: 'answer_too_large', sent: true });
  });

  it('follows no redirect', async () => {
    const moved = await tcp((socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'),
      ),
    );
    expect(await ask(`http://${moved}`)).to.include({ kind: 'response', status: 302 });
  });

  it('goes through a proxy, and checks the certificate behind it', async () => {
    const tunnels: string[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (request, client: Socket) => {
      tunnels.push(request.url ?? '');
      const [, port] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        client.pipe(upstream).pipe(client);
      });
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => socket.destroy());
      }
    });
    servers.push(proxy);
    await listen(proxy);
    // A name that only the proxy can reach: what runs on this host is asked directly.
    const url = `https://iam.test:${portOf(secure)}`;
    const through = { proxy: `http://user:S3CR3T@127.0.0.1:${portOf(proxy)}` };
    expect(await ask(url, { ...through, caFile })).to.include({ kind: 'response', status: 200 });
    expect(await ask(url, { ...through, verifySsl: false })).to.include({ kind: 'response', status: 200 });
    expect(tunnels).to.have.length(2);
    expect(await ask(url, through)).to.include({ kind: 'failed', code: 'tls', sent: false });
    const direct = `https://127.0.0.1:${portOf(secure)}`;
    expect(await ask(direct, { ...through, caFile })).to.include({ kind: 'response', status: 200 });
    expect(tunnels).to.have.length(3);
  });

  it('says which proxy failed without its password', async () => {
    const refusing = await tcp((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')),
    );
    for (const address of [refusing, '127.0.0.1:1']) {
      const end = await ask('https://iam.test:2', { proxy: `http://user:S3CR3T@${address}` });
      expect(end).to.deep.equal({ kind: 'failed', code: 'proxy', detail: `http://${address}`, sent: false });
    }
    expect(maskedUrl('no url: S3CR3T')).to.not.contain('S3CR3T');
  });

  it('stops at the signal', async () => {
    const silent = await tcp((socket) => socket.resume());
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    expect(await ask(`http://${silent}`, {}, abort.signal)).to.deep.equal({ kind: 'aborted', sent: true });
    expect(await ask(`http://${silent}`, {}, AbortSignal.abort())).to.deep.equal({ kind: 'aborted', sent: false });
  });
});
