// Marks: a tag that names the job and row whose call made a thing.
import { expect } from 'chai';
import type { CallAnswer } from '../../../agent/iam/iam-caller.ts';
import type { RowProgress } from '../../../agent/job/journal.ts';
import { answerOf } from '../../support/scripted-caller.ts';
import { failure, run, type Setting } from '../../support/row-run.ts';

describe('a row on a connection that marks what it makes', () => {
  const connection = { markCreated: true, readBackSeconds: 0 };
  const inputs = { Username: '{{ user }}', Tags: [{ Key: 'team', Value: 'red' }] };
  const setting: Setting = { action: 'create_user', inputs, connection };
  const marked = [
    { Key: 'team', Value: 'red' },
    { Key: 'iam-agent:job', Value: 'job-1/4' },
  ];

  it('shows the mark in a dry run', async () => {
    const { lines } = await run(() => failure, { ...setting, options: { dry_run: true } });
    expect(lines[0]?.envelope?.result).to.have.nested.property('DryRun.Input.Tags').that.deep.equals(marked);
  });

  it('sends it, and keeps it with the intent', async () => {
    const sent: unknown[] = [];
    const { progress } = await run(({ operation, input }) => {
      if (operation === 'CreateUser') sent.push(input['Tags']);
      return operation === 'CreateUser' ? answerOf('CreateUser', '<User/>') : failure;
    }, setting);
    expect(sent).to.deep.equal([marked]);
    expect(progress[0]?.intent?.call).to.deep.include({ mark: 'job-1/4' });
  });

  it('finds it after a restart', async () => {
    const { progress } = await run(() => failure, setting);
    const answers: Readonly<Record<string, CallAnswer>> = {
      GetUser: answerOf(
        'GetUser',
        '<User><UserName>alice</UserName><UserId>AIDA1</UserId><Path>/</Path><Arn>a</Arn></User>',
      ),
      ListUserTags: answerOf(
        'ListUserTags',
        '<Tags><member><Key>iam-agent:job</Key><Value>job-1/4</Value></member></Tags>',
      ),
    };
    const stored = JSON.parse(JSON.stringify(progress[0])) as RowProgress;
    const { lines, log } = await run(({ operation }) => answers[operation] ?? failure, {
      ...setting,
      progress: stored,
      connection: { markCreated: false, readBackSeconds: 0.05 },
    });
    expect(log).to.deep.equal(['call GetUser', 'call ListUserTags', 'end unknown 1']);
    expect(lines[0]?.envelope?.error)
      .to.contain('the agent stopped before its answer came')
      .and.to.contain("It carries this call's mark: this call made it.");
  });

  it('refuses a row that uses its key, and marks nothing else', async () => {
    const own = { ...inputs, Tags: [{ Key: 'iam-agent:job', Value: '{{ user }}' }] };
    const { lines, outcome } = await run(() => failure, { ...setting, inputs: own });
    expect([outcome, lines[0]?.envelope?.error_code]).to.deep.equal(['refused', 'invalid_input']);
    const dry = await run(() => failure, { ...setting, options: { dry_run: true }, connection: {} });
    expect(dry.lines[0]?.envelope?.result).to.have.nested.property('DryRun.Input.Tags').that.deep.equals(inputs.Tags);
  });
});
