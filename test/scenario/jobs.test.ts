// Jobs between the real programs: the seven actions, mixed rows, cancel, reconnect, restart. The AWS side answers from a script, so that the
// same bytes reach a job and `iam-agent exec`.
import { expect } from 'chai';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { actions } from '../../agent/iam/catalogue.ts';
import { answers } from '../support/aws-answers.ts';
import { pairedHost } from '../support/paired-host.ts';
import { type ControlPlane, type Finished, Host, type Program, scratch } from '../support/programs.ts';
import {
  errorAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
  type Step,
  xmlAnswer,
} from '../support/scripted-endpoint.ts';

const ofUser = { Username: '{{ user }}' };
const ofKey = { ...ofUser, 'Access Key': 'AKIAEXAMPLE000000001' };
const seven: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['get_access_key_last_used', { 'Access Key': '{{ key }}' }],
  ['create_access_key', ofUser],
  ['delete_access_key', ofKey],
  ['list_access_keys', ofUser],
  ['update_access_key', { ...ofKey, Status: 'Inactive' }],
  ['attach_user_policy', { 'Role Arn': '', ...ofUser, 'Policy ARN': 'arn:aws:iam::aws:policy/ReadOnlyAccess' }],
  ['list_policies', { 'Policy Usage Filter': '', Scope: '', 'Only Attached': '', 'Max Items': '' }],
];

describe('jobs between the real programs', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  let agent: Program;

  before(async () => {
    folder = await scratch();
    endpoint = await startScriptedEndpoint();
    ({ plane, host, agent } = await pairedHost(folder.path, { endpoint: endpoint.url, reconnectSeconds: 1 }));
  });

  after(async () => {
    await agent.kill('SIGTERM');
    await plane.kill('SIGTERM');
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  /** One fixed answer for each operation; an unknown user gets AWS's error. */
  const fixed = new Map<string, Step>();
  const script = (request: { operation: string; params: URLSearchParams }): Step => {
    const { operation, params } = request;
    const name = `${operation} ${params.get('UserName') ?? ''}`;
    const known = fixed.get(name);
    if (known !== undefined) return known;
    const answer =
      params.get('UserName') === 'nobody'
        ? errorAnswer(404, 'NoSuchEntity', 'The user with name nobody cannot be found.')
        : xmlAnswer(operation, answers[operation] ?? null);
    fixed.set(name, answer);
    return answer;
  };

  beforeEach(() => endpoint.play(script));

  const sets = (inputs: Readonly<Record<string, string>>): string[] =>
    Object.entries(inputs).flatMap(([name, template]) => ['--set', `${name}=${template}`]);
  const target = ['--agent', 'host-1', '--connection', 'prod'];

  const runJob = (
    action: string,
    inputs: Readonly<Record<string, string>>,
    rows: string,
    ...more: string[]
  ): Promise<Finished> => plane.command(['run', action, ...target, ...sets(inputs), '--rows', '-', ...more], rows);

  const sorted = (text: string): string[] => text.trim().split('\n').toSorted();

  async function job(id: string): Promise<Record<string, unknown>> {
    return (await (await plane.api(`/api/v1/jobs/${id}`)).json()) as Record<string, unknown>;
  }

  async function ended(id: string): Promise<Record<string, unknown>> {
    for (let tries = 0; tries < 200; tries += 1) {
      const view = await job(id);
      if (!['queued', 'sent', 'running'].includes(String(view['status']))) return view;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the job did not end: ${JSON.stringify(await job(id))}`);
  }

  async function entriesOf(id: string): Promise<{ row: number; row_end?: { items: number; outcome: string } }[]> {
    const text = await (await plane.api(`/api/v1/jobs/${id}/results`)).text();
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { row: number });
  }

  function slowAnswers(afterMs: number): void {
    endpoint.play(({ operation }) => xmlAnswer(operation, answers[operation] ?? null, { afterMs }));
  }

  const manyRows = (count: number): string =>
    Array.from({ length: count }, (_, index) =>
      JSON.stringify({ user: `user-${index}`, key: 'AKIAEXAMPLE000000001' }),
    ).join('\n');

  it('has the seven actions of the specification', () => {
    expect(seven.every(([name]) => actions.some((action) => action.name === name))).to.equal(true);
  });

  for (const [action, inputs] of seven) {
    it(`gives the same envelopes for ${action} as a job and by exec, errors among them`, async () => {
      const rows = '{"user":"alice","key":"AKIAEXAMPLE000000001"}\n{"user":"nobody","key":"AKIAEXAMPLE000000001"}\n';
      const viaJob = await runJob(action, inputs, rows, '--follow');
      const viaExec = await host.command(
        ['exec', action, '--connection', 'prod', ...sets(inputs), '--rows', '-'],
        rows,
      );
      expect(viaJob.stdout, viaJob.stderr).not.to.equal('');
      expect(sorted(viaJob.stdout)).to.deep.equal(sorted(viaExec.stdout));
      expect(viaJob.status).to.equal(viaExec.status);
    });
  }

  it('runs mixed rows: every row ends once, and a bad one hurts no other', async () => {
    const rows = [
      '{"user":"alice"}',
      '{"user":""}',
      '{"user":"nobody"}',
      '{"other":1}',
      '{"user":"alice"}',
      '{"user":null}',
    ].join('\n');
    const started = await runJob('list_access_keys', ofUser, rows);
    const id = started.stdout.trim();
    const view = await ended(id);
    expect(view).to.deep.include({ status: 'completed' });
    const ends = (await entriesOf(id)).filter((entry) => entry.row_end !== undefined);
    const outcomes = ends.toSorted((a, b) => a.row - b.row).map((entry) => entry.row_end?.outcome);
    expect(outcomes).to.deep.equal(['succeeded', 'refused', 'failed', 'refused', 'succeeded', 'succeeded']);
  });

  it('makes no call for a user name that renders to nothing', async () => {
    const started = await runJob('list_access_keys', ofUser, '{"user":" "}');
    await ended(started.stdout.trim());
    expect(endpoint.requests.filter(({ operation }) => operation === 'ListAccessKeys')).to.have.length(0);
  });

  it('sends nothing for a job that was cancelled before the agent had it', async () => {
    await agent.kill('SIGTERM');
    const id = (await runJob('list_access_keys', ofUser, manyRows(3))).stdout.trim();
    const cancelled = await plane.command(['jobs', 'cancel', id]);
    expect(cancelled.status, cancelled.stderr).to.equal(0);
    expect(await job(id)).to.include({ status: 'cancelled' });
    agent = host.run();
    await agent.logged('link.welcomed');
    expect(agent.logs('job.accepted')).to.have.length(0);
    expect(endpoint.requests).to.have.length(0);
  });

  it('ends a running job when it is cancelled: what runs finishes, the rest says cancelled', async () => {
    slowAnswers(50);
    const id = (await runJob('list_access_keys', ofUser, manyRows(200))).stdout.trim();
    await agent.until((program) => program.logs('row.ended').some((line) => line['job'] === id), 'first row');
    await plane.command(['jobs', 'cancel', id]);
    const view = await ended(id);
    expect(view).to.include({ status: 'cancelled' });
    const ends = (await entriesOf(id)).filter((entry) => entry.row_end !== undefined);
    expect(new Set(ends.map(({ row }) => row)).size).to.equal(200);
    expect(ends).to.have.length(200);
    const outcomes = new Set(ends.map((entry) => entry.row_end?.outcome));
    expect([...outcomes].toSorted()).to.deep.equal(['cancelled', 'succeeded']);
    expect(endpoint.requests.length).to.be.lessThan(200);
  });

  it('goes on after the control plane was killed and came back: nothing lost, nothing twice', async () => {
    slowAnswers(20);
    const id = (await runJob('list_access_keys', ofUser, manyRows(200))).stdout.trim();
    await agent.until(
      (program) => program.logs('row.ended').filter((line) => line['job'] === id).length > 20,
      '20 rows',
    );
    await plane.kill('SIGKILL');
    await plane.start();
    const view = await ended(id);
    expect(view).to.include({ status: 'completed' });
    expect(view['outcomes']).to.deep.equal({ succeeded: 200 });
    const entries = await entriesOf(id);
    expect(
      entries
        .filter((entry) => entry.row_end !== undefined)
        .map(({ row }) => row)
        .toSorted((a, b) => a - b),
    ).to.deep.equal(Array.from({ length: 200 }, (_, index) => index));
    expect(endpoint.requests).to.have.length(200);
  });

  async function restoredInTheMiddle(
    action: string,
    inputs: Readonly<Record<string, string>>,
  ): Promise<Record<string, unknown>> {
    slowAnswers(20);
    const id = (await runJob(action, inputs, manyRows(60))).stdout.trim();
    await agent.until(
      (program) => program.logs('row.ended').filter((line) => line['job'] === id).length > 15,
      '15 rows',
    );
    await plane.kill('SIGKILL');
    const backup = join(folder.path, `backup-${action}`);
    await cp(plane.folder, backup, { recursive: true });
    await plane.start();
    expect(await ended(id)).to.include({ status: 'completed' });
    await agent.until((program) => program.logs('job.closed').some((line) => line['job'] === id), 'the end of the job');
    await plane.kill('SIGKILL');
    await rm(plane.folder, { recursive: true });
    await cp(backup, plane.folder, { recursive: true });
    await plane.start();
    const view = await ended(id);
    expect(view).to.deep.include({ status: 'completed', outcomes: { succeeded: 60 } });
    expect(
      endpoint.requests.filter(({ operation }) => operation !== 'ListAccessKeys' || action === 'list_access_keys'),
    ).to.have.length(60);
    return view;
  }

  it('gives a control plane that was restored from a backup the results of changes again', async () => {
    const view = await restoredInTheMiddle('update_access_key', { ...ofKey, Status: 'Inactive' });
    expect(view).to.include({ results_lost: 0 });
    const ends = (await entriesOf(String(view['job']))).filter((entry) => entry.row_end !== undefined);
    expect(new Set(ends.map(({ row }) => row)).size).to.equal(60);
  });

  it('tells a control plane that was restored from a backup how many results of reads are gone', async () => {
    const view = await restoredInTheMiddle('list_access_keys', ofUser);
    expect(Number(view['results_lost'])).to.be.greaterThan(0);
  });

  it('stops on the first error when asked to', async () => {
    const rows = ['{"user":"nobody"}', ...Array.from({ length: 50 }, () => '{"user":"alice"}')].join('\n');
    const id = (
      await runJob('list_access_keys', ofUser, rows, '--on-error', 'stop', '--concurrency', '1')
    ).stdout.trim();
    const view = await ended(id);
    expect(view).to.include({ status: 'stopped' });
    expect(view['outcomes']).to.deep.equal({ failed: 1, stopped: 50 });
  });

  it('calls nothing in a dry run and shows the call', async () => {
    const shown = await runJob('delete_access_key', ofKey, '{"user":"alice"}', '--dry-run', '--follow');
    expect(shown.status, shown.stderr).to.equal(0);
    expect(shown.stdout).to.include('"Operation":"DeleteAccessKey"').and.include('"UserName":"alice"');
    expect(endpoint.requests).to.have.length(0);
  });

  it('tells rejected from done, with the line to add', async () => {
    const limited = await Host.make(join(folder.path, 'limited'), plane.url, {
      endpoint: endpoint.url,
      allow: ['list'],
    });
    expect((await limited.pair(await plane.invite('limited'))).status).to.equal(0);
    const other = limited.run();
    await other.logged('link.welcomed');
    const arguments_ = [
      'run',
      'create_access_key',
      '--agent',
      'limited',
      '--connection',
      'prod',
      '--set',
      'Username=alice',
      '--follow',
    ];
    const refused = await plane.command(arguments_);
    await other.kill('SIGTERM');
    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.include('action_not_allowed').and.include('- create_access_key');
    expect(endpoint.requests).to.have.length(0);
  });
});
