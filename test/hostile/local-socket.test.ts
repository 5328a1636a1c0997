// Broken and hostile clients of the local socket: each gets a coded no or is cut off, nothing runs, and the next one is served.
import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askExec, askJson, type LocalClient } from '../../agent/io/local-client.ts';
import { type LocalSocket, serveLocal } from '../../agent/io/local-socket.ts';
import { localLimits } from '../../agent/local/local-limits.ts';
import { runListSchema } from '../../agent/local/wire.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { limits } from '../../protocol/limits.ts';
import { JournalDirectory } from '../contract/journal-directory.ts';
import { collecting, headOf, runsFixture, usersOf, type RunsFixture } from '../support/run-samples.ts';
import { answerOf } from '../support/scripted-caller.ts';

const aKey =
  '<AccessKeyMetadata><member><UserName>u</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status></member></AccessKeyMetadata><IsTruncated>false</IsTruncated>';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(test: () => boolean): Promise<void> {
  while (!test()) await pause(5);
}

describe('clients of the local socket', () => {
  let directory: JournalDirectory;
  let stateDir: string;
  let socket: LocalSocket;
  let fixture: RunsFixture;
  let client: LocalClient;
  let calls: number;
  const open = new Set<Socket>();

  beforeEach(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'iam-agent-socket-'));
    directory = new JournalDirectory('in_memory');
    const { journal } = await directory.open();
    calls = 0;
    fixture = runsFixture(journal, {
      call: async ({ operation }) => {
        calls += 1;
        return answerOf(operation, aKey);
      },
    });
    const { runs } = fixture;
    const service = { status: () => Promise.reject(new Error('no status here')), runs, log: journal, version: '1.2.3' };
    const served = await serveLocal(stateDir, { ...service, events: (...event) => void fixture.events.push(event) });
    if (isRefusal(served)) throw new Error(served.detail);
    socket = served;
    client = { kind: 'local_client', stateDir, version: '1.2.3', onOtherVersion: () => undefined };
  });

  afterEach(async () => {
    for (const one of open) one.destroy();
    open.clear();
    await socket.close();
    await fixture.runs.idle();
    await directory.dispose();
    rmSync(stateDir, { recursive: true });
    expect(fixture.faults).to.deep.equal([]);
  });

  const raw = (): Socket => {
    const one = connect(join(stateDir, 'agent.sock'));
    one.on('error', () => undefined);
    open.add(one);
    return one;
  };

  /** Everything that came until the other side closed. */
  const talk = async (text: string | Buffer, options: { end?: boolean } = {}): Promise<string> => {
    const one = raw();
    let answer = '';
    one.setEncoding('utf8').on('data', (more: string) => (answer += more));
    one.write(text);
    if (options.end === true) one.end();
    await new Promise((resolve) => one.once('close', resolve));
    return answer;
  };

  const served = async (): Promise<void> => {
    const answer = await askJson(client, '/1/runs', runListSchema);
    expect(answer).to.have.property('runs');
  };

  const post = (body: string): string =>
    `POST /1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

  it('that say nonsense are cut off', async () => {
    expect(await talk('\u0000\u0001\u0002 nonsense\r\n\r\n')).to.equal('');
    expect(await talk('GET /1/runs HTTP/9.9\r\n\r\n')).to.equal('');
    expect(await talk(Buffer.alloc(100_000, 0xff))).to.equal('');
    expect(await talk('', { end: true })).to.equal('');
    expect(await talk('GET /1/ru', { end: true })).to.equal('');
    await served();
  });

  it('that send headers without end, or far too many, are cut off', async () => {
    expect(await talk(`GET /1/runs HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(64 * 1024)}\r\n\r\n`)).to.equal('');
    const many = Array.from({ length: 5_000 }, (_, at) => `H${at}: v\r\n`).join('');
    expect(await talk(`GET /1/runs HTTP/1.1\r\nHost: x\r\n${many}\r\n`)).to.equal('');
    await served();
  });

  it('that are slow with their headers, or say nothing at all, are cut off in time, and hold up nobody', async function () {
    this.timeout(20_000);
    const slow = [raw(), raw(), raw()];
    slow[1]?.write('GET /1/runs HTTP/1.1\r\nHost: ');
    const drip = setInterval(() => slow[2]?.write('G'), 300);
    const closed = slow.map((one) => new Promise((resolve) => one.once('close', resolve)));
    await served();
    await Promise.all(closed);
    clearInterval(drip);
  });

  it('that use a wrong method, path or version are told so', async () => {
    const request = (line: string): Promise<string> => talk(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await request('DELETE /1/status')).to.match(/^HTTP\/1.1 405 .*request_invalid/s);
    expect(await request('PUT /1/runs')).to.match(/^HTTP\/1.1 405 /);
    expect(await request('GET /')).to.match(/^HTTP\/1.1 404 .*not_found/s);
    expect(await request('GET /1/../../etc/passwd')).to.match(/^HTTP\/1.1 404 /);
    expect(await request('GET //evil')).to.match(/^HTTP\/1.1 404 /);
    expect(await request('GET /2/status')).to.match(/^HTTP\/1.1 404 .*iam-agent-local: 1.*local_version.*1\.2\.3/s);
    expect(await request('GET /1/runs?limit=99999999')).to.match(/^HTTP\/1.1 400 /);
    expect(await request('GET /1/runs/nothing')).to.match(/^HTTP\/1.1 404 /);
    expect(await request('POST /1/runs/nothing/cancel')).to.match(/^HTTP\/1.1 404 /);
    expect(await request('GET /1/status')).to.match(/^HTTP\/1.1 500 .*internal/s);
    expect(
      await talk('GET /1/runs HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    ).not.to.match(/ 101 /);
    await served();
  });

  it('that ask for something unreadable are refused before anything runs', async () => {
    const head = JSON.stringify(headOf('list_access_keys'));
    for (const [body, what] of [
      ['', 'none'],
      ['not json\n', 'JSON'],
      ['[]\n', 'the request'],
      ['{}\n', 'action'],
      [`${head.replace('{', '{"action":"x",')}\n`, 'each key once'],
      [`${head.slice(0, -1)},"extra":1}\n`, 'Unrecognized'],
      [`${'['.repeat(100)}${']'.repeat(100)}\n`, 'nested deeper'],
      [`{"action":"${'x'.repeat(localLimits.headBytes)}"}\n`, 'at most'],
      [`${head.replace('"main"', '7')}\n`, 'connection'],
    ] as const) {
      const answer = await talk(post(body));
      expect(answer, body.slice(0, 40)).to.match(/^HTTP\/1.1 400 /);
      expect(answer).to.include('request_invalid').and.include(what);
    }
    const bytes = Buffer.concat([
      Buffer.from('POST /1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n'),
      Buffer.from([0xff, 0xfe, 10]),
    ]);
    expect(await talk(bytes)).to.include('UTF-8');
    expect(calls).to.equal(0);
    await served();
  });

  it('that break off in the middle of their rows, or give too long a row, end their run as lost', async () => {
    const head = `${JSON.stringify(headOf('list_access_keys'))}\n`;
    const start = `POST /1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n${head}`;
    const one = raw();
    one.write(`${start}{"user":"a"}\n{"us`);
    await until(() => calls > 0);
    one.destroy();
    const long = raw();
    long.resume();
    long.write(start + 'x'.repeat(limits.rowBytes + 10));
    await until(() => fixture.events.filter(([name]) => name === 'run.ended').length === 2);
    const ends = fixture.events.filter(([name]) => name === 'run.ended').map(([, fields]) => fields['end']);
    expect(ends).to.deep.equal(['lost', 'lost']);
    expect(calls).to.equal(1);
    await served();
  });

  it('that never read their results stop their own rows alone', async () => {
    const stuck = raw();
    const rows = `${usersOf(1)[0]}\n`.repeat(50_000);
    const head = `${JSON.stringify(headOf('list_access_keys'))}\n`;
    stuck.pause();
    stuck.write(
      `POST /1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: ${head.length + rows.length}\r\n\r\n${head}${rows}`,
    );
    let before = -1;
    while (before !== calls) {
      before = calls;
      await pause(400);
    }
    expect(calls).to.be.greaterThan(0).and.lessThan(20_000);
    const caller = collecting([]);
    const ended = await askExec(client, {
      head: headOf('list_access_keys'),
      rows: (async function* () {
        yield* usersOf(20);
      })(),
      started: () => undefined,
      deliver: (line) => caller.deliver([line]),
      signal: new AbortController().signal,
    });
    expect(ended).to.deep.equal({ end: 'completed', outcomes: { succeeded: 20 } });
    expect(caller.lines).to.have.length(40);
    stuck.destroy();
  });

  it('that are very many leave room again when they go', async () => {
    const many = Array.from({ length: 3 * localLimits.connections }, () => raw());
    await pause(200);
    for (const one of many) one.destroy();
    await pause(50);
    await served();
  });

  it('find a stale file replaced, and what is no socket left alone', async () => {
    await socket.close();
    const path = join(stateDir, 'agent.sock');
    expect(statSync(path, { throwIfNoEntry: false })).to.equal(undefined);
    writeFileSync(path, 'precious');
    const { runs } = fixture;
    const service = { status: () => Promise.reject(new Error('none')), runs, version: '1', events: () => undefined };
    const refused = await serveLocal(stateDir, {
      ...service,
      log: (await directory.open(join(stateDir, 'j'))).journal,
    });
    expect(isRefusal(refused) && refused.code).to.equal('state_damaged');
    expect(statSync(path).isFile()).to.equal(true);
    rmSync(path);
    mkdirSync(path);
    const again = await serveLocal(stateDir, { ...service, log: (await directory.open(join(stateDir, 'k'))).journal });
    expect(isRefusal(again)).to.equal(true);
  });
});
