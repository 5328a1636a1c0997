import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, jobId, main, start, StubApi, view } from './stub-api.ts';

describe('iam-control-plane agents, jobs and tokens', function () {
  this.timeout(30_000);
  let api: StubApi;
  let folder: string;
  beforeEach(async () => {
    api = new StubApi();
    await api.start();
    folder = await mkdtemp(join(tmpdir(), 'cli-agents-'));
    await writeFile(join(folder, 'endpoint'), `${api.url}\n`);
    await writeFile(join(folder, 'admin-token'), 'secret\n', { mode: 0o600 });
  });
  afterEach(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });
  const cli = (...words: readonly string[]): Promise<Ended> =>
    start([process.execPath, main, ...words, '--data-dir', folder], { env: { IAM_CONTROL_PLANE_TOKEN: '' } }).ended;

  it('adds an agent: code, fingerprint and the command to paste', async () => {
    const pairing = {
      agent: 'web-1',
      code: 'ABCD',
      fingerprint: 'f'.repeat(43),
      url: 'https://cp',
      expires_at: '2026-01-01T00:00:00.000Z',
    };
    api.json('POST /agents', 201, pairing).json('POST /agents/web-1/code', 201, pairing);
    const [text, json, again] = await Promise.all([
      cli('agents', 'add', 'web-1'),
      cli('agents', 'add', 'web-1', '--json'),
      cli('agents', 'code', 'web-1', '--json'),
    ]);
    expect(text.out).to.contain('iam-agent pair https://cp\n').and.to.contain('ABCD').and.to.contain('f'.repeat(43));
    expect(JSON.parse(json.out)).to.deep.equal(pairing);
    expect(again.out).to.equal(json.out);
    expect(api.seen.filter(({ url }) => url === '/api/v1/agents').map(({ body }) => body)).to.deep.equal([
      '{"name":"web-1"}',
      '{"name":"web-1"}',
    ]);
  });

  it('lists agents harmlessly, revokes and clears them', async () => {
    const agents = [
      {
        agent: 'web-1',
        status: 'online',
        paired_at: null,
        last_seen_at: null,
        version: '\u001B[2J1',
        connections: [{ label: 'prod' }],
      },
    ];
    api
      .json('GET /agents', 200, { agents })
      .json('DELETE /agents/web-1', 200, {})
      .json('POST /agents/web-1/clear', 200, {});
    const list = await cli('agents', 'list');
    expect(list.out).to.match(/^AGENT +STATUS.*\nweb-1 +online +- +\\e\[2J1 +prod\n$/);
    expect(JSON.parse((await cli('agents', 'list', '--json')).out)).to.deep.equal({ agents });
    expect((await cli('agents', 'revoke', 'web-1')).code).to.equal(0);
    expect((await cli('agents', 'clear', 'web-1')).code).to.equal(0);
    expect((await cli('agents', 'revoke', '../jobs')).code).to.equal(65);
    expect(api.seen.at(-1)?.url).to.equal('/api/v1/agents/..%2Fjobs');
  });

  it('lists, shows, prints and cancels jobs', async () => {
    const refused = view({ status: 'rejected', refusal: { code: 'unknown_connection', detail: 'no prod' } });
    api
      .json('GET /jobs', 200, { jobs: [view()] })
      .json(`GET /jobs/${jobId}`, 200, refused)
      .json(`POST /jobs/${jobId}/cancel`, 202, view());
    const line = '{"row":3,"envelope":{"result":1,"error":null,"has_error":false}}\n';
    api.on(`GET /jobs/${jobId}/results`, (_request, response) => response.end(line));
    const list = await cli('jobs', 'list', '--agent', 'web-1', '--limit', '5');
    expect(list.out).to.contain(`${jobId}  completed  web-1`);
    expect(api.seen[0]?.url).to.equal('/api/v1/jobs?agent=web-1&limit=5');
    expect((await cli('jobs', 'show', jobId)).out).to.match(
      /refused +unknown_connection: no prod\nhelp +'iam-control-plane agents list'/,
    );
    expect(JSON.parse((await cli('jobs', 'show', jobId, '--json')).out)).to.deep.equal(refused);
    const results = await cli('jobs', 'results', jobId, '--after', '7', '--format', 'csv');
    expect(results.out).to.equal('row,item,has_error,error_code,error,result,more\n3,,false,,,1,\n');
    expect(results.code).to.equal(1);
    expect(api.seen.some(({ url }) => url.endsWith('/results?after=7'))).to.equal(true);
    expect((await cli('jobs', 'cancel', jobId)).code).to.equal(0);
  });

  it('makes a token that is alone on stdout, lists and deletes', async () => {
    const made = { id: 'id-1', name: 'ci', role: 'operator', created_at: '2026-01-01T00:00:00.000Z', token: 'tok' };
    api
      .json('POST /tokens', 201, made)
      .json('GET /tokens', 200, { tokens: [made] })
      .json('DELETE /tokens/id-1', 200, {});
    expect(await cli('tokens', 'create', 'ci', '--role', 'operator')).to.deep.include({ code: 0, out: 'tok\n' });
    expect((await cli('tokens', 'create', 'ci', '--role', 'root')).code).to.equal(2);
    expect((await cli('tokens', 'list')).out)
      .to.match(/id-1 +ci +operator +2026-01-01T00:00:00Z/)
      .and.to.not.contain('tok\n');
    expect((await cli('tokens', 'delete', 'id-1')).code).to.equal(0);
  });

  it('refuses a token file that others can read, and a directory without a server', async () => {
    const file = join(folder, 'open');
    await writeFile(file, 'secret\n', { mode: 0o644 });
    const exposed = await start([process.execPath, main, 'agents', 'list', '--url', api.url, '--token-file', file])
      .ended;
    expect(exposed.code).to.equal(77);
    expect(exposed.err).to.match(/^error secret_file_exposed: .*0644\)\nhelp: chmod 600 /);
    await rm(join(folder, 'endpoint'));
    const none = await cli('agents', 'list');
    expect(none.code).to.equal(74);
    expect(none.err).to.contain('help: is');
    expect(api.seen).to.have.length(0);
  });
});
