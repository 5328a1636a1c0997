import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, jobId, main, start, StubApi, view } from './stub-api.ts';

const envelope = (row: number, value: string): string =>
  `{"row":${row},"envelope":{"result":${value},"error":null,"has_error":false}}\n`;
const end = (row: number, outcome: string): string => `{"row":${row},"row_end":{"items":1,"outcome":"${outcome}"}}\n`;

describe('iam-control-plane run', function () {
  this.timeout(30_000);
  let api: StubApi;
  let folder: string;
  beforeEach(async () => {
    api = new StubApi();
    await api.start();
    folder = await mkdtemp(join(tmpdir(), 'cli-run-'));
  });
  afterEach(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });

  const words = (...more: readonly string[]): string[] => [
    process.execPath,
    main,
    'run',
    'update_access_key',
    '--url',
    api.url,
    '--agent',
    'web-1',
    '--connection',
    'prod',
    ...more,
  ];
  const run = (more: readonly string[], input?: string): Promise<Ended> =>
    start(words(...more), input === undefined ? {} : { input }).ended;
  /** The server's answer to a new job, and its results. */
  function job(lines: string, over: Record<string, unknown> = {}): void {
    api.json('POST /jobs', 201, view({ status: 'queued', outcomes: null }));
    api.json(`GET /jobs/${jobId}`, 200, view({ last_sequence: lines.split('\n').length - 1, ...over }));
    api.on(`GET /jobs/${jobId}/results`, (_request, response) => response.end(lines));
  }

  it('sends the job and its rows as JSON Lines, and prints the id', async () => {
    job('');
    const rows = join(folder, 'keys.csv');
    await writeFile(rows, 'user,key\nalice,1e400\nbob,"x\ny"\n');
    const options = ['--concurrency', '3', '--on-error', 'stop', '--dry-run', '--ttl', '60', '--idempotency-key', 'k1'];
    options.push('--row-deadline', '90');
    const ended = await run(['--set', 'Access Key={{ key }}', '--rows', rows, ...options]);
    expect(ended).to.deep.include({ code: 0, out: `${jobId}\n`, err: '' });
    const sent = api.seen[0];
    expect(sent?.headers).to.include({ 'content-type': 'application/x-ndjson', 'idempotency-key': 'k1' });
    const [head = '', ...lines] = sent?.body?.trimEnd().split('\n') ?? [];
    expect(JSON.parse(head)).to.deep.equal({
      agent: 'web-1',
      connection: 'prod',
      action: 'update_access_key',
      inputs: { 'Access Key': '{{ key }}' },
      options: { concurrency: 3, on_error: 'stop', dry_run: true, row_deadline_seconds: 90 },
      ttl_seconds: 60,
    });
    expect(lines).to.deep.equal(['{"user":"alice","key":"1e400"}', '{"user":"bob","key":"x\\ny"}']);
  });

  it('sends one empty row without --rows, and rows of stdin as they are', async () => {
    job('');
    await run([]);
    await run(['--rows', '-'], '{"n":12345678901234567890,"f":1.0}\n');
    const bodies = api.seen.map(({ body }) => body?.split('\n').slice(1));
    expect(bodies).to.deep.equal([
      ['{}', ''],
      ['{"n":12345678901234567890,"f":1.0}', ''],
    ]);
    expect(api.seen[0]?.headers['idempotency-key']).to.match(/^[0-9a-f-]{36}$/);
  });

  it('breaks the upload off at a bad row, so that no job is made', async () => {
    job('');
    const good = '{"a":1}\n'.repeat(50_000);
    const ended = await run(['--rows', '-'], `${good}oops\n`);
    expect(ended.code).to.equal(65);
    expect(ended.err).to.match(/^error row_malformed: standard input, line 50001: expected a JSON object/);
    expect(api.seen.every(({ body }) => body === null)).to.equal(true);
  });

  it('follows: results on stdout, the summary on stderr, 0 when no row failed', async () => {
    job(
      envelope(0, '{"n":12345678901234567890,"x":1e400}') +
        end(0, 'succeeded') +
        '\n' +
        envelope(1, '"\\u001b[2J"') +
        end(1, 'succeeded'),
      {
        last_sequence: 4,
      },
    );
    const ended = await run(['--follow']);
    expect(ended.out.split('\n')).to.deep.equal([
      '{"row":0,"result":{"n":12345678901234567890,"x":1e400},"error":null,"has_error":false}',
      '{"row":1,"result":"\\u001b[2J","error":null,"has_error":false}',
      '',
    ]);
    expect(ended.err).to.match(new RegExp(`^job ${jobId}\n2 rows in [\\d.]+ s: 2 succeeded; 2 results\n$`));
    expect(ended.code).to.equal(0);
  });

  it('shows why rows wait, at which rate, and how long', async () => {
    const rows = {
      total: 1000,
      ended: 688,
      failed: 0,
      waiting_reason: 'rate_limit',
      calls_per_second: 5.2,
      left_ms: 60_000,
    };
    const running = view({ status: 'running', outcomes: null, rows });
    api.json(`GET /jobs/${jobId}`, 200, running);
    const show = async (): Promise<string> =>
      (await start([process.execPath, main, 'jobs', 'show', jobId, '--url', api.url]).ended).out;
    const text = await show();
    expect(text).to.match(/^waiting {5}for the rate limit \(5\.2 calls\/s\)$/m);
    expect(text).to.match(/^left {8}312 rows left, about 1 min 0 s$/m);
    // An agent that says no more, and one that is newer than this command.
    api.json(`GET /jobs/${jobId}`, 200, {
      ...running,
      rows: { total: 9, ended: 1, failed: 0, waiting_reason: 'moon' },
    });
    expect(await show()).to.match(/^waiting {5}for moon\nleft {8}8 rows left$/m);
    api.json(`GET /jobs/${jobId}`, 200, view());
    expect(await show()).to.not.match(/waiting|left/);
  });

  it('ends with 1 when a row failed', async () => {
    job(end(0, 'succeeded') + end(1, 'failed'), { outcomes: { succeeded: 1, failed: 1 } });
    expect(await run(['--follow', '--quiet'])).to.deep.include({ code: 1, out: '', err: '' });
  });

  it('ends with 70 when a line could not be read, whatever the others say', async () => {
    const deep = `${'['.repeat(240_000)}${']'.repeat(240_000)}`;
    for (const outcome of ['succeeded', 'failed']) {
      job(envelope(0, '{}') + envelope(0, deep) + end(0, outcome));
      const ended = await run(['--follow', '--quiet']);
      expect(ended.code).to.equal(70);
      expect(ended.out.trimEnd().split('\n')).to.have.length(1);
      expect(ended.err).to.contain('line 2 is not understood').and.to.contain('1 of the lines up to 3');
    }
  });

  it('says why a job was rejected and which line to add', async () => {
    const refusal = { code: 'action_not_allowed', detail: 'prod does not allow \u001B[31mit' };
    job('', { status: 'rejected', refusal, last_sequence: 0 });
    const ended = await run(['--follow']);
    expect(ended.code).to.equal(1);
    expect(ended.err).to.contain('error action_not_allowed: prod does not allow \\e[31mit\n');
    expect(ended.err).to.contain('allow: [list, read, update_access_key]');
  });

  it('goes on after a restart of the control plane, without a line twice or lost', async () => {
    const lines = Array.from({ length: 6 }, (_none, row) => envelope(row, String(row)));
    job('', { last_sequence: 6 });
    let asked = 0;
    api.on(`GET /jobs/${jobId}/results`, (request, response) => {
      asked += 1;
      const after = Number(new URL(request.url ?? '', api.url).searchParams.get('after'));
      if (asked > 1) return response.end(lines.slice(after).join(''));
      // Two whole lines and half of the third, then the process is gone.
      return response.write(lines.slice(0, 2).join('') + lines[2]?.slice(0, 20));
    });
    const running = start(words('--follow'));
    await running.shown(/"row":1/);
    await api.stop();
    await running.shown(/connection lost/);
    await api.start();
    const ended = await running.ended;
    expect(
      ended.out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { row: number }).row),
    ).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(ended.err).to.match(/trying again in [\d.]+ s[^]*connected again; going on after result 2/);
    expect(ended.code).to.equal(0);
  });

  it('leaves the job running at Ctrl-C and says how to go on', async () => {
    job('', { status: 'running' });
    api.on(`GET /jobs/${jobId}/results`, (_request, response) => response.write(envelope(0, '1')));
    const running = start(words('--follow'));
    await running.shown(/"row":0/);
    running.child.kill('SIGINT');
    const ended = await running.ended;
    expect(ended.code).to.equal(130);
    expect(ended.err).to.contain(`jobs results ${jobId} --follow --after 1`);
    expect(api.seen.some(({ url }) => url.endsWith('/cancel'))).to.equal(false);
  });

  it('stops when the reader of its output goes away', async () => {
    job('', { status: 'running' });
    api.on(`GET /jobs/${jobId}/results`, (_request, response) => {
      const timer = setInterval(() => response.write(envelope(0, '1')), 5);
      response.on('close', () => clearInterval(timer));
    });
    const running = start(words('--follow', '--quiet'));
    await running.shown(/"row":0/);
    running.child.stdout?.destroy();
    expect((await running.ended).code).to.equal(74);
  });

  it('draws its progress on a terminal, and keeps it out of stdout', async () => {
    const lines = Array.from({ length: 40 }, (_none, row) => envelope(row, '1') + end(row, 'succeeded'));
    job('', { last_sequence: 80, rows: { total: 40, ended: 40, failed: 0, waiting_reason: null } });
    api.on(`GET /jobs/${jobId}/results`, (_request, response) => {
      const timer = setInterval(() => {
        const line = lines.shift();
        if (line !== undefined) return response.write(line);
        clearInterval(timer);
        return response.end();
      }, 10);
    });
    const out = join(folder, 'out.jsonl');
    const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
    const shell = `${words('--follow').map(quoted).join(' ')} > ${quoted(out)}`;
    const ended = await start(['script', '-qec', shell, '/dev/null']).ended;
    expect(ended.out.replaceAll('\u001B', '<esc>')).to.match(/\r<esc>\[2K\[#+\.*\] \d+\/40 rows/);
    expect(ended.out).to.contain('40 rows in');
    expect((await readFile(out, 'utf8')).split('\n')).to.have.length(41);
  });

  it('tells refused, wrong and unreachable apart by its exit status', async () => {
    const wrong = await start(words(), { env: { IAM_CONTROL_PLANE_TOKEN: 'other' } }).ended;
    expect(wrong).to.include({ code: 77 });
    expect(wrong.err).to.match(/^error unauthorized: no valid token\nhelp: /);
    api.json('POST /jobs', 409, { error: { code: 'idempotency_conflict', detail: 'another body' } });
    expect((await run([])).code).to.equal(65);
    api.on('POST /jobs', (_request, response) => response.writeHead(302, { location: 'http://other/' }).end());
    expect((await run([])).err).to.contain('http://other/');
    api.on('POST /jobs', (request) => request.socket.destroy());
    const broken = await run(['--idempotency-key', 'k9']);
    expect(broken.code).to.equal(75);
    expect(broken.err).to.contain('--idempotency-key k9 makes it only once');
    await api.stop();
    const gone = await run([]);
    expect(gone.code).to.equal(69);
    expect(gone.err).to.match(/^error unreachable: .*ECONNREFUSED[^]*help: /);
  });

  it('is strict about its words, and helps', async () => {
    const exit = async (...args: readonly string[]): Promise<Ended> => start([process.execPath, main, ...args]).ended;
    const [typo, missing, number, help, clear] = await Promise.all([
      exit('rum'),
      exit('run', 'x'),
      exit(...words('--concurrency', '0').slice(2)),
      exit('run', '--help'),
      exit('agents', 'list', '--url', 'http://example.com'),
    ]);
    expect([typo.code, missing.code, number.code, help.code, clear.code]).to.deep.equal([2, 2, 2, 0, 2]);
    expect(typo.err).to.contain('Did you mean run?');
    expect(help.out).to.match(/Examples:[^]*Exit status:/);
    expect(clear.err).to.contain('clear text');
    expect([typo, missing, number, clear].map(({ err }) => / {4}at /.test(err))).to.deep.equal([
      false,
      false,
      false,
      false,
    ]);
  });
});
