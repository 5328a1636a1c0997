// Signatures beside botocore's signer: whole headers must be equal, for odd texts in every place, and for what really goes out.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { createIamCaller } from '../../../agent/io/call-iam.ts';
import { systemClock } from '../../../agent/io/clock-system.ts';
import { Signer } from '../../../agent/io/sign.ts';
import { testConnection } from '../../conformance/side-by-side.ts';
import { askBotocore, type SignQuestion } from '../../support/botocore.ts';

const paths = ['/', '//', '/a/', '/a%20b/ü', '/x/../y', '/./x/', '/a//b', '/%7E~/(1)!*', '/ä%2Fb', '/..', "/it's"];

describe('signatures', function suite() {
  this.timeout(60_000);

  it("are botocore's for any text in body, headers, keys and path", async () => {
    // A URL as it stands in a request line.
    const path = fc.oneof(
      fc.constantFrom(...paths),
      fc.webPath().map((one) => (one.startsWith('/') ? one : `/${one}`)),
    );
    const word = fc.stringMatching(/^[!-~]{1,40}$/);
    const value = fc.stringMatching(/^[!-~]{1,10}( {1,3}[!-~]{1,10}){0,3}$/);
    const question = fc.record(
      {
        method: fc.constantFrom('POST', 'GET'),
        path,
        host: fc.constantFrom('iam.amazonaws.com', '127.0.0.1:8443', 'iam.cn-north-1.amazonaws.com.cn'),
        headers: fc.dictionary(
          fc.stringMatching(/^[a-z]{1,8}(-[a-z]{1,8}){0,2}$/).map((name) => `x-${name}`),
          value,
        ),
        body: fc.string({ unit: 'grapheme', maxLength: 200 }),
        key: fc.stringMatching(/^[A-Z0-9]{4,20}$/),
        secret: word,
        token: fc.option(fc.base64String({ minLength: 4, maxLength: 400 }), { nil: undefined }),
        region: fc.constantFrom('us-east-1', 'cn-north-1', 'us-gov-west-1'),
        service: fc.constantFrom('iam', 'sts'),
        at: fc.integer({ min: 0, max: 4_000_000_000 }),
      },
      { noNullPrototype: true },
    );
    const made = fc.sample(question, { numRuns: 1000, seed: 7 });
    const ours: string[] = [];
    const asked = made.map(({ path: place, host, headers, token, ...rest }): SignQuestion => {
      const keys = {
        accessKeyId: rest.key,
        secretAccessKey: rest.secret,
        ...(token === undefined ? {} : { sessionToken: token }),
      };
      const given = { ...headers, host, 'user-agent': 'not signed', connection: 'keep-alive' };
      const { method, body, region, service, at } = rest;
      const signed = new Signer({ region, service }).sign(
        { method, path: place, headers: given, body },
        keys,
        at * 1000,
      );
      ours.push(signed['authorization'] ?? '');
      // Only what is to be compared is left out: botocore sets the date, the token and the signature itself.
      const { authorization: _a, 'x-amz-date': _d, 'x-amz-security-token': _t, ...sent } = signed;
      return { ...rest, ...(token === undefined ? {} : { token }), url: `https://${host}${place}`, headers: sent };
    });
    const theirs = await askBotocore('sign', asked);
    expect(theirs).to.have.length(1000);
    for (const [index, authorization] of ours.entries()) {
      if (authorization !== theirs[index]) expect(authorization, JSON.stringify(made[index])).to.equal(theirs[index]);
    }
  });

  it('follow the day, the keys and nothing else, whatever was signed before', async () => {
    const scope = { region: 'us-east-1', service: 'iam' };
    const signer = new Signer(scope);
    const request = { method: 'POST', path: '/', headers: { host: 'iam.amazonaws.com' }, body: 'Action=ListUsers' };
    const signed: Record<string, string>[] = [];
    const asked: SignQuestion[] = [];
    // The same objects each time: what is derived from them is kept beside them.
    const [one, two] = [
      { accessKeyId: 'AKID', secretAccessKey: 'one' },
      { accessKeyId: 'AKID', secretAccessKey: 'two' },
    ];
    for (const at of [0, 86_399, 86_400, 0]) {
      for (const keys of [one, two, one]) {
        const { secretAccessKey: secret } = keys;
        const headers = signer.sign(request, keys, at * 1000);
        signed.push(headers);
        const { host = '', 'x-amz-content-sha256': sum = '' } = headers;
        const given = { headers: { host, 'x-amz-content-sha256': sum }, key: 'AKID', secret, at, ...scope };
        asked.push({ method: 'POST', url: 'https://iam.amazonaws.com/', body: request.body, ...given });
      }
    }
    expect(signed.map(({ authorization }) => authorization)).to.deep.equal(await askBotocore('sign', asked));
  });

  it('hold for what goes out: an endpoint with a port and a path, session tokens, odd characters', async () => {
    const seen: { path: string; headers: Record<string, string>; body: string }[] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        seen.push({ path: request.url ?? '', headers: request.headers as Record<string, string>, body });
        response.end('<x/>');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const names = ["o'hara*(1)!~", 'a+b=c&d%20', 'ü ß 漢 😀', ' ', '\t\r\n', '/', '<&>'];
    try {
      for (const place of ['', '/', '/p/q', '/a%20b//c/../d']) {
        const url = `http://127.0.0.1:${port}${place}`;
        const files = { access: 'AKIDSESSION', secret: 'a/b+c=', token: 'T/O+K=' };
        const credentials = {
          kind: 'files',
          accessKeyFile: 'access',
          secretKeyFile: 'secret',
          sessionTokenFile: 'token',
        } as const;
        const connection = testConnection(url, { credentials });
        const readSecretFile = async (path: string): Promise<string> =>
          await Promise.resolve(path in files ? files[path as keyof typeof files] : '');
        const caller = createIamCaller([connection], {
          clock: systemClock(),
          userAgent: 'iam-agent/1',
          readSecretFile,
        });
        for (const UserName of names) {
          const [signal, roleArn] = [new AbortController().signal, null];
          const input = { UserName, Tags: [{ Key: UserName, Value: '' }] };
          const call = {
            service: 'iam',
            operation: 'TagUser',
            input,
            connection,
            roleArn,
            sessionName: 'x',
            repeat: 'safe',
            signal,
          } as const;
          expect(await caller.call(call)).to.include({ kind: 'answer', status: 200 });
        }
        caller.close();
      }
    } finally {
      server.close();
      server.closeAllConnections();
    }
    expect(seen).to.have.length(4 * names.length);
    const asked = seen.map(({ path, headers, body }): SignQuestion => {
      const { authorization = '', 'x-amz-date': date = '', 'x-amz-security-token': token = '', ...rest } = headers;
      const listed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? [];
      const all = Object.keys(headers).filter((name) => !['authorization', 'connection', 'user-agent'].includes(name));
      expect(listed, 'everything that can be signed is').to.deep.equal(all.sort());
      const at = Date.parse(date.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z')) / 1000;
      const url = `http://127.0.0.1:${port}${path}`;
      const keys = { key: 'AKIDSESSION', secret: 'a/b+c=', token };
      return { method: 'POST', url, headers: rest, body, ...keys, region: 'us-east-1', service: 'iam', at };
    });
    expect(seen.map(({ headers }) => headers['authorization'])).to.deep.equal(await askBotocore('sign', asked));
  });
});
