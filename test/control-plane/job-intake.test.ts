// Creating jobs: a stream of rows, kept as the bytes that came, or a refusal that leaves nothing behind.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { chunkDigest } from '../../protocol/digest-chain.ts';
import { limits } from '../../protocol/limits.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { Fixture, type JobSeen } from '../support/control-plane-fixture.ts';

const request = { agent: 'host-1', connection: 'prod', action: 'list_users', inputs: { A: '{{ a }}', n: 1, b: true } };
const head = JSON.stringify(request);

describe('control plane: job intake', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.start();
    await fixture.invite();
  });
  afterEach(async () => {
    expect(fixture.faults()).to.deep.equal([]);
    await fixture.close();
  });

  const count = (table: string): unknown => {
    const store = new DatabaseSync(join(fixture.dataDir, 'store.sqlite'), { readOnly: true });
    const found = store.prepare(`SELECT count(*) AS count FROM ${table}`).get();
    store.close();
    return found?.['count'];
  };

  const refusal = async (answer: Response): Promise<string> => {
    const { error } = (await answer.json()) as { error: { code: string; detail: string } };
    return `${answer.status} ${error.code}: ${error.detail}`;
  };

  it('queues a job for an agent that has never connected', async () => {
    const job = await fixture.createJob(['{"a":1}']);
    expect(job).to.deep.include({ agent: 'host-1', status: 'queued', sub: 'admin', last_sequence: 0 });
    expect(job.rows).to.deep.equal({ total: 1, ended: 0, failed: 0, waiting_reason: null });
  });

  it('gives a job without rows one empty row', async () => {
    const identity = await fixture.pair('host-2');
    await fixture.createJob([], { agent: 'host-2' });
    const peer = await fixture.dial(identity, 1);
    await peer.hello();
    peer.credit(1, 1);
    const token = await peer.job();
    expect(token.claims.rows).to.deep.equal({
      count: 1,
      chunks: [{ rows: 1, digest: chunkDigest(nodeHashing, ['{}']) }],
    });
    token.accept();
    expect((await peer.next('rows')).lines).to.deep.equal(['{}']);
  });

  it('cuts rows into chunks within both limits, whatever the pieces of the body are', async () => {
    const identity = await fixture.pair('host-2');
    const rows = [
      ...Array.from({ length: 1_500 }, (_, row) => `{"row": ${row}, "text": "ä€😀"}`),
      ...Array.from({ length: 5 }, (_, row) => JSON.stringify({ row, pad: 'ü'.repeat(50_000) })),
    ];
    const bytes = Buffer.from([JSON.stringify({ ...request, agent: 'host-2' }), ...rows, ''].join('\n'));
    const pieces = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 7_777) controller.enqueue(bytes.subarray(at, at + 7_777));
        controller.close();
      },
    });
    const answer = await fetch(`${fixture.url}/api/v1/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fixture.admin}`, 'content-type': 'application/x-ndjson' },
      body: pieces,
      duplex: 'half',
    });
    expect(answer.status).to.equal(201);
    const peer = await fixture.dial(identity, 1);
    await peer.hello();
    peer.credit(1, 100);
    const token = await peer.job();
    token.accept();
    const { chunks } = token.claims.rows;
    const seen: string[] = [];
    for (const chunk of chunks) {
      const { lines } = await peer.next('rows');
      expect(lines).to.have.length(chunk.rows).and.to.have.length.at.most(limits.chunkRows);
      expect(Buffer.byteLength(lines.join('\n'))).to.be.at.most(limits.chunkBytes);
      expect(chunkDigest(nodeHashing, lines)).to.equal(chunk.digest);
      seen.push(...lines);
    }
    expect(seen).to.deep.equal(rows);
  });

  const bad: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['nothing', [''], /^400 request_invalid: expected the job/],
    ['a first line that is no JSON', ['{'], /^400 request_invalid: line 1/],
    ['an unknown field', [JSON.stringify({ ...request, sub: 'root' })], /^400 request_invalid: line 1/],
    ['a duplicate key', [head.replace('{', '{"agent":"x",')], /^400 request_invalid: line 1/],
    ['a time to live of zero', [JSON.stringify({ ...request, ttl_seconds: 0 })], /^400 request_invalid.*ttl_seconds/],
    ['unknown options', [JSON.stringify({ ...request, options: { x: 1 } })], /^400 request_invalid.*options/],
    [
      'a number that would change',
      [head.replace('"n":1', '"n":12345678901234567890')],
      /^400 request_invalid: inputs\.n/,
    ],
    [
      'an input that would be dropped',
      [head.replace('"n":1', '"__proto__":"x"')],
      /^400 request_invalid: line 1: expected no member named __proto__/,
    ],
    [
      'an input that would be dropped, spelled otherwise',
      [head.replace('"n":1', String.raw`"__pr\u006fto__":1`)],
      /^400 request_invalid: line 1: expected no member named __proto__/,
    ],
    ['an unknown agent', [JSON.stringify({ ...request, agent: 'none' })], /^404 not_found/],
    ['a row that is no JSON', [head, '{"a":1}', 'x'], /^400 row_malformed: line 3/],
    ['a row that is a list', [head, '[]'], /^400 row_malformed: line 2/],
    ['a row that is null', [head, 'null'], /^400 row_malformed: line 2/],
    ['a row with a duplicate key', [head, '{"a":1,"a":2}'], /^400 row_malformed: line 2/],
    ['a row that is too deep', [head, `{"a":${'['.repeat(80)}${']'.repeat(80)}}`], /^400 row_malformed: line 2/],
    ['a row that is too large', [head, '{}', `{"a":"${'x'.repeat(limits.rowBytes)}"}`], /^413 row_too_large: line 3/],
    [
      'a token that no frame could carry',
      [
        JSON.stringify({
          ...request,
          inputs: Object.fromEntries(['A', 'B', 'C'].map((name) => [name, 'x'.repeat(230_000)])),
        }),
      ],
      /^400 request_invalid: the signed job/,
    ],
  ];
  for (const [name, lines, expected] of bad) {
    it(`refuses ${name}, and keeps nothing of it`, async () => {
      expect(await refusal(await fixture.postJob(lines))).to.match(expected);
      expect(count('job_rows')).to.equal(0);
      expect(count('jobs')).to.equal(0);
    });
  }

  it('refuses rows that are not UTF-8, and a body of another type', async () => {
    const post = (type: string, body: Uint8Array<ArrayBuffer>) =>
      fetch(`${fixture.url}/api/v1/jobs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${fixture.admin}`, 'content-type': type },
        body,
      });
    const broken = Uint8Array.from([...Buffer.from(`${head}\n{"a":"`), 0xff, 0xfe, ...Buffer.from('"}')]);
    expect(await refusal(await post('application/x-ndjson', broken))).to.match(/^400 row_malformed: line 2/);
    expect(await refusal(await post('application/json', Uint8Array.from(Buffer.from(head))))).to.match(
      /request_invalid/,
    );
    expect(await refusal(await post('text/plain', Uint8Array.from(Buffer.from(head))))).to.match(/request_invalid/);
  });

  it('drops the rows of an upload that was cut off', async () => {
    const controller = new AbortController();
    const body = new ReadableStream({
      start(stream) {
        stream.enqueue(Buffer.from(`${head}\n${'{"a":1}\n'.repeat(2_500)}`));
      },
    });
    const upload = fetch(`${fixture.url}/api/v1/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fixture.admin}`, 'content-type': 'application/x-ndjson' },
      body,
      duplex: 'half',
      signal: controller.signal,
    }).catch(() => null);
    for (let tries = 0; tries < 100 && count('job_rows') === 0; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(count('job_rows')).to.equal(2);
    controller.abort();
    await upload;
    for (let tries = 0; tries < 100 && count('job_rows') !== 0; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(count('job_rows')).to.equal(0);
  });

  it('drops the rows of an upload that a crash cut off, at the next start', async () => {
    await fixture.createJob(['{}']);
    await fixture.stop();
    const store = new DatabaseSync(join(fixture.dataDir, 'store.sqlite'));
    store.exec("INSERT INTO job_rows (job, chunk, rows, digest, body) VALUES ('gone', 0, 1, 'x', x'00')");
    store.close();
    await fixture.open();
    expect(count('job_rows')).to.equal(1);
  });

  it('does not grow in memory with the rows', async function () {
    this.timeout(60_000);
    const line = Buffer.from(`${JSON.stringify({ pad: 'x'.repeat(1_000) })}\n`.repeat(200));
    const before = process.memoryUsage().rss;
    let sent = 0;
    const body = new ReadableStream({
      pull(stream) {
        if (sent === 0) stream.enqueue(Buffer.from(`${head}\n`));
        if (sent === 400) return stream.close();
        sent += 1;
        stream.enqueue(line);
      },
    });
    const answer = await fetch(`${fixture.url}/api/v1/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fixture.admin}`, 'content-type': 'application/x-ndjson' },
      body,
      duplex: 'half',
    });
    expect(((await answer.json()) as JobSeen).rows.total).to.equal(80_000);
    // 80 MB went through both ends of this one process.
    expect(process.memoryUsage().rss - before).to.be.below(150 * 1024 * 1024);
  });

  describe('with an Idempotency-Key', () => {
    it('gives the same job for the same body, and 409 for another', async () => {
      const first = await fixture.postJob([head, '{"a":1}'], { key: 'k1' });
      expect(first.status).to.equal(201);
      const { job } = (await first.json()) as JobSeen;
      const second = await fixture.postJob([head, '{"a":1}'], { key: 'k1' });
      expect(second.status).to.equal(200);
      expect(((await second.json()) as JobSeen).job).to.equal(job);
      expect(await refusal(await fixture.postJob([head, '{"a":2}'], { key: 'k1' }))).to.match(
        /^409 idempotency_conflict/,
      );
      expect((await fixture.postJob([head, '{"a":1}'], { key: 'k2' })).status).to.equal(201);
      expect(count('jobs')).to.equal(2);
      expect(count('job_rows')).to.equal(2);
    });

    it('makes one job of many equal requests at once', async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => fixture.postJob([head], { key: 'k' })));
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).to.deep.equal([
        200, 200, 200, 200, 200, 200, 200, 201,
      ]);
      expect(count('jobs')).to.equal(1);
    });

    it('keeps the keys of two callers apart, and does not keep the key of a refused job', async () => {
      const { token } = await fixture.json<{ token: string }>('POST', '/api/v1/tokens', {
        name: 'ci',
        role: 'operator',
      });
      expect((await fixture.postJob([head], { key: 'k' })).status).to.equal(201);
      const other = await fixture.postJob([head], { key: 'k', token });
      expect(other.status).to.equal(201);
      expect(((await other.json()) as JobSeen).sub).to.equal('ci');
      expect((await fixture.postJob([head, 'x'], { key: 'later' })).status).to.equal(400);
      expect((await fixture.postJob([head], { key: 'later' })).status).to.equal(201);
      expect((await fixture.postJob([head], { key: 'x'.repeat(256) })).status).to.equal(400);
    });
  });
});
