// What a rendered text becomes for each type of input, and what the agent's own inputs take.
import { expect } from 'chai';
import { findAction } from '../../../agent/iam/catalogue.ts';
import { matchInputs, type PreparedCall, prepareCall } from '../../../agent/iam/inputs.ts';
import { isRefusal, type Refusal } from '../../../protocol/error-codes.ts';
import { type Json, parseJson } from '../../../protocol/json.ts';

function prepare(name: string, values: Readonly<Record<string, Json>>): PreparedCall | Refusal {
  const action = findAction(name);
  if (action === undefined) throw new Error(name);
  const matched = matchInputs(action, Object.keys(values));
  if (isRefusal(matched)) return matched;
  return prepareCall(action, new Map([...matched].map(([given, input]) => [input, values[given] ?? null])));
}

function inputOf(name: string, values: Readonly<Record<string, Json>>): PreparedCall['input'] {
  const call = prepare(name, values);
  if (isRefusal(call)) throw new Error(call.detail);
  return call.input;
}

function detailOf(name: string, values: Readonly<Record<string, Json>>): string {
  const call = prepare(name, values);
  if (!isRefusal(call)) throw new Error(`it was taken: ${JSON.stringify(call.input)}`);
  return call.detail;
}

const tags = [
  { Key: 'team', Value: "o'neil" },
  { Key: 'büro', Value: '' },
];

describe('texts become what the input is', () => {
  it('a list of structures, from JSON and from what a template prints', () => {
    const forms = [
      JSON.stringify(tags),
      ` ${JSON.stringify(tags, null, 2)}\n`,
      `[{'Key': 'team', 'Value': "o'neil"}, {'Key': 'büro', 'Value': ''}]`,
      String.raw`({'Key': 'team', 'Value': 'o\'neil'}, {'Key': 'b\xfcro', 'Value': '',},)`,
      String.raw`[{"Key": "team", "Value": "o'neil"}, {'Key': 'b\u00fcro', 'Value': ''}]`,
    ];
    for (const form of forms)
      expect(inputOf('tag_user', { Username: 'a', Tags: form }), form).to.deep.include({ Tags: tags });
    expect(inputOf('tag_user', { Username: 'a', Tags: tags })).to.deep.include({ Tags: tags });
  });

  it('a list of texts; one text is a list of one, whatever stands in it', () => {
    const keys = (value: Json): Json | undefined =>
      inputOf('untag_user', { Username: 'a', 'Tag Keys': value })['TagKeys'];
    expect(keys('["a", "b"]')).to.deep.equal(['a', 'b']);
    expect(keys("['a', 'b']")).to.deep.equal(['a', 'b']);
    expect(keys('[]')).to.deep.equal([]);
    for (const one of ['a', 'a, b', 'a\nb', '{"a": 1}', "'a'"]) expect(keys(one)).to.deep.equal([one]);
  });

  it('maps and structures', () => {
    const properties = { 'Ns/One': 'true', 'Ns/Two': 'x' };
    for (const form of [properties, JSON.stringify(properties), "{'Ns/One': 'true', 'Ns/Two': 'x'}"]) {
      expect(inputOf('put_account_properties', { Properties: form })).to.deep.equal({ Properties: properties });
    }
  });

  it('integers and booleans', () => {
    const role = (more: Record<string, Json>): PreparedCall['input'] =>
      inputOf('update_role', { 'Role Name': 'r', ...more });
    expect(role({ 'Max Session Duration': ' 3600\n' })).to.include({ MaxSessionDuration: 3600 });
    expect(role({ MaxSessionDuration: 3600 })).to.include({ MaxSessionDuration: 3600 });
    const profile = inputOf('create_login_profile', { Username: 'a', 'Password Reset Required': 'True' });
    expect(profile).to.deep.equal({ UserName: 'a', PasswordResetRequired: true });
  });

  it('documents: text as it is, a dict of the row as JSON, a JSON value serialised', () => {
    const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: "it's", Resource: '*', N: 1.5 }] };
    const document = (value: Json): Json | undefined =>
      inputOf('create_policy', { 'Policy Name': 'p', 'Policy Document': value })['PolicyDocument'];
    const asText = JSON.stringify(policy, null, 1);
    expect(document(asText)).to.equal(asText);
    expect(document(policy)).to.equal(JSON.stringify(policy));
    const printed = `{'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': "it's", 'Resource': '*', 'N': 1.5}]}`;
    expect(document(printed)).to.equal(JSON.stringify(policy));
    for (const text of ['{not a document', '{{', '<xml/>', "{'a': b}"]) expect(document(text)).to.equal(text);
    const several = inputOf('simulate_custom_policy', { PolicyInputList: [policy], ActionNames: ['iam:GetUser'] });
    expect(several).to.have.property('PolicyInputList').that.is.an('array');
  });

  it('or a refusal that says what was expected, and never shows a secret', () => {
    const cases: readonly [name: string, values: Record<string, Json>, text: string][] = [
      [
        'update_role',
        { RoleName: 'r', MaxSessionDuration: '1h' },
        '"Max Session Duration" is "1h"; it must be a whole number',
      ],
      ['update_role', { RoleName: 'r', MaxSessionDuration: '1.0' }, 'it must be a whole number'],
      ['update_role', { RoleName: 'r', MaxSessionDuration: parseJson('9007199254740993') }, 'below 2^53'],
      ['create_login_profile', { Username: 'a', PasswordResetRequired: 'yes' }, 'it must be True or False'],
      ['tag_user', { Username: 'a', Tags: 'team=x' }, 'it must be a list'],
      ['tag_user', { Username: 'a', Tags: '{"Key": "a"}' }, 'it must be a list'],
      ['tag_user', { Username: 'a', Tags: '[{"Key": "a", "Key": "b"}]' }, 'it must be a list'],
      ['tag_user', { Username: 'a', Tags: "[{'Key': x}]" }, 'it must be a list'],
      ['tag_user', { Username: 'a', Tags: `${'['.repeat(500)}${']'.repeat(500)}` }, 'it must be a list'],
      ['put_account_properties', { Properties: '[]' }, 'it must be a JSON object'],
    ];
    for (const [name, values, text] of cases) expect(detailOf(name, values)).to.contain(text);
    const password = detailOf('change_password', { OldPassword: 'old', NewPassword: 5 });
    expect(password).to.contain('Invalid type for parameter NewPassword, value: ***');
  });

  it('a refusal of thousands of faults, or of a very long value, stays short', () => {
    const many = detailOf('tag_user', { Username: 'a', Tags: Array.from({ length: 130_000 }, () => 1) });
    expect(many.split('\n')).to.have.length(102);
    expect(many).to.contain('(and 129900 more)');
    const named = { ['k'.repeat(100_000)]: { Values: Array.from({ length: 70_000 }, () => 1) } };
    const texts = detailOf('acquire_role', {
      TemplateArn: 'arn:aws:iam::aws:role-template/x',
      ReplacementValues: named,
    });
    expect(texts.length).to.be.below(210_000);
    const long = detailOf('create_user', { Username: ['x'.repeat(200_000)] });
    expect(long.length).to.be.below(3_000);
  });

  it('half a character is refused wherever it stands: no request can carry it', () => {
    const half = '\ud800';
    const cases: readonly [name: string, values: Record<string, Json>][] = [
      ['create_user', { Username: half }],
      ['tag_user', { Username: 'a', Tags: [{ Key: half, Value: 'x' }] }],
      ['tag_user', { Username: 'a', Tags: String.raw`[{'Key': 'k', 'Value': '\ud800'}]` }],
      ['untag_user', { Username: 'a', TagKeys: ['a', half] }],
      ['put_account_properties', { Properties: { [`Ns/${half}`]: 'x' } }],
      ['list_policies_granting_service_access', { Arn: 'arn:aws:iam::123456789012:user/a', ServiceNamespaces: [half] }],
    ];
    for (const [name, values] of cases) expect(detailOf(name, values), name).to.contain('half a character');
  });

  it('a wait has an end', () => {
    expect(detailOf('get_credential_report', { 'Wait Seconds': 21_601 })).to.contain('at most 21600');
  });

  it('nothing of an optional user name is refused; leaving it out means the own user', () => {
    expect(detailOf('get_user', { Username: ' ' })).to.contain('leave the input out');
    expect(inputOf('get_user', {})).to.deep.equal({});
  });
});

describe("the agent's own inputs", () => {
  it('rows, their number and the wait', () => {
    expect(prepare('get_group', { GroupName: 'g', 'As Rows': 'True', 'Max Items': '3' })).to.include({
      asRows: true,
      maxItems: 3,
      waitSeconds: null,
    });
    expect(prepare('get_credential_report', { 'Wait Seconds': '30' })).to.include({ asRows: false, waitSeconds: 30 });
    expect(detailOf('get_group', { GroupName: 'g', 'Max Items': '3' })).to.contain('"As Rows"');
    expect(detailOf('get_group', { GroupName: 'g', 'As Rows': 'all' })).to.contain('it must be True or False');
    expect(detailOf('get_credential_report', { 'Wait Seconds': '0' })).to.contain('from 1 up');
    expect(detailOf('get_user', { 'Wait Seconds': '1' })).to.contain('no input');
  });
});
