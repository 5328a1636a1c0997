// A change that `exec` began, and then a process dies: exactly one effect, read back, told to whoever asks, and not repeated by itself.
import { expect } from 'chai';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Host } from '../support/programs.ts';
import {
  created,
  creatingFor,
  csv,
  creating,
  listed,
  LocalAgent,
  newKey,
  noKeys,
  slowCreation,
  until,
} from '../support/local-agent.ts';
import { xmlAnswer } from '../support/scripted-endpoint.ts';

describe('iam-agent exec and crashes', function () {
  // Many starts of programs, one after the other.
  this.timeout(60_000);
  let local: LocalAgent;
  let effects = 0;
  before(async () => (local = await LocalAgent.start()));
  after(() => local.stop());

  /** The change is carried out, and its answer never comes. */
  const hangingCreation = (): void => {
    effects = 0;
    local.endpoint.play(({ operation }) => {
      if (operation !== 'CreateAccessKey') return xmlAnswer(operation, effects === 0 ? noKeys : listed);
      effects += 1;
      return { kind: 'hang' };
    });
  };

  it('keeps what a caller that was killed did not see, and does not repeat it unless that is meant', async () => {
    local.endpoint.play(slowCreation(500));
    const command = creatingFor('lost-one');
    const program = local.exec(command, '');
    await until(() => local.calls('CreateAccessKey') === 1, 'a key is being created');
    await program.kill('SIGKILL');
    await until(() => local.agent.logs('run.ended').at(-1)?.['end'] === 'lost', 'the run ended as lost');
    const again = await local.host.command(command);
    expect(again.status).to.equal(77);
    expect(again.stderr).to.include('run_interrupted');
    expect(local.calls('CreateAccessKey')).to.equal(1);
    const run = /--again (\S+)/.exec(again.stderr)?.[1] ?? '';
    const shown = await local.host.command(['runs', run]);
    expect(shown.status, shown.stderr).to.equal(0);
    expect(shown.stdout).to.include(newKey);
    const meant = await local.host.command([...command, '--again', run]);
    expect(meant.status, meant.stderr).to.equal(0);
    expect(local.calls('CreateAccessKey')).to.equal(2);
    expect((await local.host.command(command)).status).to.equal(0);
  });

  it('kill -9 of the agent in the middle of a change', async () => {
    hangingCreation();
    const command = creatingFor('crash-one');
    const program = local.exec(command, '');
    await until(() => effects === 1, 'the change left');
    await local.agent.kill('SIGKILL');
    expect(await program.exited).to.equal(69);
    expect(program.stderr).to.include('agent_not_running').and.include('iam-agent runs ');
    const run = /iam-agent runs (\S+)/.exec(program.stderr)?.[1] ?? '';

    await local.restart();
    const [found] = await local.agent.logged('run.interrupted');
    expect(found).to.include({ run, underWay: 1 });
    const [told] = await local.agent.logged('run.read_back');
    expect(told).to.include({ run, action: 'create_access_key', connection: 'prod', unknown: 1 });
    expect(effects).to.equal(1);
    const status = await local.status();
    expect(status.runs.recent[0]).to.include({ run, end: 'interrupted', action: 'create_access_key' });
    expect(status.runs.open).to.deep.equal([]);
    expect((await local.host.command(['runs', run])).stdout).to.include('"error_code":"outcome_unknown"');
    const again = await local.host.command(command);
    expect(again.status).to.equal(77);
    expect(again.stderr).to.include('run_interrupted').and.include(run);
    expect(effects).to.equal(1);
  });

  it('kill -9 of the agent in the middle of many: every change happens at most once, and each that began is accounted for', async () => {
    const made: string[] = [];
    local.endpoint.play(({ operation, params }) => {
      const user = params.get('UserName') ?? '';
      if (operation !== 'CreateAccessKey') return xmlAnswer(operation, made.includes(user) ? listed : noKeys);
      made.push(user);
      return xmlAnswer(operation, created, { afterMs: 30 });
    });
    const program = local.exec(creating, csv(200));
    await until(() => made.length >= 40, 'forty keys');
    await local.agent.kill('SIGKILL');
    expect(await program.exited).to.equal(69);
    const run = /iam-agent runs (\S+)/.exec(program.stderr)?.[1] ?? '';
    await local.restart();
    await local.agent.logged('run.read_back');
    expect(new Set(made).size).to.equal(made.length);
    const { stdout } = await local.host.command(['runs', run]);
    const kept = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { row: number; error_code?: string });
    const rows = new Set(kept.map(({ row }) => row));
    expect(rows.size).to.equal(kept.length);
    for (const user of made) expect(rows.has(Number(user.slice('user-'.length))), user).to.equal(true);
    // What was printed was kept before.
    for (const line of program.stdout.trim().split('\n')) expect(stdout.split('\n')).to.include(line);
  });

  it('without an agent: whoever comes next finds it in the same journal', async () => {
    await local.agent.kill('SIGTERM');
    hangingCreation();
    const command = creatingFor('alone-one');
    const program = local.exec(command, '');
    await until(() => effects === 1, 'the change left');
    await program.kill('SIGKILL');
    const again = await local.host.command(command);
    expect(again.status).to.equal(77);
    expect(again.stderr).to.include('run_interrupted').and.include('being read back');
    const list = await local.host.command(['runs', '--json']);
    const [newest] = (JSON.parse(list.stdout) as { runs: { run: string; end: string; rows: object }[] }).runs;
    expect(newest).to.deep.include({ end: 'interrupted', rows: { unknown: 1 } });
    expect((await local.host.command(['runs', newest?.run ?? ''])).stdout).to.include('outcome_unknown');
    expect(effects).to.equal(1);
    await local.restart();
  });

  it('without a journal a change does not leave, unless that is said', async () => {
    const host = await Host.make(join(local.folder, 'sealed-elsewhere'), local.plane.url, {
      endpoint: local.endpoint.url,
    });
    local.endpoint.play(slowCreation(0));
    expect((await host.command(creatingFor('one'))).status).to.equal(0);
    // What came before pairing is in the journal that the agent then uses.
    expect((await host.pair(await local.plane.invite('sealed-elsewhere'))).status).to.equal(0);
    const agent = host.run();
    await agent.logged('link.welcomed');
    const known = (await host.command(['runs'])).stdout;
    await agent.kill('SIGTERM');
    expect(known).to.include('create_access_key').and.include('1 succeeded');
    await rm(join(host.stateDir, 'state.key'));
    const refused = await host.command(creatingFor('two'));
    expect(refused.status).to.equal(74);
    expect(refused.stderr).to.include('journal_required').and.include('--no-journal');
    expect(local.calls('CreateAccessKey')).to.equal(1);
    const reading = await host.command(['exec', 'list_access_keys', '--connection', 'prod', '--set', 'Username=two']);
    expect(reading.status).to.equal(0);
    expect(reading.stderr).to.include('warning').and.include('in no journal');
    const meant = await host.command([...creatingFor('two'), '--no-journal']);
    expect(meant.status, meant.stderr).to.equal(0);
    expect(meant.stderr).to.include('in no journal');
    expect(local.calls('CreateAccessKey')).to.equal(2);
  });
});
