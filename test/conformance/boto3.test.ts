// The agent's results beside boto3's for the same bytes: one scripted endpoint answers both with the same canned answers, and what comes out
// must be equal to the last member, ResponseMetadata with its headers among them. Nothing is left out of the comparison.
import { expect } from 'chai';
import { decodeAnswer } from '../../agent/iam/decode.ts';
import type { Json } from '../../protocol/json.ts';
import {
  type Answer,
  errorAnswer,
  rawAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
  type Step,
  xmlAnswer,
} from '../support/scripted-endpoint.ts';
import { Boto3Oracle } from './boto3.ts';
import {
  asJson,
  prepared,
  runEnvelopes,
  runPages,
  testCaller,
  type TestCaller,
  testConnection,
} from './side-by-side.ts';

const user = { Username: 'alice' };
const key = { 'Access Key': 'AKIDEXAMPLE000000000' };
const botoUser = { UserName: 'alice' };
const botoKey = { AccessKeyId: 'AKIDEXAMPLE000000000' };

const lastUsed = (inner: string): string => `<UserName>alice</UserName><AccessKeyLastUsed>${inner}</AccessKeyLastUsed>`;
const keyMembers = (id: string): string =>
  `<UserName>alice</UserName><AccessKeyId>${id}</AccessKeyId><Status>Active</Status><CreateDate>2021-06-09T04:10:12Z</CreateDate>`;
const newKey = `<AccessKey>${keyMembers('AKIDNEW0000000000000')}<SecretAccessKey>s3cr3t/+</SecretAccessKey></AccessKey>`;
const policy = (index: number): string =>
  `<member><PolicyName>p${index}</PolicyName><PolicyId>ANPA${index}</PolicyId><Arn>arn:aws:iam::1:policy/p${index}</Arn><Path>/</Path>` +
  `<DefaultVersionId>v1</DefaultVersionId><AttachmentCount>${index}</AttachmentCount><IsAttachable>true</IsAttachable>` +
  '<CreateDate>2020-04-22T23:31:38Z</CreateDate><UpdateDate>2020-04-22T23:31:38+05:30</UpdateDate></member>';

function policyPages(sizes: readonly number[]): Step[] {
  let made = 0;
  return sizes.map((size, page) => {
    const items = Array.from({ length: size }, (_none, index) => policy(made + index)).join('');
    made += size;
    const more = page < sizes.length - 1;
    const paging = more
      ? `<IsTruncated>true</IsTruncated><Marker>page-${page + 1}</Marker>`
      : '<IsTruncated>false</IsTruncated>';
    return xmlAnswer('ListPolicies', `<Policies>${items}</Policies>${paging}`);
  });
}

const get = (inner: string): Answer => xmlAnswer('GetAccessKeyLastUsed', lastUsed(inner));

describe('equal to boto3 for the same bytes', () => {
  let endpoint: ScriptedEndpoint;
  let oracle: Boto3Oracle;
  let caller: TestCaller;

  before(async () => {
    endpoint = await startScriptedEndpoint();
    oracle = new Boto3Oracle();
    caller = testCaller(testConnection(endpoint.url));
  });
  after(async () => {
    caller.close();
    await oracle.stop();
    await endpoint.stop();
  });

  const actions: readonly [
    title: string,
    action: string,
    inputs: Record<string, Json>,
    method: string,
    boto: Record<string, unknown>,
    step: Answer,
  ][] = [
    [
      'a key that was used',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>2021-06-09T04:17:00Z</LastUsedDate><ServiceName>iam</ServiceName><Region>us-east-1</Region>'),
    ],
    [
      'a key that was never used',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<ServiceName>N/A</ServiceName><Region>N/A</Region>'),
    ],
    [
      'microseconds',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>2021-06-09T04:17:00.284521Z</LastUsedDate>'),
    ],
    [
      'nanoseconds',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>2021-06-09T04:17:00.2845219Z</LastUsedDate>'),
    ],
    [
      'a fraction of zero',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>2021-06-09T04:17:00.000Z</LastUsedDate>'),
    ],
    [
      'another offset',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>2021-06-09T04:17:00.5+05:30</LastUsedDate>'),
    ],
    [
      'a time without a zone',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>2021-06-09T04:17:00</LastUsedDate>'),
    ],
    [
      'a date alone',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>2021-06-09</LastUsedDate>'),
    ],
    [
      'seconds since 1970',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>1623212220.5</LastUsedDate>'),
    ],
    [
      'a mail date',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<LastUsedDate>Wed, 09 Jun 2021 14:16:51 GMT</LastUsedDate>'),
    ],
    [
      'characters above U+FFFF as references',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<ServiceName>&#x1F600;&#128512;&amp;&lt;&gt;&quot;&apos;é😀</ServiceName>'),
    ],
    [
      'CDATA, comments and line ends',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<ServiceName>a<!-- no -->b<![CDATA[<c>&amp;]]>\r\nd\re&#13;</ServiceName><?pi x?>'),
    ],
    [
      'an empty text and an unknown member',
      'get_access_key_last_used',
      key,
      'get_access_key_last_used',
      botoKey,
      get('<ServiceName/><Region></Region><Future>1</Future>'),
    ],
    ['an empty structure', 'get_access_key_last_used', key, 'get_access_key_last_used', botoKey, get('')],
    ['a new key', 'create_access_key', user, 'create_access_key', botoUser, xmlAnswer('CreateAccessKey', newKey)],
    [
      'a deleted key',
      'delete_access_key',
      { ...user, ...key },
      'delete_access_key',
      { ...botoUser, ...botoKey },
      xmlAnswer('DeleteAccessKey', null),
    ],
    [
      'an updated key',
      'update_access_key',
      { ...user, ...key, Status: 'Inactive' },
      'update_access_key',
      { ...botoUser, ...botoKey, Status: 'Inactive' },
      xmlAnswer('UpdateAccessKey', null),
    ],
    [
      'an attached policy',
      'attach_user_policy',
      { ...user, 'Policy ARN': 'arn:aws:iam::aws:policy/ReadOnlyAccess' },
      'attach_user_policy',
      { ...botoUser, PolicyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' },
      xmlAnswer('AttachUserPolicy', null),
    ],
    [
      'headers that come twice',
      'delete_access_key',
      { ...user, ...key },
      'delete_access_key',
      { ...botoUser, ...botoKey },
      xmlAnswer('DeleteAccessKey', null, {
        headers: ['X-Thing', 'one', 'x-thing', 'two', 'Vary', 'a, b', 'Date', 'Wed, 09 Jun 2021 14:16:51 GMT'],
      }),
    ],
    [
      'no ResponseMetadata',
      'delete_access_key',
      { ...user, ...key },
      'delete_access_key',
      { ...botoUser, ...botoKey },
      rawAnswer(200, '<DeleteAccessKeyResponse/>'),
    ],
    [
      'an XML declaration and a byte order mark',
      'delete_access_key',
      { ...user, ...key },
      'delete_access_key',
      { ...botoUser, ...botoKey },
      rawAnswer(
        200,
        '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<DeleteAccessKeyResponse a="b" c=\'&lt;\'>\n</DeleteAccessKeyResponse >\n',
      ),
    ],
    [
      'a namespace prefix',
      'delete_access_key',
      { ...user, ...key },
      'delete_access_key',
      { ...botoUser, ...botoKey },
      rawAnswer(
        200,
        '<x:DeleteAccessKeyResponse xmlns:x="urn:x"><x:ResponseMetadata><x:RequestId>r</x:RequestId></x:ResponseMetadata></x:DeleteAccessKeyResponse>',
      ),
    ],
  ];
  for (const [title, action, inputs, method, input, step] of actions) {
    it(`${action}: ${title}`, async () => {
      endpoint.play([step]);
      const connection = testConnection(endpoint.url);
      const [envelope, ...more] = await runEnvelopes(prepared(action, inputs), caller, connection);
      endpoint.play([step]);
      const theirs = await oracle.call({ service: 'iam', endpoint: endpoint.url, method, input });
      expect(theirs.result, JSON.stringify(theirs)).to.be.an('object');
      expect(asJson(envelope)).to.deep.equal({ result: theirs.result, error: null, has_error: false });
      expect(more).to.deep.equal([]);
    });
  }

  it('test_connection: who the caller is', async () => {
    const inner = '<Arn>arn:aws:iam::123456789012:user/agent</Arn><UserId>AIDA</UserId><Account>123456789012</Account>';
    const step = xmlAnswer('GetCallerIdentity', inner);
    endpoint.play([step]);
    const [envelope] = await runEnvelopes(prepared('test_connection', {}), caller, testConnection(endpoint.url));
    endpoint.play([step]);
    const { result } = await oracle.call({
      service: 'sts',
      endpoint: endpoint.url,
      method: 'get_caller_identity',
      input: {},
    });
    expect(asJson(envelope)).to.deep.equal({ result, error: null, has_error: false });
  });

  const document =
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"a+b%","N":9007199254740993,"U":"é😀"}]}';
  const version = (text: string): Answer =>
    xmlAnswer(
      'GetPolicyVersion',
      `<PolicyVersion><Document>${text}</Document><VersionId>v1</VersionId><IsDefaultVersion>TRUE</IsDefaultVersion></PolicyVersion>`,
    );
  const operations: readonly [
    title: string,
    operation: string,
    method: string,
    input: Record<string, Json>,
    step: Answer,
  ][] = [
    [
      'a percent-encoded policy',
      'GetPolicyVersion',
      'get_policy_version',
      { PolicyArn: 'arn:aws:iam::1:policy/p', VersionId: 'v1' },
      version(encodeURIComponent(document)),
    ],
    [
      'a policy with a bare percent sign',
      'GetPolicyVersion',
      'get_policy_version',
      { PolicyArn: 'arn:aws:iam::1:policy/p', VersionId: 'v1' },
      version(document.replaceAll('"', '&quot;')),
    ],
    [
      'a policy with broken escapes and bad UTF-8',
      'GetPolicyVersion',
      'get_policy_version',
      { PolicyArn: 'arn:aws:iam::1:policy/p', VersionId: 'v1' },
      version('%7B%22a%22:%22%ff%e2%82%zz%%41%f0%9f%98%80%22%7D'),
    ],
    [
      'a policy that is no JSON',
      'GetPolicyVersion',
      'get_policy_version',
      { PolicyArn: 'arn:aws:iam::1:policy/p', VersionId: 'v1' },
      version('%7Bnot+json%7D'),
    ],
    [
      'a map of numbers',
      'GetAccountSummary',
      'get_account_summary',
      {},
      xmlAnswer(
        'GetAccountSummary',
        '<SummaryMap><entry><key>Users</key><value>32</value></entry><entry><key>Big</key><value> +7 </value></entry></SummaryMap>',
      ),
    ],
    [
      'a blob of text',
      'GetCredentialReport',
      'get_credential_report',
      {},
      xmlAnswer(
        'GetCredentialReport',
        '<Content>dXNlcixhcm4K\nYSxi</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>2021-06-09T04:17:00Z</GeneratedTime>',
      ),
    ],
    [
      'lists that are absent, empty and blank',
      'GetRole',
      'get_role',
      { RoleName: 'r' },
      xmlAnswer(
        'GetRole',
        '<Role><RoleName>r</RoleName><Tags> \n </Tags><AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument><RoleLastUsed/></Role>',
      ),
    ],
    [
      'nested lists',
      'GetAccountAuthorizationDetails',
      'get_account_authorization_details',
      {},
      xmlAnswer(
        'GetAccountAuthorizationDetails',
        '<UserDetailList><member><UserName>a</UserName><GroupList><member>g1</member><member/></GroupList><UserPolicyList><member><PolicyName>p</PolicyName><PolicyDocument>%7B%22a%22%3A1%7D</PolicyDocument></member></UserPolicyList></member></UserDetailList><IsTruncated>false</IsTruncated>',
      ),
    ],
  ];
  for (const [title, operation, method, input, step] of operations) {
    it(`${operation}: ${title}`, async () => {
      endpoint.play([step]);
      const { signal } = new AbortController();
      const connection = testConnection(endpoint.url);
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
      const decoded = decodeAnswer('iam', operation, answer);
      endpoint.play([step]);
      const { result } = await oracle.call({ service: 'iam', endpoint: endpoint.url, method, input });
      expect(result).to.be.an('object');
      expect(asJson(decoded)).to.have.property('result').that.deep.equals(result);
    });
  }

  const errors: readonly [title: string, step: Step][] = [
    ['a modelled error', errorAnswer(404, 'NoSuchEntity', 'The user with name alice cannot be found.')],
    ['a quota', errorAnswer(409, 'LimitExceeded', 'Cannot exceed quota for AccessKeysPerUser: 2')],
    ['an error with references', errorAnswer(400, 'ValidationError', '1 &lt; 2 &#x1F600;')],
    ['no message', rawAnswer(400, '<ErrorResponse><Error><Code>Odd</Code></Error></ErrorResponse>')],
    ['an empty message', rawAnswer(400, '<ErrorResponse><Error><Code>Odd</Code><Message/></Error></ErrorResponse>')],
    ['no error block', rawAnswer(403, '<html><body>Forbidden by a proxy</body></html>')],
    [
      'an Errors block',
      rawAnswer(400, '<Response><Errors><Error><Code>C</Code><Message>M</Message></Error></Errors></Response>'),
    ],
    ['a page of HTML with 502', rawAnswer(502, '<html><body><br>Bad</body></html>')],
    ['an empty 503', rawAnswer(503, '')],
    ['a status without a name', rawAnswer(599, ' \n')],
    [
      'a redirect',
      rawAnswer(307, '<ErrorResponse><Error><Code>Moved</Code><Message>there</Message></Error></ErrorResponse>'),
    ],
  ];
  for (const [title, step] of errors) {
    it(`error text: ${title}`, async () => {
      endpoint.play([step]);
      const call = prepared('create_access_key', user);
      const [envelope, ...more] = await runEnvelopes(call, caller, testConnection(endpoint.url));
      expect(endpoint.requests).to.have.length(1);
      endpoint.play([step]);
      const theirs = await oracle.call({
        service: 'iam',
        endpoint: endpoint.url,
        method: 'create_access_key',
        input: botoUser,
      });
      expect(theirs.error).to.be.a('string');
      expect(envelope).to.deep.include({ result: null, error: theirs.error, has_error: true });
      expect(more).to.deep.equal([]);
    });
  }

  const broken: readonly [title: string, step: Answer][] = [
    ['an empty 200', rawAnswer(200, '')],
    ['a 200 without its result', rawAnswer(200, '<CreateAccessKeyResponse/>')],
    ['the answer to another operation', xmlAnswer('DeleteAccessKey', null)],
    ['XML that is cut off', rawAnswer(200, `<CreateAccessKeyResponse><CreateAccessKeyResult>${newKey}`)],
    ['HTML with 200', rawAnswer(200, '<html><body><br></body></html>')],
    ['a date that is none', xmlAnswer('CreateAccessKey', newKey.replace('2021-06', '2021-13'))],
  ];
  for (const [title, step] of broken) {
    it(`no success on either side: ${title}`, async () => {
      endpoint.play([step]);
      const [page, ...more] = await runPages(prepared('create_access_key', user), caller, testConnection(endpoint.url));
      endpoint.play([step]);
      const theirs = await oracle.call({
        service: 'iam',
        endpoint: endpoint.url,
        method: 'create_access_key',
        input: botoUser,
      });
      expect(theirs).to.not.have.property('result');
      expect(page?.failure).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: true });
      expect(page?.envelopes).to.have.length(1);
      expect(JSON.stringify(page)).to.not.contain('s3cr3t');
      expect(more).to.deep.equal([]);
    });
  }

  const listings: readonly [title: string, sizes: readonly number[], maxItems: number | undefined][] = [
    ['nothing', [0], undefined],
    ['one page', [3], undefined],
    ['5,000 over uneven pages, one of them empty', [1000, 7, 0, 1000, 1000, 1000, 993], undefined],
    ['the first of a page', [10, 10], 1],
    ['a cut inside the second page', [10, 10, 10], 15],
    ['a cut at the end of a page', [10, 10], 10],
    ['more than there is', [10, 10], 1000],
  ];
  for (const [title, sizes, maxItems] of listings) {
    it(`list_policies: ${title}`, async () => {
      const steps = policyPages(sizes);
      endpoint.play(steps);
      const inputs: Record<string, Json> =
        maxItems === undefined ? { Scope: 'Local' } : { 'Max Items': String(maxItems) };
      const envelopes = await runEnvelopes(prepared('list_policies', inputs), caller, testConnection(endpoint.url));
      endpoint.play(steps);
      const paginate = maxItems === undefined ? {} : { MaxItems: maxItems };
      const theirs = await oracle.call({
        service: 'iam',
        endpoint: endpoint.url,
        method: 'list_policies',
        input: {},
        paginate,
      });
      const items = theirs.result?.['Policies'] as Record<string, unknown>[];
      expect(items).to.be.an('array');
      expect(asJson(envelopes)).to.deep.equal(items.map((item) => ({ ...item, error: null, has_error: false })));
    });
  }

  it('a listing that throttles once and goes on, with equal rows', async () => {
    const [first, second] = policyPages([2, 2]);
    if (first === undefined || second === undefined) throw new Error('no pages');
    const steps = [first, errorAnswer(400, 'Throttling', 'Rate exceeded'), second];
    endpoint.play(steps);
    const envelopes = await runEnvelopes(prepared('list_policies', {}), caller, testConnection(endpoint.url));
    endpoint.play(steps);
    const call = {
      service: 'iam',
      endpoint: endpoint.url,
      method: 'list_policies',
      input: {},
      paginate: {},
      attempts: 3,
    } as const;
    const items = (await oracle.call(call)).result?.['Policies'] as Record<string, unknown>[];
    expect(asJson(envelopes)).to.deep.equal(items.map((item) => ({ ...item, error: null, has_error: false })));
  });

  it('a call that throttles once: RetryAttempts is 1 on both sides', async () => {
    const steps = [errorAnswer(400, 'Throttling', 'Rate exceeded'), xmlAnswer('CreateAccessKey', newKey)];
    endpoint.play(steps);
    const [envelope] = await runEnvelopes(prepared('create_access_key', user), caller, testConnection(endpoint.url));
    endpoint.play(steps);
    const call = {
      service: 'iam',
      endpoint: endpoint.url,
      method: 'create_access_key',
      input: botoUser,
      attempts: 3,
    } as const;
    const { result } = await oracle.call(call);
    expect(result).to.have.nested.property('ResponseMetadata.RetryAttempts', 1);
    expect(asJson(envelope)).to.deep.equal({ result, error: null, has_error: false });
  });

  it('retries that run out are counted in the text', async () => {
    const always = (): Step => errorAnswer(400, 'Throttling', 'Rate exceeded');
    endpoint.play(always);
    const connection = testConnection(endpoint.url);
    const { signal } = new AbortController();
    // Two attempts on each side: ours ends by time, so the answers of ours are slow.
    let answers = 0;
    endpoint.play(() => ({
      ...errorAnswer(400, 'Throttling', 'Rate exceeded'),
      afterMs: (answers += 1) === 1 ? 0 : 60,
    }));
    const { callOnce, requestFor } = await import('../../agent/iam/run-action.ts');
    const options = { caller, connection, sessionName: 'j', retryForMs: 50, signal };
    const ours = await callOnce(caller, requestFor(prepared('get_access_key_last_used', key), options));
    const sent = endpoint.requests.length;
    endpoint.play(always);
    const call = {
      service: 'iam',
      endpoint: endpoint.url,
      method: 'get_access_key_last_used',
      input: botoKey,
      attempts: sent,
    } as const;
    const theirs = await oracle.call(call);
    expect(theirs.error).to.contain(`(reached max retries: ${sent - 1})`);
    expect(ours).to.have.nested.property('failure.text', theirs.error);
    expect(ours).to.have.nested.property('failure.code', 'aws_throttled');
  });

  it('transport errors have the same texts', async () => {
    const connection = testConnection(endpoint.url);
    const ours = async (url: string): Promise<unknown> => {
      const own = testCaller(testConnection(url), { connectMs: 1000, answerMs: 1000 });
      try {
        const [envelope] = await runEnvelopes(prepared('create_access_key', user), own, testConnection(url));
        return envelope?.error;
      } finally {
        own.close();
      }
    };
    const theirs = async (url: string): Promise<unknown> =>
      (await oracle.call({ service: 'iam', endpoint: url, method: 'create_access_key', input: botoUser, timeout: 1 }))
        .error;
    endpoint.play(() => ({ kind: 'reset' }));
    expect(await ours(connection.endpoints.iam ?? ''))
      .to.equal(await theirs(endpoint.url))
      .and.to.contain('closed');
    endpoint.play(() => ({ kind: 'hang' }));
    expect(await ours(endpoint.url))
      .to.equal(await theirs(endpoint.url))
      .and.to.contain('Read timeout');
  });

  it('parameters that boto3 refuses are refused in the same words', async () => {
    const { findAction } = await import('../../agent/iam/catalogue.ts');
    const { prepareCall } = await import('../../agent/iam/inputs.ts');
    const action = findAction('attach_user_policy');
    if (action === undefined) throw new Error('no action');
    const values: readonly [string, Json, Json][] = [
      ['short', 'alice', 'arn:short'],
      ['a number and a list', 7, ['arn:aws:iam::aws:policy/P']],
      ['a truth value and a structure', true, { a: null, b: "it's" }],
      ['characters above U+FFFF', 'alice', '😀😀😀😀😀😀😀😀😀😀😀'],
    ];
    for (const [title, name, arn] of values) {
      const rendered = new Map(
        action.inputs
          .filter(({ required }) => required)
          .map((input) => [input, input.member === 'UserName' ? name : arn]),
      );
      const refusal = prepareCall(action, rendered);
      const theirs = await oracle.call({
        service: 'iam',
        endpoint: endpoint.url,
        method: 'attach_user_policy',
        input: { UserName: name, PolicyArn: arn },
      });
      expect(refusal, title).to.have.property('detail', theirs.error);
    }
  });
});
