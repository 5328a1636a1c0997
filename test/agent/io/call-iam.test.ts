// The carrier against a scripted endpoint: what reaches AWS and how often, what is ambiguous, sessions of roles, and that no secret comes out.
import { expect } from 'chai';
import type { Connection } from '../../../agent/connection.ts';
import type { CallAnswer, CallRequest } from '../../../agent/iam/iam-caller.ts';
import { createIamCaller } from '../../../agent/io/call-iam.ts';
import { systemClock } from '../../../agent/io/clock-system.ts';
import { testCaller, type TestCaller, testConnection } from '../../conformance/side-by-side.ts';
import {
  errorAnswer,
  rawAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
  xmlAnswer,
} from '../../support/scripted-endpoint.ts';

const roleA = 'arn:aws:iam::123456789012:role/a';
const roleB = 'arn:aws:iam::123456789012:role/b';
let sessions = 0;
const assumed = (lastsMs: number) => {
  sessions += 1;
  const keys = `<AccessKeyId>ASIA${sessions}</AccessKeyId><SecretAccessKey>S3CR3T</SecretAccessKey><SessionToken>T0KEN${sessions}</SessionToken>`;
  const end = new Date(Date.now() + lastsMs).toISOString();
  return xmlAnswer('AssumeRole', `<Credentials>${keys}<Expiration>${end}</Expiration></Credentials>`);
};

describe('calls to AWS', () => {
  let endpoint: ScriptedEndpoint;
  let caller: TestCaller;
  let connection: Connection;
  before(async () => {
    endpoint = await startScriptedEndpoint();
  });
  after(async () => await endpoint.stop());
  beforeEach(() => {
    connection = testConnection(endpoint.url);
    caller = testCaller(connection, { connectMs: 1000, answerMs: 250 });
  });
  afterEach(() => caller.close());

  const request = (operation: string, more: Partial<CallRequest> = {}): CallRequest => ({
    service: 'iam',
    operation,
    input: operation === 'ListUsers' ? {} : { UserName: 'alice' },
    connection,
    roleArn: null,
    sessionName: 'job-1',
    repeat: operation.startsWith('List') ? 'safe' : 'never',
    signal: new AbortController().signal,
    ...more,
  });
  const operations = (): string[] => endpoint.requests.map(({ operation }) => operation);
  const ok = (operation: string) => xmlAnswer(operation, operation === 'ListUsers' ? '<Users/>' : '<AccessKey/>');

  it('a new key is asked for once, whatever breaks on the way', async () => {
    const breaks = [
      { kind: 'reset' },
      { kind: 'hang' },
      { ...ok('CreateAccessKey'), cutShort: true },
      rawAnswer(503, ''),
      rawAnswer(502, '<html></html>'),
      errorAnswer(500, 'InternalFailure', 'x'),
      rawAnswer(200, ''),
    ] as const;
    for (const step of breaks) {
      endpoint.play(() => step);
      const answer = await caller.call(request('CreateAccessKey'));
      expect(operations(), JSON.stringify(step)).to.deep.equal(['CreateAccessKey']);
      if (answer.kind === 'transport') expect(answer).to.include({ ambiguous: true, attempts: 1 });
    }
  });

  it('a quota is no throttling, and a date hours off changes nothing', async () => {
    const headers = ['Date', 'Wed, 09 Jun 2021 14:16:51 GMT', 'Content-Type', 'text/xml'];
    endpoint.play(() => errorAnswer(409, 'LimitExceeded', 'x', { headers }));
    await caller.call(request('CreateAccessKey'));
    expect(operations()).to.have.length(1);
    endpoint.play(() => errorAnswer(403, 'RequestExpired', 'x', { headers }));
    await caller.call(request('ListUsers'));
    expect(operations()).to.have.length(1);
    endpoint.play(() => ok('ListUsers'));
    await caller.call(request('ListUsers'));
    const sent = String(endpoint.requests[0]?.headers['x-amz-date']);
    expect(sent.slice(0, 4), 'signed with our own time').to.equal(String(new Date().getUTCFullYear()));
  });

  it('reads and throttled calls are made again, with a signature of their own', async () => {
    endpoint.play([{ kind: 'reset' }, rawAnswer(503, ''), errorAnswer(400, 'Throttling', 'x'), ok('ListUsers')]);
    expect(await caller.call(request('ListUsers'))).to.include({ kind: 'answer', status: 200, attempts: 4 });
    endpoint.play([errorAnswer(400, 'Throttling', 'x'), ok('CreateAccessKey')]);
    expect(await caller.call(request('CreateAccessKey'))).to.include({ kind: 'answer', status: 200, attempts: 2 });
  });

  it('a call that cannot be written leaves nothing of itself in the next one, nor in one beside it', async () => {
    endpoint.play(({ operation }) => ok(operation));
    const input = { UserName: 'decoy', Path: '/admins/', Tags: [{ Key: 'x', Value: '\ud800' }] };
    const bad = request('CreateUser', { input });
    const good = request('ListAccessKeys', { input: { UserName: 'alice' } });
    const answers = await Promise.all([good, bad, good, bad, good].map(async (one) => await caller.call(one)));
    answers.push(await caller.call(bad), await caller.call(good));
    for (const { operation, params } of endpoint.requests) {
      expect(operation).to.equal('ListAccessKeys');
      expect([...params.keys()]).to.have.members(['Action', 'Version', 'UserName']);
      expect(params.get('UserName')).to.equal('alice');
    }
    expect(answers[1]).to.include({ kind: 'transport', code: 'request', ambiguous: false });
    expect(answers.at(-1)).to.include({ kind: 'answer', status: 200 });
  });

  it('a change goes over a connection of its own', async () => {
    endpoint.play(({ operation }) => ok(operation));
    for (const name of ['ListUsers', 'ListUsers', 'CreateAccessKey', 'CreateAccessKey', 'ListUsers']) {
      await caller.call(request(name));
    }
    const [kept, again, own, other, still] = endpoint.ports;
    expect([again, still], 'reads share one').to.deep.equal([kept, kept]);
    expect(new Set([kept, own, other]).size, 'changes do not').to.equal(3);
  });

  it('stops at the signal, and says whether the request was on its way', async () => {
    endpoint.play(() => ({ kind: 'hang' }));
    const abort = new AbortController();
    const running = caller.call(request('CreateAccessKey', { signal: abort.signal }));
    while (endpoint.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort(new Error('stop'));
    expect(await running).to.deep.equal({ kind: 'aborted', ambiguous: true });
    expect(await caller.call(request('CreateAccessKey', { signal: AbortSignal.abort() }))).to.deep.equal({
      kind: 'aborted',
    });
    expect(operations()).to.have.length(1);
  });

  it('says who it is and asks where it is told', async () => {
    endpoint.play(() => ok('ListUsers'));
    await caller.call(request('ListUsers'));
    const { headers } = endpoint.requests[0] ?? {};
    expect(headers?.['user-agent']).to.contain('iam-agent/test');
    expect(headers?.authorization)
      .to.contain('Credential=AKIDAGENT00000000000/')
      .and.to.contain('/us-east-1/iam/aws4_request');
  });

  it('assumes a role once for all who want it at the same time, and keeps the session', async () => {
    endpoint.play(({ operation }) =>
      operation === 'AssumeRole' ? { ...assumed(3_600_000), afterMs: 30 } : ok(operation),
    );
    const calls = Array.from({ length: 8 }, () => caller.call(request('ListUsers', { roleArn: roleA })));
    await Promise.all(calls);
    await caller.call(request('ListUsers', { roleArn: roleA }));
    expect(operations().filter((name) => name === 'AssumeRole')).to.have.length(1);
    expect(endpoint.requests[0]?.params.get('RoleArn')).to.equal(roleA);
    expect(endpoint.requests[0]?.params.get('RoleSessionName')).to.equal('job-1');
    const tokens = endpoint.requests.slice(1).map(({ headers }) => headers['x-amz-security-token']);
    expect(new Set(tokens).size).to.equal(1);
    await caller.call(request('ListUsers'));
    expect(endpoint.requests.at(-1)?.headers).to.not.have.property('x-amz-security-token');
  });

  it('makes a new session before the old one ends', async () => {
    endpoint.play(({ operation }) => (operation === 'AssumeRole' ? assumed(60_000) : ok(operation)));
    await caller.call(request('ListUsers', { roleArn: roleA }));
    await caller.call(request('ListUsers', { roleArn: roleA }));
    expect(operations()).to.deep.equal(['AssumeRole', 'ListUsers', 'AssumeRole', 'ListUsers']);
  });

  it("goes through the connection's role to the row's, with external id and name", async () => {
    caller.close();
    connection = testConnection(endpoint.url, { roleArn: roleA, roleExternalId: 'ext', roleSessionName: 'audit' });
    caller = testCaller(connection);
    endpoint.play(({ operation }) => (operation === 'AssumeRole' ? assumed(3_600_000) : ok(operation)));
    await caller.call(request('ListUsers', { roleArn: roleB }));
    const [first, second, third] = endpoint.requests;
    expect(
      [first, second].map((seen) => [
        seen?.params.get('RoleArn'),
        seen?.params.get('ExternalId'),
        seen?.params.get('RoleSessionName'),
      ]),
    ).to.deep.equal([
      [roleA, 'ext', 'audit'],
      [roleB, 'ext', 'audit'],
    ]);
    expect(first?.headers).to.not.have.property('x-amz-security-token');
    expect(second?.headers['x-amz-security-token']).to.match(/^T0KEN/);
    expect(third?.headers['x-amz-security-token']).to.not.equal(second?.headers['x-amz-security-token']);
  });

  it('a role that is refused, or gives no session, is no call, and is asked for anew', async () => {
    endpoint.play(() => errorAnswer(403, 'AccessDenied', 'not yours'));
    const answer = await caller.call(request('CreateAccessKey', { roleArn: roleA }));
    expect(answer).to.include({ kind: 'answer', status: 403, operation: 'AssumeRole' });
    expect(operations()).to.deep.equal(['AssumeRole']);
    endpoint.play(() => xmlAnswer('AssumeRole', '<Credentials/>'));
    const empty = await caller.call(request('CreateAccessKey', { roleArn: roleA, retryForMs: 0 }));
    expect(empty).to.include({ kind: 'answer', operation: 'AssumeRole' });
    expect(empty.kind === 'answer' && empty.status >= 300).to.equal(true);
    expect(new Set(operations())).to.deep.equal(new Set(['AssumeRole']));
  });

  it('reads the keys anew for each call, and says no more of a failure than that there is none', async () => {
    const state = { secret: 'S3CR3T', access: 'AKIDONE0000000000000', fail: false };
    const events: unknown[] = [];
    const readSecretFile = async (path: string): Promise<string> => {
      if (state.fail) throw new Error(`found ${state.secret}`);
      return await Promise.resolve(path === 'access' ? state.access : state.secret);
    };
    const onEvent = (name: string, fields: object): number => events.push([name, fields]);
    const own = createIamCaller([connection], { clock: systemClock(), userAgent: 'x/1', readSecretFile, onEvent });
    try {
      endpoint.play(() => ok('ListUsers'));
      await own.call(request('ListUsers'));
      state.access = 'AKIDTWO0000000000000';
      await own.call(request('ListUsers'));
      const used = endpoint.requests.map(({ headers }) => /Credential=(\w+)/.exec(String(headers.authorization))?.[1]);
      expect(used).to.deep.equal(['AKIDONE0000000000000', 'AKIDTWO0000000000000']);
      state.fail = true;
      const answer: CallAnswer = await own.call(request('ListUsers'));
      const message = 'Unable to locate credentials';
      expect(answer).to.deep.equal({ kind: 'transport', code: 'credentials', message, ambiguous: false, attempts: 1 });
      expect(events).to.have.length(1);
      expect(JSON.stringify([answer, events])).to.not.contain('S3CR3T');
    } finally {
      own.close();
    }
  });

  it('refuses what cannot be written into a request', async () => {
    endpoint.play(() => ok('CreateAccessKey'));
    const answer = await caller.call(request('CreateAccessKey', { input: { UserName: '\ud800' } }));
    expect(answer).to.include({ kind: 'transport', code: 'request', ambiguous: false });
    expect(operations()).to.deep.equal([]);
  });

  it('asks the SDK again for an address that it could not give, and makes no call without one', async () => {
    const before_ = process.env['AWS_ENDPOINT_URL_IAM'];
    process.env['AWS_ENDPOINT_URL_IAM'] = 'no url';
    caller.close();
    connection = testConnection(endpoint.url, { endpoints: {} });
    caller = testCaller(connection);
    endpoint.play(() => ok('CreateAccessKey'));
    try {
      expect(await caller.call(request('CreateAccessKey'))).to.include({ code: 'request', ambiguous: false });
      process.env['AWS_ENDPOINT_URL_IAM'] = endpoint.url;
      expect(await caller.call(request('CreateAccessKey'))).to.include({ kind: 'answer', status: 200 });
    } finally {
      if (before_ === undefined) delete process.env['AWS_ENDPOINT_URL_IAM'];
      else process.env['AWS_ENDPOINT_URL_IAM'] = before_;
    }
    expect(operations()).to.deep.equal(['CreateAccessKey']);
  });

  it('refuses keys that no header can hold, and shows nothing of them', async () => {
    const readSecretFile = async (path: string): Promise<string> =>
      await Promise.resolve(path === 'access' ? 'AKID\r\nx-evil: S3CR3T' : 'S3CR3T');
    const own = createIamCaller([connection], { clock: systemClock(), userAgent: 'x/1', readSecretFile });
    try {
      endpoint.play(() => ok('CreateAccessKey'));
      const answer = await own.call(request('CreateAccessKey'));
      expect(answer).to.include({ kind: 'transport', code: 'request', ambiguous: false });
      expect(JSON.stringify(answer)).to.not.contain('S3CR3T');
      expect(operations()).to.deep.equal([]);
    } finally {
      own.close();
    }
  });

  it('makes no call after a close that came before its first connection', async () => {
    const readSecretFile = async (): Promise<string> => await Promise.resolve('x');
    const own = createIamCaller([connection], { clock: systemClock(), userAgent: 'x/1', readSecretFile });
    endpoint.play(() => ok('CreateAccessKey'));
    const running = own.call(request('CreateAccessKey'));
    own.close();
    expect(await running).to.deep.equal({ kind: 'aborted', ambiguous: false });
    expect(operations()).to.deep.equal([]);
  });

  it('after close, makes no call and ends what is under way', async () => {
    endpoint.play(() => ({ kind: 'hang' }));
    const running = caller.call(request('CreateAccessKey'));
    while (endpoint.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    caller.close();
    expect(await running).to.deep.equal({ kind: 'aborted', ambiguous: true });
    expect(await caller.call(request('ListUsers'))).to.deep.equal({ kind: 'aborted' });
  });
});
