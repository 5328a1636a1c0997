// `iam-agent exec` as people use it: a real process against an endpoint that answers from a script.
import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Host, Program, scratch } from '../../support/programs.ts';
import {
  errorAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
  xmlAnswer,
} from '../../support/scripted-endpoint.ts';

const member =
  '<member><UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status></member>';
const listed = `<AccessKeyMetadata>${member}</AccessKeyMetadata><IsTruncated>false</IsTruncated>`;

describe('iam-agent exec', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let endpoint: ScriptedEndpoint;
  let host: Host;

  before(async () => {
    folder = await scratch();
    endpoint = await startScriptedEndpoint();
    host = await Host.make(join(folder.path, 'host'), 'http://127.0.0.1:9', {
      endpoint: endpoint.url,
      allow: ['list'],
    });
  });

  after(async () => {
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    endpoint.play(({ params }) =>
      params.get('UserName') === 'nobody'
        ? errorAnswer(404, 'NoSuchEntity', 'gone')
        : xmlAnswer('ListAccessKeys', listed),
    );
  });

  const listing = ['exec', 'list_access_keys', '--connection', 'prod', '--set', 'Username={{ user }}'];

  it('marks what it makes with a name of its own, if the connection marks', async () => {
    const marking = await Host.make(join(folder.path, 'marking'), 'http://127.0.0.1:9', {
      endpoint: endpoint.url,
      allow: ['create_user'],
      more: '    mark_created: true',
    });
    const values: unknown[] = [];
    for (let run = 0; run < 2; run += 1) {
      const set = ['--set', 'Username={{ user }}', '--rows', '-', '--dry-run'];
      const { stdout } = await marking.command(['exec', 'create_user', '--connection', 'prod', ...set], 'user\na\nb\n');
      const lines = stdout.trim().split('\n');
      for (const line of lines) {
        const { row, result } = JSON.parse(line) as { row: number; result: { DryRun: { Input: { Tags: unknown } } } };
        const [tag] = result.DryRun.Input.Tags as { Key: string; Value: string }[];
        expect(tag?.Key).to.equal('iam-agent:job');
        expect(tag?.Value).to.match(new RegExp(`^[0-9a-f-]{36}/${row}$`));
        values.push(tag?.Value);
      }
    }
    expect(new Set(values).size).to.equal(4);
  });

  it('prints JSON Lines on stdout and a summary on stderr, and exits 0 when no row failed', async () => {
    const { status, stdout, stderr } = await host.command([...listing, '--rows', '-'], 'user\nalice\n');
    expect(status, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal({
      row: 0,
      item: 0,
      UserName: 'alice',
      AccessKeyId: 'AKIAEXAMPLE000000001',
      Status: 'Active',
      error: null,
      has_error: false,
    });
    expect(stderr).to.match(/^1 row in .*: 1 succeeded; 1 result/m);
  });

  it('exits 1 when a row failed, and ran the others', async () => {
    const { status, stdout } = await host.command([...listing, '--rows', '-'], '{"user":"nobody"}\n{"user":"alice"}\n');
    expect(status).to.equal(1);
    expect(stdout.trim().split('\n')).to.have.length(2);
    expect(stdout).to.include('"error_code":"aws_error"');
  });

  it('ends a row at its own deadline, whatever it waits for, and says so', async () => {
    endpoint.play(() => errorAnswer(400, 'Throttling', 'Rate exceeded'));
    const startedAt = performance.now();
    const { status, stdout } = await host.command([...listing, '--rows', '-', '--row-deadline', '1'], 'user\nalice\n');
    expect(status).to.equal(1);
    expect(JSON.parse(stdout)).to.include({ has_error: true, error_code: 'row_deadline' });
    expect(performance.now() - startedAt).to.be.lessThan(60_000);
    expect((await host.command([...listing, '--row-deadline', '0'])).status).to.equal(2);
  });

  it('reads rows from CSV, JSON Lines and a JSON array', async () => {
    for (const [name, text] of [
      ['rows.csv', 'user\nalice\nbob\n'],
      ['rows.jsonl', '{"user":"alice"}\n{"user":"bob"}\n'],
      ['rows.json', '[{"user":"alice"},{"user":"bob"}]'],
    ] as const) {
      const path = join(folder.path, name);
      await writeFile(path, text);
      const { status, stdout } = await host.command([...listing, '--rows', path]);
      expect(status, name).to.equal(0);
      expect(stdout.trim().split('\n'), name).to.have.length(2);
    }
  });

  it('runs what came before a bad row, and says where it is', async () => {
    const { status, stdout, stderr } = await host.command([...listing, '--rows', '-'], '{"user":"alice"}\nnot a row\n');
    expect(status).to.equal(65);
    expect(stdout.trim().split('\n')).to.have.length(1);
    expect(stderr).to.include('row_malformed').and.include('2');
  });

  it('runs one empty row without --rows', async () => {
    const { status, stdout } = await host.command([
      'exec',
      'list_access_keys',
      '--connection',
      'prod',
      '--set',
      'Username=alice',
    ]);
    expect(status).to.equal(0);
    expect(stdout).to.include('"row":0');
  });

  it('refuses before any call what the host does not allow, and names the line', async () => {
    const denied = await host.command(['exec', 'create_access_key', '--connection', 'prod', '--set', 'Username=alice']);
    expect(denied.status).to.equal(77);
    expect(denied.stderr).to.include('action_not_allowed').and.include('- create_access_key');
    for (const [words, code] of [
      [['exec', 'list_access_keys', '--connection', 'nowhere', '--set', 'Username=a'], 'unknown_connection'],
      [['exec', 'list_acces_keys', '--connection', 'prod'], 'unknown_action'],
      [['exec', 'list_access_keys', '--connection', 'prod', '--set', 'User=a'], 'unknown_input'],
      [['exec', 'list_access_keys', '--connection', 'prod'], 'missing_input'],
      [['exec', 'list_access_keys', '--connection', 'prod', '--set', 'Username={{ a b }}'], 'template_syntax'],
    ] as const) {
      const { status, stderr } = await host.command(words);
      expect(status, code).to.equal(65);
      expect(stderr).to.include(code);
    }
    expect(endpoint.requests).to.have.length(0);
  });

  it('is told how to use it by a usage error and by --help', async () => {
    const wrong = await host.command(['exec', 'list_access_keys']);
    expect(wrong.status).to.equal(2);
    expect(wrong.stderr).to.include('--connection');
    const help = await host.command(['exec', '--help']);
    expect(help.status).to.equal(0);
    expect(help.stdout).to.include('--rows').and.include('Exit status');
  });

  it('says every problem of a wrong configuration and calls nothing', async () => {
    const config = join(folder.path, 'wrong.yaml');
    await writeFile(config, 'control_plane: { url: 7 }\nconections: []\n', { mode: 0o600 });
    const program = new Program('agent', [...listing, '--config', config]);
    expect(await program.exited).to.equal(78);
    expect(program.stderr).to.include('wrong.yaml:1').and.include('wrong.yaml:2').and.include('connections');
  });

  it('stops at a signal and exits 130', async () => {
    endpoint.play(() => ({ kind: 'hang' }));
    const program = new Program('agent', [...listing, '--rows', '-', '--config', host.config]);
    program.child.stdin?.end('user\nalice\n');
    while (endpoint.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    program.child.kill('SIGINT');
    expect(await program.exited).to.equal(130);
  });

  it('prints a table and CSV', async () => {
    const table = await host.command([...listing, '--rows', '-', '--format', 'table'], 'user\nalice\n');
    expect(table.stdout.split('\n')[0]).to.include('AccessKeyId');
    const csv = await host.command([...listing, '--rows', '-', '--format', 'csv'], 'user\nalice\n');
    expect(csv.stdout.split('\n')[0]).to.include('row').and.include('AccessKeyId');
  });
});
