import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { expect } from 'chai';
import { actionsCommand } from '../../../agent/cli/actions.ts';
import { guideOf } from '../../../agent/iam/action-guide.ts';
import { actions as catalogue } from '../../../agent/iam/catalogue.ts';
import { runProgram } from '../../../terminal/program.ts';
import { recording } from './recording.ts';

const actions = catalogue.map(guideOf);

async function run(...words: readonly string[]): Promise<{ exit: string | null; out: string; err: string }> {
  const terminal = recording(PassThrough.from([]));
  const command = actionsCommand(terminal, async () => actions);
  await runProgram(new Command('iam-agent').addCommand(command), ['actions', ...words], terminal);
  return { exit: terminal.ended(), out: terminal.out(), err: terminal.err() };
}

describe('iam-agent actions', () => {
  it('lists every action with its access level', async () => {
    const { exit, out } = await run();
    expect(exit).to.equal('ok');
    for (const { name, accessLevel } of actions) expect(out).to.match(new RegExp(`^${name} +${accessLevel} `, 'm'));
    expect(out.trimEnd().split('\n')).to.have.length(actions.length + 1);
  });

  it('finds by all words of a text', async () => {
    const names = async (...words: readonly string[]): Promise<string[]> =>
      (JSON.parse((await run(...words, '--json')).out) as { name: string }[]).map(({ name }) => name);
    expect(await names('--search', 'KEY update'))
      .to.include('update_access_key')
      .and.not.include('list_users');
    expect(await names('--search', 'nothing like it')).to.deep.equal([]);
    expect(await names()).to.deep.equal(actions.map(({ name }) => name));
  });

  it('shows one by either name, with every input', async () => {
    const { out } = await run('update_access_key');
    const known = actions.find(({ name }) => name === 'update_access_key');
    for (const { label } of known?.inputs ?? []) expect(out).to.contain(`\n${label} `);
    expect(out).to.contain('One of: Active, Inactive.');
    expect((await run('Update Access Key')).out).to.equal(out);
    expect(JSON.parse((await run('update_access_key', '--json')).out)).to.deep.equal(JSON.parse(JSON.stringify(known)));
  });

  it('suggests what was meant', async () => {
    const { exit, out, err } = await run('update_acces_keys');
    expect([exit, out]).to.deep.equal(['bad_data', '']);
    expect(err).to.match(/^error unknown_action: .*\nhelp: did you mean update_access_key/);
    expect((await run('\u001B[2Jzzzzzzzz')).err).to.match(
      /'\\e\[2Jzzzzzzzz'\nhelp: 'iam-agent actions' lists them all/,
    );
    expect((await run('list_users', '--search', 'x')).exit).to.equal('usage');
  });
});
