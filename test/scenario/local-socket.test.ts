// `status`, `exec` and `runs` beside a running agent: real processes, a real control plane, an endpoint that answers from a script.
import { expect } from 'chai';
import { statSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { statusSchema, type Status } from '../../agent/local/status.ts';
import { ControlPlane, type Finished, Host, Program, scratch } from '../support/programs.ts';
import {
  errorAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
  type Step,
  xmlAnswer,
} from '../support/scripted-endpoint.ts';

const member =
  '<member><UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status></member>';
const listed = `<AccessKeyMetadata>${member}</AccessKeyMetadata><IsTruncated>false</IsTruncated>`;
const noKeys = '<AccessKeyMetadata></AccessKeyMetadata><IsTruncated>false</IsTruncated>';
const created =
  '<AccessKey><UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000009</AccessKeyId><Status>Active</Status>' +
  '<SecretAccessKey>wJalrXUtnFEMI/NEW/SECRETEXAMPLEKEY</SecretAccessKey><CreateDate>2026-01-01T00:00:00Z</CreateDate></AccessKey>';

const listing = ['exec', 'list_access_keys', '--connection', 'prod', '--set', 'Username={{ user }}', '--rows', '-'];
const creating = ['exec', 'create_access_key', '--connection', 'prod', '--set', 'Username={{ user }}', '--rows', '-'];
const csv = (count: number): string => `user\n${Array.from({ length: count }, (_, row) => `user-${row}\n`).join('')}`;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(test: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await pause(20);
  }
}

describe('the local socket of a running agent', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  let agent: Program;

  const statusOf = async (): Promise<{ ended: Finished; status: Status }> => {
    const ended = await host.command(['status', '--json']);
    expect(ended.stdout, ended.stderr).to.match(/^\{.*\}\n$/);
    return { ended, status: statusSchema.parse(JSON.parse(ended.stdout)) };
  };
  const restart = async (): Promise<void> => {
    agent = host.run();
    await agent.logged('link.welcomed');
  };
  const execProgram = (args: readonly string[], input: string): Program => {
    const program = new Program('agent', [...args, '--config', host.config]);
    program.child.stdin?.end(input);
    return program;
  };
  const callsOf = (operation: string): number => endpoint.requests.filter((one) => one.operation === operation).length;

  before(async () => {
    folder = await scratch();
    endpoint = await startScriptedEndpoint();
    plane = await new ControlPlane(join(folder.path, 'plane')).start();
    host = await Host.make(join(folder.path, 'host'), plane.url, { endpoint: endpoint.url, reconnectSeconds: 1 });
    const notRunning = await host.command(['status']);
    expect(notRunning.status).to.equal(69);
    expect(notRunning.stderr).to.include('agent_not_running').and.include('systemctl start iam-agent');
    const paired = await host.pair(await plane.invite('host-1'));
    expect(paired.status, paired.stderr).to.equal(0);
    await restart();
  });

  after(async () => {
    await agent.kill('SIGTERM');
    await plane.kill('SIGTERM');
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  const answering = ({ operation, params }: { operation: string; params: URLSearchParams }): Step => {
    if (params.get('UserName') === 'nobody') return errorAnswer(404, 'NoSuchEntity', 'gone');
    return operation === 'CreateAccessKey' ? xmlAnswer(operation, created) : xmlAnswer(operation, listed);
  };
  beforeEach(() => endpoint.play(answering));

  it('is a file for its own user alone, and goes away with the agent', async () => {
    const socket = join(host.stateDir, 'agent.sock');
    expect(statSync(socket).isSocket()).to.equal(true);
    expect(statSync(socket).mode & 0o777).to.equal(0o600);
    expect(statSync(host.stateDir).mode & 0o777).to.equal(0o700);
    await agent.kill('SIGTERM');
    expect(statSync(socket, { throwIfNoEntry: false })).to.equal(undefined);
    await restart();
    await agent.kill('SIGKILL');
    expect(statSync(socket).isSocket()).to.equal(true);
    expect((await host.command(['status'])).status).to.equal(69);
    await restart();
    expect((await host.command(['status'])).status).to.equal(0);
  });

  it('says how the agent stands: connected, and not', async () => {
    const { ended, status } = await statusOf();
    expect(ended.status).to.equal(0);
    expect(status.agent).to.include({ name: 'host-1', pid: agent.child.pid, draining: false });
    expect(status.control_plane.url).to.equal(plane.url);
    expect(status.link).to.include({ state: 'connected', next_dial_at: null, last_error: null });
    expect(status.clock_skew_ms).to.be.a('number');
    expect(status.spool.quota_bytes).to.be.greaterThan(0);
    const text = await host.command(['status']);
    expect(text.status).to.equal(0);
    expect(text.stdout)
      .to.match(/^agent +host-1, version /)
      .and.match(/^link +connected for .*, session \d+$/m);

    await plane.kill('SIGKILL');
    await agent.logged('link.unreachable');
    const away = await statusOf();
    expect(away.ended.status).to.equal(75);
    expect(away.status.link.state).to.be.oneOf(['waiting', 'connecting']);
    expect(away.status.link.last_error).to.include({ event: 'link.unreachable', reason: 'ECONNREFUSED' });
    expect(away.status.errors.map(({ event }) => event)).to.include('link.unreachable');
    const awayText = await host.command(['status']);
    expect(awayText.status).to.equal(75);
    expect(awayText.stdout)
      .to.match(/^link +not connected for /m)
      .and.include('ECONNREFUSED');
    await plane.start();
    await until(async () => (await statusOf()).status.link.state === 'connected', 'the link is back');
  });

  it('shows a job that runs, and one that waits', async () => {
    endpoint.play(() => ({ kind: 'hang' }));
    const target = ['--agent', 'host-1', '--connection', 'prod'];
    const made = await plane.command(
      ['run', 'list_access_keys', ...target, '--set', 'Username={{ user }}', '--rows', '-'],
      csv(9),
    );
    expect(made.status, made.stderr).to.equal(0);
    await until(() => endpoint.requests.length === 4, 'four rows are under way');
    const { status } = await statusOf();
    expect(status.jobs).to.have.length(1);
    expect(status.jobs[0]).to.include({
      job: made.stdout.trim(),
      action: 'list_access_keys',
      connection: 'prod',
      rows: 9,
      rows_done: 0,
      rows_waiting: 9,
    });
    expect((await host.command(['status'])).stdout).to.include(made.stdout.trim());
    expect((await plane.command(['jobs', 'cancel', made.stdout.trim()])).status).to.equal(0);
    await agent.kill('SIGKILL');
    endpoint.play(answering);
    await restart();
    await until(async () => (await statusOf()).status.jobs.length === 0, 'the cancelled job is closed');
  });

  it('runs exec: the same lines as without an agent, and in the order of the rows when asked', async () => {
    const rows = '{"user":"alice"}\n{"user":"nobody"}\n{"user":"bob"}\n';
    const through = await host.command([...listing, '--concurrency', '1'], rows);
    expect(through.status, through.stderr).to.equal(1);
    expect(through.stderr).to.match(/^3 rows in .*: 2 succeeded, 1 failed; 3 results\n$/);
    expect(agent.logs('run.ended').at(-1)).to.include({ end: 'completed', rows: 3, succeeded: 2, failed: 1 });
    const alone = await Host.make(join(folder.path, 'alone'), 'http://127.0.0.1:9', { endpoint: endpoint.url });
    const here = await alone.command([...listing, '--concurrency', '1'], rows);
    expect(here.status).to.equal(1);
    expect(through.stdout).to.equal(here.stdout);
    for (const format of ['table', 'csv']) {
      const shown = [...listing, '--concurrency', '1', '--format', format];
      expect((await host.command(shown, rows)).stdout).to.equal((await alone.command(shown, rows)).stdout);
    }

    endpoint.play(({ params }) =>
      xmlAnswer('ListAccessKeys', listed, { afterMs: params.get('UserName') === 'user-0' ? 300 : 5 }),
    );
    const ordered = await host.command([...listing, '--ordered'], csv(30));
    expect(ordered.status).to.equal(0);
    const order = ordered.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { row: number }).row);
    expect(order).to.deep.equal(Array.from({ length: 30 }, (_, row) => row));
    const asTheyCome = await host.command(listing, csv(30));
    expect((JSON.parse(asTheyCome.stdout.split('\n')[0] ?? '') as { row: number }).row).not.to.equal(0);
  });

  it('refuses with the same codes and statuses as alone, and keeps to the policy of the running agent', async () => {
    for (const [words, code] of [
      [['exec', 'list_access_keys', '--connection', 'nowhere', '--set', 'Username=a'], 'unknown_connection'],
      [['exec', 'list_acces_keys', '--connection', 'prod'], 'unknown_action'],
      [['exec', 'list_access_keys', '--connection', 'prod', '--set', 'User=a'], 'unknown_input'],
      [['exec', 'list_access_keys', '--connection', 'prod'], 'missing_input'],
    ] as const) {
      const { status, stderr } = await host.command(words);
      expect(status, code).to.equal(65);
      expect(stderr).to.include(code);
    }
    const bad = await host.command(listing, '{"user":"alice"}\nnot a row\n');
    expect(bad.status).to.equal(65);
    expect(bad.stdout.trim().split('\n')).to.have.length(1);
    expect(bad.stderr).to.include('row_malformed');

    const narrow = await Host.make(join(folder.path, 'narrow'), plane.url, { endpoint: endpoint.url, allow: ['list'] });
    const other = join(host.folder, 'other.yaml');
    await appendFile(other, await (await import('node:fs/promises')).readFile(narrow.config, 'utf8'), { mode: 0o600 });
    const program = new Program('agent', [...creating, '--dry-run', '--config', other]);
    program.child.stdin?.end('user\nalice\n');
    expect(await program.exited, program.stderr).to.equal(0);
    expect(program.stderr).to.include('warning: the running agent has connection "prod" otherwise than');
    expect(callsOf('CreateAccessKey')).to.equal(0);
  });

  it('stops at Ctrl-C: no further row starts, reads under way are cut off', async () => {
    endpoint.play(() => ({ kind: 'hang' }));
    const program = execProgram(listing, csv(50));
    await until(() => endpoint.requests.length === 4, 'four rows are under way');
    program.child.kill('SIGINT');
    expect(await program.exited).to.equal(130);
    await until(() => agent.logs('run.ended').at(-1)?.['end'] === 'cancelled', 'the run ended as cancelled');
    expect(endpoint.requests).to.have.length(4);
  });

  it('lets a change under way end after Ctrl-C, and prints it', async () => {
    endpoint.play(({ operation }) =>
      operation === 'CreateAccessKey' ? xmlAnswer(operation, created, { afterMs: 700 }) : xmlAnswer(operation, noKeys),
    );
    const program = execProgram([...creating, '--concurrency', '1'], csv(20));
    await until(() => callsOf('CreateAccessKey') === 1, 'a key is being created');
    program.child.kill('SIGINT');
    expect(await program.exited).to.equal(130);
    expect(program.stdout.trim().split('\n')).to.have.length(1);
    expect(program.stdout).to.include('AKIAEXAMPLE000000009');
    expect(callsOf('CreateAccessKey')).to.equal(1);
  });

  it('keeps what a caller that went away did not see, and does not repeat it by itself', async () => {
    endpoint.play(({ operation }) =>
      operation === 'CreateAccessKey' ? xmlAnswer(operation, created, { afterMs: 500 }) : xmlAnswer(operation, noKeys),
    );
    const command = ['exec', 'create_access_key', '--connection', 'prod', '--set', 'Username=lost-one'];
    const program = execProgram(command, '');
    await until(() => callsOf('CreateAccessKey') === 1, 'a key is being created');
    await program.kill('SIGKILL');
    await until(() => agent.logs('run.ended').at(-1)?.['end'] === 'lost', 'the run ended as lost');
    const again = await host.command(command);
    expect(again.status).to.equal(77);
    expect(again.stderr).to.include('run_interrupted');
    expect(callsOf('CreateAccessKey')).to.equal(1);
    const run = /--again (\S+)/.exec(again.stderr)?.[1] ?? '';
    const shown = await host.command(['runs', run]);
    expect(shown.status, shown.stderr).to.equal(0);
    expect(shown.stdout).to.include('AKIAEXAMPLE000000009');
    const meant = await host.command([...command, '--again', run]);
    expect(meant.status, meant.stderr).to.equal(0);
    expect(callsOf('CreateAccessKey')).to.equal(2);
    expect((await host.command(command)).status).to.equal(0);
  });

  it('after kill -9 of the agent in the middle of a change: one effect, read back at the next start, told everywhere', async () => {
    let effects = 0;
    endpoint.play(({ operation }) => {
      if (operation !== 'CreateAccessKey') return xmlAnswer(operation, effects === 0 ? noKeys : listed);
      effects += 1;
      return { kind: 'hang' };
    });
    const command = ['exec', 'create_access_key', '--connection', 'prod', '--set', 'Username=crash-one'];
    const program = execProgram(command, '');
    await until(() => effects === 1, 'the change left');
    await agent.kill('SIGKILL');
    expect(await program.exited).to.equal(69);
    expect(program.stderr).to.include('agent_not_running').and.include('iam-agent runs ');
    const run = /iam-agent runs (\S+)/.exec(program.stderr)?.[1] ?? '';

    await restart();
    await agent.logged('run.interrupted');
    const [told] = await agent.logged('run.read_back');
    expect(told).to.include({ run, action: 'create_access_key', connection: 'prod', unknown: 1 });
    expect(effects).to.equal(1);
    const { status } = await statusOf();
    expect(status.runs.recent[0]).to.include({ run, end: 'interrupted', action: 'create_access_key' });
    expect(status.runs.open).to.deep.equal([]);
    const shown = await host.command(['runs', run]);
    expect(shown.stdout).to.include('"error_code":"outcome_unknown"');
    const again = await host.command(command);
    expect(again.status).to.equal(77);
    expect(again.stderr).to.include('run_interrupted').and.include(run);
    expect(effects).to.equal(1);
  });

  it('takes no exec while it drains, and ends those under way like rows of a job', async () => {
    endpoint.play(({ operation }) =>
      operation === 'CreateAccessKey'
        ? xmlAnswer(operation, created, { afterMs: 1_500 })
        : xmlAnswer(operation, noKeys),
    );
    const program = execProgram([...creating, '--concurrency', '1', '--set', 'Role Arn='], csv(20));
    await until(() => callsOf('CreateAccessKey') === 1, 'a key is being created');
    agent.child.kill('SIGTERM');
    await agent.logged('agent.draining');
    const refused = await host.command(listing, csv(1));
    expect(refused.status).to.equal(75);
    expect(refused.stderr).to.include('agent_draining');
    expect(await program.exited).to.equal(75);
    expect(program.stdout).to.include('AKIAEXAMPLE000000009');
    expect(program.stderr).to.include('agent_draining').and.include('1 row has ended');
    expect(callsOf('CreateAccessKey')).to.equal(1);
    expect(await agent.exited).to.equal(0);
    await restart();
  });

  it('without an agent, uses the same journal: a change that was cut off is found by whoever comes next', async () => {
    await agent.kill('SIGTERM');
    let effects = 0;
    endpoint.play(({ operation }) => {
      if (operation !== 'CreateAccessKey') return xmlAnswer(operation, effects === 0 ? noKeys : listed);
      effects += 1;
      return { kind: 'hang' };
    });
    const command = ['exec', 'create_access_key', '--connection', 'prod', '--set', 'Username=alone-one'];
    const program = execProgram(command, '');
    await until(() => effects === 1, 'the change left');
    await program.kill('SIGKILL');
    const again = await host.command(command);
    expect(again.status).to.equal(77);
    expect(again.stderr).to.include('run_interrupted').and.include('being read back');
    const list = await host.command(['runs', '--json']);
    const [newest] = (JSON.parse(list.stdout) as { runs: { run: string; end: string; rows: object }[] }).runs;
    expect(newest).to.deep.include({ end: 'interrupted', rows: { unknown: 1 } });
    expect((await host.command(['runs', newest?.run ?? ''])).stdout).to.include('outcome_unknown');
    expect(effects).to.equal(1);
    await restart();
  });
});
