// The way out of this host: which proxy a request takes, which none, and whom TLS trusts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { type Outbound, openRoute } from '../../../agent/io/outbound.ts';

const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

describe('the way out', () => {
  let folder: string;
  let proxy: string;
  const asked: string[] = [];
  const before_ = new Map<string, string | undefined>();
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  }).on('connect', (request, socket: Duplex) => {
    asked.push(`CONNECT ${request.url ?? ''}`);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  const direct = createServer((_request, response) => response.end('direct'));
  let directUrl: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iam-agent-out-'));
    for (const one of [server, direct]) {
      one.listen(0, '127.0.0.1');
      await once(one, 'listening');
    }
    proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    directUrl = `http://127.0.0.1:${(direct.address() as AddressInfo).port}/`;
  });

  beforeEach(() => {
    asked.length = 0;
    for (const name of names) {
      before_.set(name, process.env[name]);
      delete process.env[name];
    }
  });

  afterEach(() => {
    for (const [name, value] of before_) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  after(async () => {
    for (const one of [server, direct]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
    await rm(folder, { recursive: true, force: true });
  });

  /** The body, or the code of what went wrong. */
  async function get(url: string, outbound: Partial<Outbound> = {}): Promise<string> {
    const route = await openRoute({ verifySsl: true, ...outbound });
    try {
      return await new Promise((resolve) => {
        const request = httpRequest(url, { agent: route.agentFor(false, true) }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text));
        });
        request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'failed')).end();
      });
    } finally {
      route.close();
    }
  }

  it('goes through the configured proxy, but not to this host itself', async () => {
    await get('http://plane.example.com/x', { proxy });
    expect(asked).to.have.length(1);
    expect(asked[0]).to.include('plane.example.com');
    expect(await get(directUrl, { proxy })).to.equal('direct');
    expect(asked).to.have.length(1);
  });

  it('takes the proxy of the environment when none is configured, in capitals or not, and honours NO_PROXY', async () => {
    for (const name of ['HTTP_PROXY', 'http_proxy']) {
      process.env[name] = proxy;
      await get('http://plane.example.com/x');
      delete process.env[name];
    }
    expect(asked).to.have.length(2);
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:9';
    expect(await get(directUrl), 'the proxy is there and dead').to.equal('ECONNREFUSED');
    process.env['NO_PROXY'] = '127.0.0.1';
    expect(await get(directUrl)).to.equal('direct');
  });

  it('prefers the configured proxy to that of the environment', async () => {
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:9';
    await get('http://plane.example.com/x', { proxy });
    expect(asked).to.have.length(1);
  });

  it('trusts the authorities of a file besides the public ones', async () => {
    const caFile = join(folder, 'ca.pem');
    await writeFile(caFile, '-----BEGIN CERTIFICATE-----\n');
    const { tls } = await openRoute({ verifySsl: true, caFile });
    expect(tls.ca).to.have.length(rootCertificates.length + 1);
    expect(tls.rejectUnauthorized).to.equal(true);
    const plain = await openRoute({ verifySsl: false });
    expect(plain.tls).to.deep.equal({ rejectUnauthorized: false });
    const missing = await openRoute({ verifySsl: true, caFile: join(folder, 'none') }).catch((error: unknown) => error);
    expect(missing).to.have.property('code', 'ENOENT');
  });

  it('keeps connections for calls and none where a fresh one is asked for', async () => {
    const route = await openRoute({ verifySsl: true });
    expect(route.agentFor(false, false)).to.have.nested.property('options.keepAlive', true);
    expect(route.agentFor(false, true)).to.have.nested.property('options.keepAlive', false);
    expect(route.agentFor(true, false)).not.to.equal(route.agentFor(false, false));
    route.close();
  });
});
