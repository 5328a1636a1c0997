// The catalogue beside the published integration (labels, what is required) and beside the SDK that is installed.
import { expect } from 'chai';
import { actions, findAction } from '../../../agent/iam/catalogue.ts';
import { operationShapes } from '../../../agent/iam/schema.ts';

const required = (name: string): string[] =>
  (findAction(name)?.inputs ?? []).filter((input) => input.required).map((input) => input.label);

describe('the catalogue', () => {
  it('has the seven actions and the test of a connection', () => {
    const names = actions.map(({ name, displayName }) => [name, displayName]);
    expect(names).to.deep.equal([
      ['get_access_key_last_used', 'Get Access Key Last Used'],
      ['create_access_key', 'Create Access Key'],
      ['delete_access_key', 'Delete Access Key'],
      ['list_access_keys', 'List Access Keys'],
      ['update_access_key', 'Update Access Key'],
      ['attach_user_policy', 'Attach User Policy'],
      ['list_policies', 'List Policies'],
      ['test_connection', 'Test Connection'],
    ]);
  });

  it('requires what the published integration requires', () => {
    expect(required('get_access_key_last_used')).to.deep.equal(['Access Key']);
    expect(required('create_access_key')).to.deep.equal(['Username']);
    expect(required('delete_access_key')).to.deep.equal(['Username', 'Access Key']);
    expect(required('list_access_keys')).to.deep.equal(['Username']);
    expect(required('update_access_key')).to.deep.equal(['Username', 'Access Key', 'Status']);
    expect(required('attach_user_policy')).to.deep.equal(['Username', 'Policy ARN']);
    expect(required('list_policies')).to.deep.equal([]);
    const labels = findAction('list_policies')?.inputs.map(({ label }) => label);
    expect(labels).to.deep.equal(['Policy Usage Filter', 'Scope', 'Only Attached', 'Max Items', 'Role Arn']);
  });

  it('takes a role with every action', () => {
    for (const action of actions) {
      expect(action.inputs.at(-1), action.name).to.include({ label: 'Role Arn', role: 'role_arn', required: false });
    }
  });

  it('never requires less than the SDK', () => {
    for (const action of actions) {
      const shape = operationShapes(action.service, action.operation)?.input;
      const members = shape?.kind === 'structure' ? [...shape.members] : [];
      const needed = members.filter(([, member]) => member.required).map(([name]) => name);
      const have = action.inputs.filter((input) => input.required).map((input) => input.member);
      expect(have, action.name).to.include.members(needed);
    }
  });

  it('gives rows for the two listings and objects for the others', () => {
    const rows = actions.filter(({ output }) => output.kind === 'rows').map(({ name, output }) => [name, output]);
    expect(rows).to.deep.equal([
      ['list_access_keys', { kind: 'rows', member: 'AccessKeyMetadata' }],
      ['list_policies', { kind: 'rows', member: 'Policies' }],
    ]);
  });

  it('knows the one secret, and that making it twice is not making it once', () => {
    const secrets = actions.filter(({ secretOutputs }) => secretOutputs.length > 0);
    expect(secrets.map(({ name, secretOutputs, repeat }) => [name, secretOutputs, repeat])).to.deep.equal([
      ['create_access_key', ['AccessKey.SecretAccessKey'], 'never'],
    ]);
    const safe = actions.filter(({ repeat }) => repeat === 'safe').map(({ accessLevel }) => accessLevel);
    expect(new Set(safe)).to.deep.equal(new Set(['read', 'list']));
  });

  it('has no action that hands out a session, and no inherited names', () => {
    for (const name of ['assume_role', 'constructor', '__proto__', 'toString', '']) {
      expect(findAction(name)).to.equal(undefined);
    }
  });
});

describe("the SDK's schemas", () => {
  it('are read for every operation that the SDK has', async () => {
    const sdk: Record<string, unknown> = await import('@aws-sdk/client-iam');
    const operations = Object.keys(sdk).filter((name) => name.endsWith('Command') && name !== '$Command');
    expect(operations.length).to.be.above(170);
    const seen = new Set<unknown>();
    const walk = (shape: NonNullable<ReturnType<typeof operationShapes>>['output'], depth: number): void => {
      if (shape === null || depth > 8) return;
      seen.add(shape.kind);
      if (shape.kind === 'structure') for (const member of shape.members.values()) walk(member.shape(), depth + 1);
      else if (shape.kind === 'list') walk(shape.item(), depth + 1);
      else if (shape.kind === 'map') walk(shape.value(), depth + 1);
    };
    for (const name of operations) {
      const shapes = operationShapes('iam', name.slice(0, -'Command'.length));
      expect(shapes, name).to.not.equal(null);
      walk(shapes?.input ?? null, 0);
      walk(shapes?.output ?? null, 0);
    }
    expect([...seen]).to.have.members(['structure', 'list', 'map', 'text', 'boolean', 'integer', 'timestamp', 'blob']);
  });
});
