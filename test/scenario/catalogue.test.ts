// The rest of the catalogue between the real programs and a real IAM server: inputs of every type through the API, columns that hold lists and
// dicts, rows out of merged answers and reports, waiting, and the host's levels.
import { expect } from 'chai';
import { type Moto, startMoto } from '../support/moto.ts';
import { pairedHost } from '../support/paired-host.ts';
import { type ControlPlane, type Program, scratch } from '../support/programs.ts';

interface Entry {
  readonly row: number;
  readonly item?: number;
  readonly envelope?: Readonly<Record<string, unknown>>;
  readonly row_end?: { readonly items: number; readonly outcome: string };
}

describe('the whole catalogue between the real programs', function suite() {
  this.timeout(60_000);
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let moto: Moto;
  let agent: Program;

  before(async () => {
    folder = await scratch();
    moto = await startMoto();
    const allow = ['list', 'read', 'tagging', 'create_user', '*_policy', 'delete_*'];
    ({ plane, agent } = await pairedHost(folder.path, { endpoint: moto.url, allow }));
  });

  after(async () => {
    await agent.kill('SIGTERM');
    await plane.kill('SIGTERM');
    await moto.stop();
    await folder[Symbol.asyncDispose]();
  });

  /** Posts a job and gives its id. */
  async function post(action: string, inputs: object, rows: readonly unknown[] = [], options = {}): Promise<string> {
    const head = { agent: 'host-1', connection: 'prod', action, inputs, options };
    const body = [head, ...rows].map((line) => `${JSON.stringify(line)}\n`).join('');
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': crypto.randomUUID() };
    const made = await plane.api('/api/v1/jobs', { method: 'POST', headers, body });
    const view = (await made.json()) as { job: string };
    expect(made.status, JSON.stringify(view)).to.equal(201);
    return view.job;
  }

  /** Follows a job to its end and gives its entries in the order of rows. */
  async function run(...job: Parameters<typeof post>): Promise<Entry[]> {
    const results = await plane.api(`/api/v1/jobs/${await post(...job)}/results?follow=true`);
    const entries = (await results.text()).split('\n').filter(Boolean);
    return entries.map((line) => JSON.parse(line) as Entry).toSorted((left, right) => left.row - right.row);
  }

  const envelopes = (entries: readonly Entry[]): Readonly<Record<string, unknown>>[] =>
    entries.map(({ envelope }) => envelope).filter((envelope) => envelope !== undefined);
  const outcomes = (entries: readonly Entry[]): string[] => entries.flatMap(({ row_end: end }) => end?.outcome ?? []);

  it('makes users with tags: as JSON values, as JSON text, as a column prints', async () => {
    const tags = [{ Key: 'team', Value: "o'neil & söhne" }];
    const native = await run('create_user', { Username: '{{ user }}', Tags: tags }, [{ user: 'native' }]);
    expect(outcomes(native)).to.deep.equal(['succeeded']);
    const asText = await run(
      'create_user',
      { Username: '{{ user }}', Tags: '[{"Key": "team", "Value": {{ team|tojson }}}]' },
      [{ user: 'text', team: tags[0]?.Value }],
    );
    expect(outcomes(asText)).to.deep.equal(['succeeded']);
    const columns = await run('create_user', { UserName: '{{ user }}', Tags: '{{ tags }}' }, [
      { user: 'printed', tags },
      { user: 'bare', tags: [] },
      { user: 'wrong', tags: 'team=red' },
    ]);
    expect(outcomes(columns)).to.deep.equal(['succeeded', 'succeeded', 'refused']);
    expect(envelopes(columns).at(-1)).to.include({ has_error: true, error_code: 'invalid_input' });
    const listed = await run('list_user_tags', { Username: '{{ user }}' }, [
      { user: 'native' },
      { user: 'text' },
      { user: 'printed' },
      { user: 'bare' },
      { user: 'nobody' },
    ]);
    expect(outcomes(listed)).to.deep.equal(['succeeded', 'succeeded', 'succeeded', 'succeeded', 'failed']);
    const found = envelopes(listed).filter(({ has_error: failed }) => failed === false);
    expect(found).to.deep.equal(Array.from({ length: 3 }, () => ({ ...tags[0], error: null, has_error: false })));
    expect(envelopes(listed).at(-1)?.['error']).to.contain('(NoSuchEntity) when calling the ListUserTags operation');
  });

  it('makes a policy of a column that holds one, and gives it back parsed', async () => {
    const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:Get*'], Resource: '*' }] };
    const made = await run('create_policy', { 'Policy Name': 'p', 'Policy Document': '{{ policy }}' }, [
      { policy: document },
    ]);
    expect(outcomes(made)).to.deep.equal(['succeeded']);
    const arn = 'arn:aws:iam::123456789012:policy/p';
    const [version] = envelopes(await run('get_policy_version', { PolicyArn: arn, VersionId: 'v1' }));
    expect(version).to.have.nested.property('result.PolicyVersion.Document').that.deep.equals(document);
  });

  it('gives an account as one result, and as rows that say what they are', async () => {
    const [whole] = envelopes(
      await run('get_account_authorization_details', { Filter: "['User', 'LocalManagedPolicy']" }),
    );
    expect(whole).to.have.nested.property('result.UserDetailList').that.has.length(4);
    expect(whole).to.have.nested.property('result.Policies').that.has.length(1);
    expect(whole).to.not.have.nested.property('result.ResponseMetadata');
    const rows = await run('get_account_authorization_details', {
      Filter: ['User', 'LocalManagedPolicy'],
      'As Rows': true,
    });
    const lists = envelopes(rows).map(({ List: list }) => list);
    expect(lists).to.deep.equal([...Array.from({ length: 4 }, () => 'UserDetailList'), 'Policies']);
    expect(rows.filter(({ envelope }) => envelope !== undefined).map(({ item }) => item)).to.deep.equal([
      0, 1, 2, 3, 4,
    ]);
  });

  it('waits for the credential report and gives a row for each line of it', async () => {
    const [generated] = envelopes(await run('generate_credential_report', { 'Wait Seconds': '30' }));
    expect(generated).to.have.nested.property('result.State', 'COMPLETE');
    const lines = envelopes(await run('get_credential_report', { 'As Rows': 'True' }));
    expect(lines.map(({ user }) => user)).to.include.members(['native', 'text', 'printed', 'bare']);
    expect(lines[0]).to.include({ error: null, has_error: false }).and.have.property('mfa_active');
  });

  it('never acts on the own user for a name that rendered to nothing, and keeps to the levels of the host', async () => {
    const blank = await run('get_user', { Username: '{{ user }}' }, [{ user: '' }]);
    expect(envelopes(blank)[0]).to.include({ error_code: 'missing_input' });
    const id = await post('create_login_profile', { Username: 'native' });
    for (let tries = 0; ; tries += 1) {
      const view = (await (await plane.api(`/api/v1/jobs/${id}`)).json()) as { status: string };
      if (view.status === 'rejected') {
        expect(JSON.stringify(view)).to.contain('action_not_allowed').and.contain('- create_login_profile');
        break;
      }
      expect(tries).to.be.below(200);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  it('shows the call in a dry run', async () => {
    const tags = [{ Key: 'a', Value: 'b' }];
    const [tagged] = envelopes(await run('tag_user', { Username: 'native', Tags: tags }, [], { dry_run: true }));
    expect(tagged).to.have.nested.property('result.DryRun.Input').that.deep.equals({ UserName: 'native', Tags: tags });
  });
});
