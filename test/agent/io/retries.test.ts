// What is sent again, counted at a real server: the whole way to AWS, with the pauses of production.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { CallRequest } from '../../../agent/iam/iam-caller.ts';
import { testCaller, testConnection } from '../../conformance/side-by-side.ts';
import {
  type ScriptedEndpoint,
  errorAnswer,
  startScriptedEndpoint,
  xmlAnswer,
} from '../../support/scripted-endpoint.ts';

const requestTo = (url: string, operation: string, repeat: CallRequest['repeat']): CallRequest => ({
  service: 'iam',
  operation,
  input: { UserName: 'alice' },
  connection: testConnection(url),
  roleArn: null,
  sessionName: 'job-1',
  repeat,
  signal: new AbortController().signal,
});

describe('what is sent again', () => {
  let endpoint: ScriptedEndpoint;
  before(async () => {
    endpoint = await startScriptedEndpoint();
  });
  after(async () => await endpoint.stop());
  const good = (operation: string) => xmlAnswer(operation, operation === 'CreateAccessKey' ? '<AccessKey/>' : '');

  const off: readonly [title: string, ms: number][] = [
    ['four minutes slow', -4 * 60_000],
    ['four minutes fast', 4 * 60_000],
    ['seven hours fast', 7 * 3_600_000],
  ];
  for (const [title, ms] of off) {
    it(`nothing, when the server's clock is ${title}, now or later`, async () => {
      const caller = testCaller(testConnection(endpoint.url));
      const date = new Date(Date.now() + ms).toUTCString();
      const headers = ['Date', date, 'Content-Type', 'text/xml'];
      const refusals = [
        errorAnswer(403, 'AccessDenied', 'x', { headers }),
        errorAnswer(400, 'RequestTimeTooSkewed', 'x', { headers }),
        errorAnswer(403, 'SignatureDoesNotMatch', 'x', { headers }),
        { ...good('CreateAccessKey'), headers },
        errorAnswer(409, 'LimitExceeded', 'x', { headers }),
      ];
      for (const operation of ['CreateAccessKey', 'ListAccessKeys']) {
        endpoint.play(refusals);
        for (let call = 1; call <= refusals.length; call += 1) {
          await caller.call(requestTo(endpoint.url, operation, operation === 'CreateAccessKey' ? 'never' : 'safe'));
          expect(endpoint.requests, `${operation} ${call}`).to.have.length(call);
        }
        const signedAt = endpoint.requests.map(({ headers: sent }) => String(sent['x-amz-date']));
        for (const at of signedAt) {
          const parsed = at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
          expect(Math.abs(Date.parse(parsed) - Date.now()), 'signed with our own time').to.be.below(60_000);
        }
      }
      caller.close();
    });
  }

  it('not a quota, of a read as little as of a create', async () => {
    const caller = testCaller(testConnection(endpoint.url));
    for (const repeat of ['safe', 'answer_changes', 'never'] as const) {
      endpoint.play(() => errorAnswer(409, 'LimitExceeded', 'Cannot exceed quota for AccessKeysPerUser: 2'));
      expect(await caller.call(requestTo(endpoint.url, 'CreateAccessKey', repeat))).to.include({ attempts: 1 });
      expect(endpoint.requests).to.have.length(1);
    }
    caller.close();
  });

  it('a throttled create, after as long as the answer asks for', async () => {
    const caller = testCaller(testConnection(endpoint.url));
    const headers = ['Content-Type', 'text/xml', 'Retry-After', '1'];
    const at: number[] = [];
    endpoint.play((_request, index) => {
      at.push(performance.now());
      return index === 0 ? errorAnswer(400, 'Throttling', 'Rate exceeded', { headers }) : good('CreateAccessKey');
    });
    const answer = await caller.call(requestTo(endpoint.url, 'CreateAccessKey', 'never'));
    expect(answer).to.include({ kind: 'answer', status: 200, attempts: 2 });
    expect((at[1] ?? 0) - (at[0] ?? 0)).to.be.at.least(995);
    caller.close();
  });
});

describe('a call that gets no answer', () => {
  let server: Server;
  let url: string;
  const closedAfterMs: Promise<number>[] = [];
  before(async () => {
    server = createServer((request) => {
      const atMs = performance.now();
      const { promise, resolve } = Promise.withResolvers<number>();
      request.socket.once('close', () => resolve(performance.now() - atMs));
      closedAfterMs.push(promise);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('ends at its time-out, with its socket, and is not made again when it makes something', async () => {
    const caller = testCaller(testConnection(url), { connectMs: 1000, answerMs: 300 });
    const answer = await caller.call(requestTo(url, 'CreateAccessKey', 'never'));
    expect(answer).to.include({ kind: 'transport', code: 'answer_timeout', ambiguous: true, attempts: 1 });
    expect(closedAfterMs).to.have.length(1);
    expect(await closedAfterMs[0], 'closed, as the server sees it').to.be.within(200, 5000);
    caller.close();
  });

  it('is made again when that does no more, each time on a socket of its own', async () => {
    closedAfterMs.length = 0;
    const caller = testCaller(testConnection(url), { connectMs: 1000, answerMs: 200 });
    const request = { ...requestTo(url, 'ListAccessKeys', 'safe'), retryForMs: 500 };
    const answer = await caller.call(request);
    expect(answer).to.include({ kind: 'transport', code: 'answer_timeout', ambiguous: true });
    expect(closedAfterMs.length).to.be.at.least(2);
    await Promise.all(closedAfterMs);
    caller.close();
  });
});
