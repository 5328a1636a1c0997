// Answers that are lost between the real programs and a real IAM server: what the host's settings make of them, seen from both ends.
import { expect } from 'chai';
import { GetRoleCommand, IAMClient, ListAccessKeysCommand, ListUsersCommand } from '@aws-sdk/client-iam';
import { type Moto, startMoto } from '../support/moto.ts';
import { pairedHost } from '../support/paired-host.ts';
import { accessKey, type ControlPlane, type Program, scratch, secretKey } from '../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint } from '../support/scripted-endpoint.ts';

interface Entry {
  readonly row: number;
  readonly envelope?: { readonly error: string | null; readonly error_code?: string; readonly result?: unknown };
  readonly row_end?: { readonly outcome: string };
}

describe('a lost answer between the real programs', function suite() {
  this.timeout(60_000);
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let moto: Moto;
  let relay: ScriptedEndpoint;
  let agent: Program;
  let direct: IAMClient;

  before(async () => {
    folder = await scratch();
    [moto, relay] = await Promise.all([startMoto(), startScriptedEndpoint()]);
    relay.relay(moto.url);
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
    direct = new IAMClient({ region: 'us-east-1', endpoint: moto.url, credentials });
    ({ plane, agent } = await pairedHost(folder.path, {
      endpoint: relay.url,
      // Not update_access_key: to make an orphan inactive is the host's own rule.
      allow: ['create_*'],
      more: '    mark_created: true\n    deactivate_orphans: true',
    }));
  });

  after(async () => {
    await agent.kill('SIGTERM');
    await plane.kill('SIGTERM');
    direct.destroy();
    await Promise.all([relay.stop(), moto.stop()]);
    await folder[Symbol.asyncDispose]();
  });

  /** Runs a job to its end: its id, and its entries in the order of rows. */
  async function run(action: string, inputs: object, rows: readonly object[], options = {}) {
    const head = { agent: 'host-1', connection: 'prod', action, inputs, options };
    const body = [head, ...rows].map((line) => `${JSON.stringify(line)}\n`).join('');
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': crypto.randomUUID() };
    const made = await plane.api('/api/v1/jobs', { method: 'POST', headers, body });
    const { job } = (await made.json()) as { job: string };
    const results = await plane.api(`/api/v1/jobs/${job}/results?follow=true`);
    const lines = (await results.text()).split('\n').filter(Boolean);
    const entries = lines.map((line) => JSON.parse(line) as Entry).toSorted((left, right) => left.row - right.row);
    const errors = entries.flatMap(({ envelope }) => (envelope === undefined ? [] : String(envelope.error)));
    return { job, entries, errors, outcomes: entries.flatMap(({ row_end: end }) => end?.outcome ?? []) };
  }

  it('of new roles: the marks say which call made them, whatever order they come in', async () => {
    relay.relay(moto.url, ({ operation }) => (operation === 'CreateRole' ? 'after' : null));
    const rows = ['r0', 'r1', 'r2', 'r3'].map((name) => ({ name }));
    const inputs = { 'Role Name': '{{ name }}', 'Assume Role Policy Document': '{}' };
    const { job, errors, outcomes } = await run('create_role', inputs, rows);
    expect(outcomes).to.deep.equal(rows.map(() => 'unknown'));
    for (const [row, error] of errors.entries()) {
      expect(error)
        .to.contain(`the role r${row} is there`)
        .and.to.contain("It carries this call's mark: this call made it.");
      const { Role: role } = await direct.send(new GetRoleCommand({ RoleName: `r${row}` }));
      expect(role?.Tags).to.deep.equal([{ Key: 'iam-agent:job', Value: `${job}/${row}` }]);
    }
  });

  it('of a call that AWS never saw: nothing is there', async () => {
    relay.relay(moto.url, ({ operation }) => (operation === 'CreateUser' ? 'before' : null));
    const { errors, outcomes } = await run('create_user', { Username: 'nobody' }, []);
    expect(outcomes).to.deep.equal(['unknown']);
    expect(errors[0]).to.contain('The wanted state does not hold; the call may still take effect');
    expect((await direct.send(new ListUsersCommand({}))).Users).to.deep.equal([]);
  });

  it('of a new key: it is named and made inactive', async () => {
    relay.relay(moto.url, ({ operation }) => (operation === 'CreateAccessKey' ? 'after' : null));
    const dry = await run('create_user', { Username: 'alice' }, [], { dry_run: true });
    expect(dry.entries[0]?.envelope?.result).to.have.nested.property('DryRun.Input.Tags').with.length(1);
    expect((await run('create_user', { Username: 'alice' }, [])).outcomes).to.deep.equal(['succeeded']);
    const { errors, outcomes } = await run('create_access_key', { Username: 'alice' }, []);
    expect(outcomes).to.deep.equal(['unknown']);
    const { AccessKeyMetadata: keys = [] } = await direct.send(new ListAccessKeysCommand({ UserName: 'alice' }));
    expect(keys).to.have.length(1);
    expect(keys[0]?.Status).to.equal('Inactive');
    const id = String(keys[0]?.AccessKeyId);
    expect(errors[0]).to.contain(`Candidate: ${id} (Active`).and.to.contain(`${id} was made inactive`);
  });
});
