import { expect } from 'chai';
import type { Action } from '../../../agent/iam/action.ts';
import { findAction } from '../../../agent/iam/catalogue.ts';
import { matchInputs, prepareCall, type PreparedCall } from '../../../agent/iam/inputs.ts';
import { isRefusal, type Refusal } from '../../../protocol/error-codes.ts';
import { type Json, parseJson } from '../../../protocol/json.ts';

function action(name: string): Action {
  const found = findAction(name);
  if (found === undefined) throw new Error(name);
  return found;
}

function prepare(name: string, values: Readonly<Record<string, Json>>): PreparedCall | Refusal {
  const matched = matchInputs(action(name), Object.keys(values));
  if (isRefusal(matched)) return matched;
  return prepareCall(action(name), new Map([...matched].map(([given, input]) => [input, values[given] ?? null])));
}

function refused(result: unknown): Refusal {
  if (!isRefusal(result)) throw new Error('it was taken');
  return result;
}

const key = 'AKIDEXAMPLE000000000';
const role = 'arn:aws:iam::123456789012:role/path/r';

describe('names of inputs', () => {
  it('are labels or the names of the SDK, in any case', () => {
    const matched = matchInputs(action('delete_access_key'), ['username', 'AccessKeyId', 'ROLE ARN']);
    if (isRefusal(matched)) throw new Error(matched.detail);
    expect([...matched].map(([name, input]) => [name, input.label])).to.deep.equal([
      ['username', 'Username'],
      ['AccessKeyId', 'Access Key'],
      ['ROLE ARN', 'Role Arn'],
    ]);
    for (const name of ['Max Items', 'MaxItems', 'maxitems']) {
      expect(isRefusal(matchInputs(action('list_policies'), [name])), name).to.equal(false);
    }
  });

  it('are refused when unknown, with what was perhaps meant', () => {
    const cases: readonly [name: string, meant: string][] = [
      ['User', '"Username"'],
      ['user_name', '"Username"'],
      ['Usrname', '"Username"'],
      ['AccessKey', '"Access Key"'],
      ['Access Key ID', '"Access Key"'],
    ];
    for (const [name, meant] of cases) {
      const refusal = refused(matchInputs(action('delete_access_key'), ['Username', name]));
      expect(refusal.code).to.equal('unknown_input');
      expect(refusal.detail, name).to.contain(`Did you mean ${meant}`);
    }
    const far = refused(matchInputs(action('delete_access_key'), ['x'.repeat(5000)]));
    expect(far.detail).to.not.contain('mean');
    expect(far.detail).to.contain('"Access Key"');
    expect(far.detail.length).to.be.below(400);
    for (const name of ['Marker', '__proto__', '']) {
      expect(refused(matchInputs(action('list_policies'), [name])).code).to.equal('unknown_input');
    }
  });

  it('name an input once, and all that is required', () => {
    expect(refused(matchInputs(action('create_access_key'), ['Username', 'UserName']))).to.include({
      code: 'invalid_input',
    });
    expect(refused(matchInputs(action('create_access_key'), ['username', 'username'])).code).to.equal('invalid_input');
    const missing = refused(matchInputs(action('update_access_key'), ['Username']));
    expect(missing.code).to.equal('missing_input');
    expect(missing.detail).to.contain('"Access Key", "Status"');
    expect(isRefusal(matchInputs(action('list_policies'), []))).to.equal(false);
  });
});

describe('values of inputs', () => {
  it('never let a required one be nothing: AWS would act on the own user of the caller', () => {
    const blanks: readonly Json[] = ['', ' ', '\t\r\n', '\u00a0\u2003\ufeff', null];
    for (const name of ['create_access_key', 'list_access_keys']) {
      for (const blank of blanks) {
        const refusal = refused(prepare(name, { Username: blank }));
        expect(refusal.code, JSON.stringify(blank)).to.equal('missing_input');
        expect(refusal.detail).to.contain('Missing required parameter in input: "UserName"');
      }
    }
    const both = refused(prepare('delete_access_key', { Username: '', 'Access Key': ' ' }));
    expect(both.detail.split('\n')).to.have.length(3);
    const absent = prepareCall(action('create_access_key'), new Map());
    expect(refused(absent).code).to.equal('missing_input');
  });

  it('pass texts as they are', () => {
    const call = prepare('delete_access_key', { Username: ' alice ', 'Access Key': key });
    expect(call).to.deep.include({ input: { UserName: ' alice ', AccessKeyId: key }, roleArn: null, maxItems: null });
  });

  it('check selects', () => {
    const update = (status: Json): PreparedCall | Refusal =>
      prepare('update_access_key', { Username: 'a', 'Access Key': key, Status: status });
    expect(update('Inactive')).to.have.nested.property('input.Status', 'Inactive');
    expect(update(' Active\n')).to.have.nested.property('input.Status', 'Active');
    for (const status of ['active', 'Expired', 'None', 'x'.repeat(5000)]) {
      const refusal = refused(update(status));
      expect(refusal.code).to.equal('invalid_input');
      expect(refusal.detail).to.contain('Active, Inactive');
      expect(refusal.detail.length).to.be.below(300);
    }
    for (const [label, value] of [
      ['Scope', 'aws'],
      ['Policy Usage Filter', 'All'],
      ['Only Attached', 'yes'],
      ['Only Attached', '1'],
    ] as const) {
      expect(refused(prepare('list_policies', { [label]: value })).code, label).to.equal('invalid_input');
    }
  });

  it('leave out what is blank and may be', () => {
    const blank = { Scope: '', 'Policy Usage Filter': ' ', 'Only Attached': null, 'Max Items': '', 'Role Arn': '\n' };
    expect(prepare('list_policies', blank)).to.deep.include({ input: {}, roleArn: null, maxItems: null });
    expect(prepare('list_policies', {})).to.deep.include({ input: {} });
    const given = {
      Scope: 'All',
      'Policy Usage Filter': 'PermissionsBoundary',
      'Only Attached': 'False',
      'Max Items': ' 12 ',
    };
    expect(prepare('list_policies', given)).to.deep.include({
      input: { Scope: 'All', PolicyUsageFilter: 'PermissionsBoundary', OnlyAttached: false },
      maxItems: 12,
    });
    expect(prepare('list_policies', { 'Only Attached': true, 'Max Items': 3 })).to.deep.include({
      input: { OnlyAttached: true },
      maxItems: 3,
    });
  });

  it('refuse a Max Items that is no count', () => {
    for (const value of [
      '0',
      '-1',
      '1.5',
      '1e3',
      'all',
      '0x10',
      0,
      -3,
      1.5,
      true,
      [],
      '9'.repeat(30),
      parseJson('1e2'),
    ]) {
      expect(refused(prepare('list_policies', { 'Max Items': value })).code, JSON.stringify(value)).to.equal(
        'invalid_input',
      );
    }
  });

  it('take roles of every partition and nothing that is no role', () => {
    for (const arn of [
      role,
      ` ${role}\n`,
      'arn:aws-cn:iam::123456789012:role/r',
      'arn:aws-us-gov:iam::123456789012:role/r',
    ]) {
      expect(prepare('test_connection', { RoleArn: arn })).to.have.property('roleArn', arn.trim());
    }
    for (const arn of [
      'r',
      'arn:aws:iam::123456789012:user/u',
      'arn:aws:iam::12:role/r',
      `${role} x`,
      `${role}/\u0000`,
      5,
    ]) {
      expect(refused(prepare('test_connection', { 'Role Arn': arn })).code).to.equal('invalid_input');
    }
  });

  it('refuse half a character, which no request can carry', () => {
    expect(refused(prepare('create_access_key', { Username: 'a\ud800' })).code).to.equal('invalid_input');
  });

  it('name every fault at once, as botocore does', () => {
    const refusal = refused(prepare('delete_access_key', { Username: 5, 'Access Key': 'short' }));
    expect(refusal.detail.split('\n')).to.have.length(3);
  });
});

describe('a required text that may be blank', () => {
  it('is sent as it is when it is given, and needed all the same', () => {
    const cleared = prepare('update_role_description', { 'Role Name': 'r', Description: '' });
    expect(cleared).to.have.property('input').that.deep.equals({ RoleName: 'r', Description: '' });
    expect(refused(prepare('update_role_description', { 'Role Name': 'r' })).code).to.equal('missing_input');
    expect(refused(prepare('update_role_description', { 'Role Name': 'r', Description: null })).code).to.equal(
      'missing_input',
    );
    expect(refused(prepare('update_role_description', { 'Role Name': '', Description: 'x' })).code).to.equal(
      'missing_input',
    );
  });
});
