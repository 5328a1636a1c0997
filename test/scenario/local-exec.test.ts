// `iam-agent exec` through a running agent: real processes, an endpoint that answers from a script.
import { expect } from 'chai';
import { askExec } from '../../agent/io/local-client.ts';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Host, Program } from '../support/programs.ts';
import {
  created,
  creating,
  csv,
  noKeys,
  listed,
  listing,
  LocalAgent,
  newKey,
  slowCreation,
  until,
} from '../support/local-agent.ts';
import { xmlAnswer } from '../support/scripted-endpoint.ts';

const rowsOf = (stdout: string): number[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { row: number }).row);

describe('iam-agent exec through a running agent', function () {
  // Many starts of programs, one after the other.
  this.timeout(60_000);
  let local: LocalAgent;
  let alone: Host;
  before(async () => {
    local = await LocalAgent.start();
    alone = await Host.make(join(local.folder, 'alone'), 'http://127.0.0.1:9', { endpoint: local.endpoint.url });
  });
  after(() => local.stop());
  beforeEach(() => local.answer());

  it('prints the same bytes as without an agent, whatever the format', async () => {
    const rows = '{"user":"alice"}\n{"user":"nobody"}\n{"user":"bob"}\n';
    const one = [...listing, '--concurrency', '1'];
    const through = await local.host.command(one, rows);
    expect(through.status, through.stderr).to.equal(1);
    expect(through.stderr).to.match(/^3 rows in .*: 2 succeeded, 1 failed; 3 results\n$/);
    const told = { end: 'completed', rows: 3, succeeded: 2, failed: 1, action: 'list_access_keys', connection: 'prod' };
    expect(local.agent.logs('run.ended').at(-1)).to.include(told);
    const here = await alone.command(one, rows);
    expect(here.status).to.equal(1);
    expect(through.stdout).to.equal(here.stdout);
    const csvLines = [...one, '--format', 'csv'];
    expect((await local.host.command(csvLines, rows)).stdout).to.equal((await alone.command(csvLines, rows)).stdout);
  });

  it('prints in the order of the rows when asked, and as they come otherwise', async () => {
    local.endpoint.play(({ params }) =>
      xmlAnswer('ListAccessKeys', listed, { afterMs: params.get('UserName') === 'user-0' ? 400 : 5 }),
    );
    const ordered = await local.host.command([...listing, '--ordered'], csv(30));
    expect(ordered.status).to.equal(0);
    expect(rowsOf(ordered.stdout)).to.deep.equal(Array.from({ length: 30 }, (_, row) => row));
    const asTheyCome = rowsOf((await local.host.command(listing, csv(30))).stdout);
    expect(asTheyCome[0]).not.to.equal(0);
    expect(asTheyCome.toSorted((one, other) => one - other)).to.deep.equal(Array.from({ length: 30 }, (_, row) => row));
  });

  it('refuses with the same codes and statuses as alone', async () => {
    for (const [words, code] of [
      [['exec', 'list_acces_keys', '--connection', 'prod'], 'unknown_action'],
      [['exec', 'list_access_keys', '--connection', 'prod', '--set', 'Username={{ a b }}'], 'template_syntax'],
    ] as const) {
      const { status, stderr } = await local.host.command(words);
      expect(status, code).to.equal(65);
      expect(stderr).to.include(code);
    }
    expect(local.agent.logs('run.refused').at(-1)).to.include({ code: 'template_syntax' });
    expect(local.endpoint.requests).to.have.length(0);
    const bad = await local.host.command(listing, '{"user":"alice"}\nnot a row\n');
    expect(bad.status).to.equal(65);
    expect(bad.stdout.trim().split('\n')).to.have.length(1);
    expect(bad.stderr).to.include('row_malformed');
  });

  it('keeps to what the running agent allows, and says when the file differs', async () => {
    const config = join(local.host.folder, 'narrow.yaml');
    const text = await readFile(local.host.config, 'utf8');
    expect(text).to.include('allow: ["*"]');
    await writeFile(config, text.replace('allow: ["*"]', 'allow: ["list"]'), { mode: 0o600 });
    const program = new Program('agent', [...creating, '--dry-run', '--config', config]);
    program.child.stdin?.end('user\nalice\n');
    expect(await program.exited, program.stderr).to.equal(0);
    expect(program.stderr).to.include('warning: the running agent has connection "prod" otherwise than');
    expect(program.stdout).to.include('DryRun');
    await copyFile(local.host.config, config);
    const same = new Program('agent', [...creating, '--dry-run', '--config', config]);
    same.child.stdin?.end('user\nalice\n');
    expect(await same.exited).to.equal(0);
    expect(same.stderr).not.to.include('warning');
    expect(local.calls('CreateAccessKey')).to.equal(0);
  });

  it('stops at the first failed row with --on-error stop', async () => {
    const rows = `{"user":"nobody"}\n${'{"user":"alice"}\n'.repeat(20)}`;
    const { status, stdout } = await local.host.command([...listing, '--concurrency', '1', '--on-error', 'stop'], rows);
    expect(status).to.equal(1);
    expect(stdout.trim().split('\n')).to.have.length(1);
    expect(local.endpoint.requests).to.have.length(1);
    expect(local.agent.logs('run.ended').at(-1)).to.include({ end: 'stopped', rows: 1, failed: 1 });
  });

  it('stops at Ctrl-C: no further row starts, reads under way are cut off', async () => {
    local.endpoint.play(() => ({ kind: 'hang' }));
    const program = local.exec(listing, csv(50));
    await until(() => local.endpoint.requests.length === 4, 'four rows are under way');
    program.child.kill('SIGINT');
    expect(await program.exited).to.equal(130);
    await until(() => local.agent.logs('run.ended').at(-1)?.['end'] === 'cancelled', 'the run ended as cancelled');
    expect(local.endpoint.requests).to.have.length(4);
  });

  it('stops at Ctrl-C while it waits for rows', async () => {
    const program = new Program('agent', [...listing, '--config', local.host.config]);
    program.child.stdin?.write('{"user":"alice"}\n');
    await program.until(() => program.stdout.includes('AKIA'), 'the first result');
    program.child.kill('SIGINT');
    expect(await program.exited).to.equal(130);
  });

  it('lets a change under way end after Ctrl-C, and prints it', async () => {
    local.endpoint.play(slowCreation(700));
    const program = local.exec([...creating, '--concurrency', '1'], csv(20));
    await until(() => local.calls('CreateAccessKey') === 1, 'a key is being created');
    program.child.kill('SIGINT');
    expect(await program.exited).to.equal(130);
    expect(program.stdout.trim().split('\n')).to.have.length(1);
    expect(program.stdout).to.include(newKey);
    expect(local.calls('CreateAccessKey')).to.equal(1);
  });

  it('is told when nobody reads its results any more: what was done counts as not seen', async () => {
    local.endpoint.play(slowCreation(150));
    const program = local.exec([...creating, '--concurrency', '1', '--set', 'Role Arn='], csv(50));
    await program.until(() => program.stdout.includes(newKey), 'the first key');
    program.child.stdout?.destroy();
    expect(await program.exited).to.equal(74);
    await until(() => local.agent.logs('run.ended').at(-1)?.['end'] === 'lost', 'the run ended as lost');
    expect(local.calls('CreateAccessKey')).to.be.lessThan(10);
  });

  it('takes turns with jobs: two changes of one user never run side by side', async () => {
    let underWay = 0;
    let most = 0;
    local.endpoint.play(({ operation }) => {
      if (operation !== 'CreateAccessKey') return xmlAnswer(operation, noKeys);
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => (underWay -= 1), 250);
      return xmlAnswer(operation, created, { afterMs: 250 });
    });
    const target = ['--agent', 'host-1', '--connection', 'prod', '--set', 'Username=same', '--rows', '-', '--follow'];
    const rows = '{}\n{}\n{}\n{}\n';
    const both = await Promise.all([
      local.plane.command(['run', 'create_access_key', ...target], rows),
      local.host.command(
        ['exec', 'create_access_key', '--connection', 'prod', '--set', 'Username=same', '--rows', '-'],
        rows,
      ),
    ]);
    expect(both.map(({ status }) => status)).to.deep.equal([0, 0]);
    expect(local.calls('CreateAccessKey')).to.equal(8);
    expect(most).to.equal(1);
  });

  it('takes nothing new while the agent drains, and ends what is under way like rows of a job', async () => {
    local.endpoint.play(slowCreation(2_000));
    const program = local.exec([...creating, '--concurrency', '1', '--set', 'Role Arn= '], csv(20));
    await until(() => local.calls('CreateAccessKey') === 1, 'a key is being created');
    local.agent.child.kill('SIGTERM');
    await local.agent.logged('agent.draining');
    const head = { action: 'list_access_keys', connection: 'prod', inputs: { Username: 'alice' }, options: {} };
    const refused = await askExec(local.client, {
      head: { ...head, config: null, again: null },
      rows: (async function* () {})(),
      started: () => expect.fail('it was started'),
      deliver: () => Promise.resolve(),
      signal: new AbortController().signal,
    });
    expect(refused).to.include({ kind: 'said', code: 'agent_draining' });
    expect((await local.status()).agent.draining).to.equal(true);
    expect(await program.exited).to.equal(75);
    expect(program.stdout).to.include(newKey);
    expect(program.stderr).to.include('agent_draining').and.include('1 row has ended');
    expect(local.calls('CreateAccessKey')).to.equal(1);
    expect(await local.agent.exited).to.equal(0);
    await local.restart();
  });
});

describe('two execs at once', () => {
  let local: LocalAgent;
  before(async () => (local = await LocalAgent.start({ callsPerSecond: 10 })));
  after(() => local.stop());

  it('share one rate', async () => {
    local.answer();
    const at: number[] = [];
    local.endpoint.play(() => {
      at.push(performance.now());
      return xmlAnswer('ListAccessKeys', listed);
    });
    const both = await Promise.all([1, 2].map(() => local.host.command(listing, csv(20))));
    expect(both.map(({ status }) => status)).to.deep.equal([0, 0]);
    expect(at).to.have.length(40);
    // A burst of 10, then 10 a second: the other 30 calls take 3 seconds. Two limiters would take half of that.
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).to.be.greaterThan(2_500);
  });
});
