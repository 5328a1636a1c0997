// Which changes wait for each other.
import { expect } from 'chai';
import { actions } from '../../../../agent/iam/catalogue.ts';
import { subjectOf, turnKey } from '../../../../agent/iam/reconcile/turn.ts';
import type { Connection } from '../../../../agent/connection.ts';
import type { Json } from '../../../../protocol/json.ts';
import { prepared, testConnection } from '../../../conformance/side-by-side.ts';

const connection = testConnection('http://127.0.0.1:1');
const key = (action: string, inputs: Readonly<Record<string, Json>>, change: Partial<Connection> = {}): string =>
  turnKey(prepared(action, inputs), { ...connection, ...change });
const create = (user: string, more: Record<string, Json> = {}, change: Partial<Connection> = {}): string =>
  key('create_access_key', { Username: user, ...more }, change);

describe('the turn of a change', () => {
  it('is that of the thing it names: every change of one user, in any letters', () => {
    const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
    const one = create('alice');
    expect(create('Alice')).to.equal(one);
    expect(key('attach_user_policy', { Username: 'alice', 'Policy ARN': arn })).to.equal(one);
    expect(key('add_user_to_group', { Username: 'alice', 'Group Name': 'g' })).to.equal(one);
    expect(create('bob')).to.not.equal(one);
    expect(key('delete_role', { 'Role Name': 'alice' })).to.not.equal(one);
  });

  it('lets creates of different things run side by side', () => {
    const document = { 'Assume Role Policy Document': '{}' };
    const roles = ['a', 'b', 'c'].map((name) => key('create_role', { 'Role Name': name, ...document }));
    expect(new Set(roles).size).to.equal(3);
    expect(key('create_role', { 'Role Name': 'a', ...document })).to.equal(roles[0]);
  });

  it('is of the account where that is known, whatever connection; else of all that is not', () => {
    const role = (account: string, name = 'r'): string => `arn:aws:iam::${account}:role/${name}`;
    const first = create('alice', { 'Role Arn': role('111111111111') });
    expect(create('alice', {}, { roleArn: role('111111111111', 'other') })).to.equal(first);
    expect(create('alice', { 'Role Arn': role('222222222222') })).to.not.equal(first);
    expect(create('alice', {}, { credentials: { kind: 'profile', profile: 'p' }, label: 'other' })).to.equal(
      create('alice'),
    );
    expect(create('alice', {}, { endpoints: { iam: 'http://127.0.0.1:2' } })).to.not.equal(create('alice'));
  });

  it('is one of the account for what names nothing', () => {
    const shared = actions
      .filter(({ repeat }) => repeat !== 'safe')
      .map((action) => ({ name: action.name, subject: subjectOf({ action, input: givenOf(action.inputs) }) }))
      .filter(({ subject }) => subject.length === 1);
    expect(Object.fromEntries(shared.map(({ name, subject: [read] }) => [name, read]))).to.deep.equal({
      acquire_role: 'ListRoles',
      change_password: 'ChangePassword',
      create_delegation_request: 'ListDelegationRequests',
      delete_account_password_policy: 'GetAccountPasswordPolicy',
      disable_organizations_root_credentials_management: 'ListOrganizationsFeatures',
      disable_organizations_root_sessions: 'ListOrganizationsFeatures',
      disable_outbound_web_identity_federation: 'GetOutboundWebIdentityFederationInfo',
      enable_organizations_root_credentials_management: 'ListOrganizationsFeatures',
      enable_organizations_root_sessions: 'ListOrganizationsFeatures',
      enable_outbound_web_identity_federation: 'GetOutboundWebIdentityFederationInfo',
      put_account_properties: 'GetAccountProperties',
      set_security_token_service_preferences: 'GetAccountSummary',
      update_account_password_policy: 'GetAccountPasswordPolicy',
    });
  });
});

/** Every input that is a text, given. */
function givenOf(inputs: (typeof actions)[number]['inputs']): Record<string, Json> {
  const own = inputs.filter(({ role, shape }) => role === undefined && shape.type === 'text');
  return Object.fromEntries(own.map(({ member }) => [member, `the ${member}`]));
}
