// Successful answers beside boto3: one endpoint gives both the same bytes, and the results must be equal to the last member, ResponseMetadata
// with its headers among them. Nothing is left out of the comparison.
import { expect } from 'chai';
import { decodeAnswer } from '../../agent/iam/decode.ts';
import type { Json } from '../../protocol/json.ts';
import { type Answer, errorAnswer, rawAnswer, xmlAnswer } from '../support/scripted-endpoint.ts';
import { asJson, prepared, runEnvelopes, useSideBySide } from './side-by-side.ts';

const user = { Username: 'alice' };
const key = { 'Access Key': 'AKIDEXAMPLE000000000' };
const botoUser = { UserName: 'alice' };
const botoKey = { AccessKeyId: 'AKIDEXAMPLE000000000' };
const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';

const newKey =
  '<AccessKey><UserName>alice</UserName><AccessKeyId>AKIDNEW0000000000000</AccessKeyId><Status>Active</Status>' +
  '<SecretAccessKey>s3cr3t/+</SecretAccessKey><CreateDate>2021-06-09T15:04:16Z</CreateDate></AccessKey>';

describe('results equal to boto3', () => {
  const side = useSideBySide();

  const lastUsed: readonly [title: string, inner: string][] = [
    [
      'a key that was used',
      '<LastUsedDate>2021-06-09T04:17:00Z</LastUsedDate><ServiceName>iam</ServiceName><Region>us-east-1</Region>',
    ],
    ['a key that was never used', '<ServiceName>N/A</ServiceName><Region>N/A</Region>'],
    ['microseconds', '<LastUsedDate>2021-06-09T04:17:00.284521Z</LastUsedDate>'],
    ['nanoseconds', '<LastUsedDate>2021-06-09T04:17:00.2845219Z</LastUsedDate>'],
    ['a fraction of zero', '<LastUsedDate>2021-06-09T04:17:00.000Z</LastUsedDate>'],
    ['another offset', '<LastUsedDate>2021-06-09T04:17:00.5+05:30</LastUsedDate>'],
    ['a time without a zone', '<LastUsedDate>2021-06-09T04:17:00</LastUsedDate>'],
    ['a date alone', '<LastUsedDate>2021-06-09</LastUsedDate>'],
    ['seconds since 1970', '<LastUsedDate>1623212220.5</LastUsedDate>'],
    ['a mail date', '<LastUsedDate>Wed, 09 Jun 2021 14:16:51 GMT</LastUsedDate>'],
    [
      'characters above U+FFFF as references',
      '<ServiceName>&#x1F600;&#128512;&amp;&lt;&gt;&quot;&apos;é😀</ServiceName>',
    ],
    [
      'CDATA, comments and line ends',
      '<ServiceName>a<!-- no -->b<![CDATA[<c>&amp;]]>\r\nd\re&#13;</ServiceName><?pi x?>',
    ],
    ['an empty text and an unknown member', '<ServiceName/><Region></Region><Future>1</Future>'],
    ['text around a child', '<ServiceName> a <b>c</b> d </ServiceName>'],
    ['an empty structure', ''],
  ];
  for (const [title, inner] of lastUsed) {
    it(`get_access_key_last_used: ${title}`, async () => {
      const wrapped = `<UserName>alice</UserName><AccessKeyLastUsed>${inner}</AccessKeyLastUsed>`;
      const steps = [xmlAnswer('GetAccessKeyLastUsed', wrapped)];
      const boto = { method: 'get_access_key_last_used', input: botoKey };
      const { ours, theirs } = await side().both('get_access_key_last_used', key, steps, boto);
      expect(theirs.result, JSON.stringify(theirs)).to.be.an('object');
      expect(asJson(ours)).to.deep.equal([{ result: theirs.result, error: null, has_error: false }]);
    });
  }

  const twice = ['X-Thing', 'one', 'x-thing', 'two', 'Vary', 'a, b', 'Date', 'Wed, 09 Jun 2021 14:16:51 GMT'];
  const declared =
    '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<DeleteAccessKeyResponse a="b" c=\'&lt;\'>\n</DeleteAccessKeyResponse >\n';
  const prefixed =
    '<x:DeleteAccessKeyResponse xmlns:x="urn:x"><x:ResponseMetadata><x:RequestId>r</x:RequestId></x:ResponseMetadata></x:DeleteAccessKeyResponse>';
  const both = { ...user, ...key };
  const botoBoth = { ...botoUser, ...botoKey };
  const others: readonly [action: string, title: string, Record<string, Json>, Record<string, string>, Answer][] = [
    ['create_access_key', 'a new key', user, botoUser, xmlAnswer('CreateAccessKey', newKey)],
    ['delete_access_key', 'a deleted key', both, botoBoth, xmlAnswer('DeleteAccessKey', null)],
    [
      'delete_access_key',
      'headers that come twice',
      both,
      botoBoth,
      xmlAnswer('DeleteAccessKey', null, { headers: twice }),
    ],
    ['delete_access_key', 'no metadata', both, botoBoth, rawAnswer(200, '<DeleteAccessKeyResponse/>')],
    ['delete_access_key', 'a declaration and a byte order mark', both, botoBoth, rawAnswer(200, declared)],
    ['delete_access_key', 'a namespace prefix', both, botoBoth, rawAnswer(200, prefixed)],
    [
      'update_access_key',
      'an updated key',
      { ...both, Status: 'Inactive' },
      { ...botoBoth, Status: 'Inactive' },
      xmlAnswer('UpdateAccessKey', null),
    ],
    [
      'attach_user_policy',
      'an attached policy',
      { ...user, 'Policy ARN': arn },
      { ...botoUser, PolicyArn: arn },
      xmlAnswer('AttachUserPolicy', null),
    ],
  ];
  for (const [action, title, inputs, input, step] of others) {
    it(`${action}: ${title}`, async () => {
      const { ours, theirs } = await side().both(action, inputs, [step], { method: action, input });
      expect(theirs.result, JSON.stringify(theirs)).to.be.an('object');
      expect(asJson(ours)).to.deep.equal([{ result: theirs.result, error: null, has_error: false }]);
    });
  }

  it('test_connection: who the caller is', async () => {
    const inner = '<Arn>arn:aws:iam::123456789012:user/agent</Arn><UserId>AIDA</UserId><Account>123456789012</Account>';
    const boto = { service: 'sts', method: 'get_caller_identity', input: {} } as const;
    const { ours, theirs } = await side().both('test_connection', {}, [xmlAnswer('GetCallerIdentity', inner)], boto);
    expect(theirs.result).to.have.property('Account', '123456789012');
    expect(asJson(ours)).to.deep.equal([{ result: theirs.result, error: null, has_error: false }]);
  });

  it('a call that is throttled once: RetryAttempts is 1 on both sides', async () => {
    const steps = [errorAnswer(400, 'Throttling', 'Rate exceeded'), xmlAnswer('CreateAccessKey', newKey)];
    const boto = { method: 'create_access_key', input: botoUser, attempts: 3 };
    const { ours, theirs } = await side().both('create_access_key', user, steps, boto);
    expect(theirs.result).to.have.nested.property('ResponseMetadata.RetryAttempts', 1);
    expect(asJson(ours)).to.deep.equal([{ result: theirs.result, error: null, has_error: false }]);
  });
});

// The decoder follows the SDK's schemas, so it serves operations that are no actions yet; these have what the actions do not.
describe('decoding equal to boto3', () => {
  const side = useSideBySide();
  const document =
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"a+b%","N":9007199254740993,"U":"é😀"}]}';
  const ofPolicy = { PolicyArn: 'arn:aws:iam::1:policy/p', VersionId: 'v1' };
  const version = (text: string): string =>
    `<PolicyVersion><Document>${text}</Document><VersionId>v1</VersionId><IsDefaultVersion>TRUE</IsDefaultVersion></PolicyVersion>`;
  const deep = '['.repeat(900) + ']'.repeat(900);
  const report = '<Content>dXNlcixhcm4K\nYSxi</Content><ReportFormat>text/csv</ReportFormat>';
  const mfa =
    '<VirtualMFADevice><SerialNumber>arn:aws:iam::1:mfa/m</SerialNumber><QRCodePNG>iVBORw0KGgr//w==</QRCodePNG></VirtualMFADevice>';
  const detail =
    '<UserDetailList><member><UserName>a</UserName><GroupList><member>g1</member><member/></GroupList><UserPolicyList><member>' +
    '<PolicyName>p</PolicyName><PolicyDocument>%7B%22a%22%3A1%7D</PolicyDocument></member></UserPolicyList></member></UserDetailList>';
  const summary =
    '<SummaryMap><entry><key>Users</key><value>32</value></entry><entry><key>Big</key><value> +7 </value></entry></SummaryMap>';
  const role =
    '<Role><RoleName>r</RoleName><Tags> \n </Tags><AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument><RoleLastUsed/></Role>';
  const cases: readonly [title: string, operation: string, method: string, Record<string, Json>, inner: string][] = [
    [
      'a percent-encoded policy',
      'GetPolicyVersion',
      'get_policy_version',
      ofPolicy,
      version(encodeURIComponent(document)),
    ],
    ['a bare percent sign', 'GetPolicyVersion', 'get_policy_version', ofPolicy, version(document)],
    [
      'broken escapes and bad UTF-8',
      'GetPolicyVersion',
      'get_policy_version',
      ofPolicy,
      version('%7B%22a%22:%22%ff%e2%82%zz%%41%f0%9f%98%80%ef%bb%bf%22%7D'),
    ],
    ['a policy that is no JSON', 'GetPolicyVersion', 'get_policy_version', ofPolicy, version('%7Bnot+json%7D')],
    ['an empty policy', 'GetPolicyVersion', 'get_policy_version', ofPolicy, version('')],
    ['a map of numbers', 'GetAccountSummary', 'get_account_summary', {}, summary],
    ['a blob of text', 'GetCredentialReport', 'get_credential_report', {}, report],
    ['a blob of bytes', 'CreateVirtualMFADevice', 'create_virtual_mfa_device', { VirtualMFADeviceName: 'm' }, mfa],
    ['absent, empty and blank lists', 'GetRole', 'get_role', { RoleName: 'r' }, role],
    ['nested lists', 'GetAccountAuthorizationDetails', 'get_account_authorization_details', {}, detail],
  ];
  for (const [title, operation, method, input, inner] of cases) {
    it(`${operation}: ${title}`, async () => {
      const { endpoint, caller, connection, boto } = side();
      const steps = [xmlAnswer(operation, inner)];
      endpoint.play(steps);
      const { signal } = new AbortController();
      const answer = await caller.call({
        service: 'iam',
        operation,
        input,
        connection,
        roleArn: null,
        sessionName: 'j',
        repeat: 'safe',
        signal,
      });
      if (answer.kind !== 'answer') throw new Error(answer.kind);
      const { result } = await boto(steps, { method, input });
      expect(result).to.be.an('object');
      expect(asJson(decodeAnswer('iam', operation, answer)))
        .to.have.property('result')
        .that.deep.equals(result);
    });
  }

  it('a description that is emptied asks for the same as boto3', async () => {
    const { endpoint, caller, connection, boto } = side();
    const role =
      '<Role><Path>/</Path><RoleName>r</RoleName><RoleId>AROA1</RoleId><Arn>a</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>';
    const steps = [xmlAnswer('UpdateRoleDescription', role)];
    const sent = (): string[] => endpoint.requests.map(({ params }) => [...params].sort().join('&'));
    endpoint.play(steps);
    const call = prepared('update_role_description', { 'Role Name': 'r', Description: '' });
    const [envelope] = await runEnvelopes(call, caller, connection);
    const ours = sent();
    const { result } = await boto(steps, {
      method: 'update_role_description',
      input: { RoleName: 'r', Description: '' },
    });
    expect(ours).to.deep.equal(sent());
    expect(ours[0]).to.contain('Description,');
    expect(asJson(envelope)).to.deep.equal({ result, error: null, has_error: false });
  });

  it('a policy nested deeper than any real one stays text instead of failing', () => {
    const { body, headers } = xmlAnswer('GetPolicyVersion', version(deep));
    const pairs = [[headers[0] ?? '', headers[1] ?? '']] as const;
    const decoded = decodeAnswer('iam', 'GetPolicyVersion', {
      kind: 'answer',
      status: 200,
      headers: pairs,
      body,
      attempts: 1,
    });
    expect(decoded).to.have.nested.property('result.PolicyVersion.Document', deep);
  });
});
