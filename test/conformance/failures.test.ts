// Failures beside boto3: the texts must be the same for the same bytes. Left out: boto3's "(reached max retries: 0)" where it was told not to
// retry (the agent says how many retries there were only when there were any), and boto3's wording for answers that are no XML (it quotes the
// body, which may hold a secret; here it is enough that neither side calls it a success).
import { expect } from 'chai';
import { actions, findAction } from '../../agent/iam/catalogue.ts';
import { prepareCall } from '../../agent/iam/inputs.ts';
import { callOnce, requestFor } from '../../agent/iam/call-once.ts';
import type { Json } from '../../protocol/json.ts';
import { type Answer, errorAnswer, rawAnswer, type Step, xmlAnswer } from '../support/scripted-endpoint.ts';
import { prepared, runEnvelopes, testCaller, testConnection, useSideBySide } from './side-by-side.ts';

const user = { Username: 'alice' };
const boto = { method: 'create_access_key', input: { UserName: 'alice' } };
const newKey =
  '<AccessKey><UserName>alice</UserName><AccessKeyId>AKIDNEW0000000000000</AccessKeyId><Status>Active</Status>' +
  '<SecretAccessKey>s3cr3t/+</SecretAccessKey><CreateDate>2021-06-09T15:04:16Z</CreateDate></AccessKey>';

describe('failures equal to boto3', () => {
  const side = useSideBySide();

  const errors: readonly [title: string, step: Step][] = [
    ['a modelled error', errorAnswer(404, 'NoSuchEntity', 'The user with name alice cannot be found.')],
    ['a quota', errorAnswer(409, 'LimitExceeded', 'Cannot exceed quota for AccessKeysPerUser: 2')],
    ['an error with references', errorAnswer(400, 'ValidationError', '1 &lt; 2 &#x1F600;')],
    ['no message', rawAnswer(400, '<ErrorResponse><Error><Code>Odd</Code></Error></ErrorResponse>')],
    ['an empty message', rawAnswer(400, '<ErrorResponse><Error><Code>Odd</Code><Message/></Error></ErrorResponse>')],
    ['no error block', rawAnswer(403, '<html><body>Forbidden by a proxy</body></html>')],
    ['an Errors block', rawAnswer(400, '<R><Errors><Error><Code>C</Code><Message>M</Message></Error></Errors></R>')],
    ['a page of HTML with 502', rawAnswer(502, '<html><body><br>Bad</body></html>')],
    ['an empty 503', rawAnswer(503, '')],
    ['a status without a name', rawAnswer(599, ' \n')],
    ['a redirect', rawAnswer(307, '<E><Error><Code>Moved</Code><Message>there</Message></Error></E>')],
  ];
  for (const [title, step] of errors) {
    it(`text: ${title}`, async () => {
      const { ours, theirs, sent } = await side().both('create_access_key', user, [step], boto);
      expect(theirs.error).to.be.a('string');
      expect(ours).to.have.length(1);
      const text = theirs.error?.replace(' (reached max retries: 0)', '');
      expect(ours[0]).to.include({ result: null, error: text, has_error: true });
      expect(sent).to.equal(1);
    });
  }

  const broken: readonly [title: string, step: Answer][] = [
    ['an empty 200', rawAnswer(200, '')],
    ['a 200 without its result', rawAnswer(200, '<CreateAccessKeyResponse/>')],
    ['the answer to another operation', xmlAnswer('DeleteAccessKey', null)],
    ['XML that is cut off', rawAnswer(200, `<CreateAccessKeyResponse><CreateAccessKeyResult>${newKey}`)],
    ['HTML with 200', rawAnswer(200, '<html><body><br></body></html>')],
    ['a date that is none', xmlAnswer('CreateAccessKey', newKey.replace('2021-06', '2021-13'))],
    [
      'an entity of its own',
      rawAnswer(200, `<!DOCTYPE a [<!ENTITY b "c">]><CreateAccessKeyResponse>&d;</CreateAccessKeyResponse>`),
    ],
  ];
  for (const [title, step] of broken) {
    it(`no success on either side: ${title}`, async () => {
      const { pages, theirs, sent } = await side().both('create_access_key', user, [step], boto);
      expect(theirs).to.not.have.property('result');
      expect(pages).to.have.length(1);
      expect(pages[0]?.failure).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: true });
      expect(pages[0]?.envelopes[0]).to.include({ has_error: true, error_code: 'outcome_unknown' });
      expect(JSON.stringify(pages)).to.not.contain('s3cr3t');
      expect(sent).to.equal(1);
    });
  }

  it('a new key without its secret is no success, though boto3 says it is', async () => {
    const step = xmlAnswer('CreateAccessKey', newKey.replace(/<Secret.*Key>(?=<Create)/, ''));
    const { pages, theirs } = await side().both('create_access_key', user, [step], boto);
    expect(theirs.result).to.be.an('object');
    expect(pages[0]?.failure).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: true });
  });

  it('a new credential is a success with one of its secrets, and a loss without any', async () => {
    const inputs = { Username: 'a', 'Service Name': 'x.amazonaws.com' };
    const call = {
      method: 'create_service_specific_credential',
      input: { UserName: 'a', ServiceName: 'x.amazonaws.com' },
    };
    const common =
      '<CreateDate>2026-01-01T00:00:00Z</CreateDate><ServiceName>x</ServiceName><UserName>a</UserName>' +
      '<ServiceSpecificCredentialId>ACCA1</ServiceSpecificCredentialId><Status>Active</Status>';
    const failureOf = async (secrets: string): Promise<unknown> => {
      const inner = `<ServiceSpecificCredential>${common}${secrets}</ServiceSpecificCredential>`;
      const step = xmlAnswer('CreateServiceSpecificCredential', inner);
      const { pages, theirs } = await side().both(call.method, inputs, [step], call);
      expect(theirs.result).to.be.an('object');
      return pages[0]?.failure;
    };
    expect(await failureOf('<ServicePassword>p</ServicePassword>')).to.equal(null);
    expect(await failureOf('<ServiceCredentialSecret>s</ServiceCredentialSecret>')).to.equal(null);
    for (const none of ['', '<ServicePassword/>', '<ServiceUserName>u</ServiceUserName><ServiceCredentialSecret/>'])
      expect(await failureOf(none)).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: true });
    const device = '<VirtualMFADevice><SerialNumber>arn:aws:iam::1:mfa/d</SerialNumber></VirtualMFADevice>';
    const named = { method: 'create_virtual_mfa_device', input: { VirtualMFADeviceName: 'd' } };
    const steps = [xmlAnswer('CreateVirtualMFADevice', device)];
    const { pages } = await side().both(named.method, { 'Virtual MFA Device Name': 'd' }, steps, named);
    expect(pages[0]?.failure).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: true });
  });

  it('retries that run out are counted in the text', async () => {
    const { endpoint, caller, connection, boto: runBoto } = side();
    // Time ends the agent's retries, so its second attempt is made to take longer than it has.
    endpoint.play((_request, index) => ({ ...errorAnswer(400, 'Throttling', 'Rate exceeded'), afterMs: index * 60 }));
    const { signal } = new AbortController();
    const options = { caller, connection, sessionName: 'j', retryForMs: 50, signal };
    const call = prepared('get_access_key_last_used', { 'Access Key': 'AKIDEXAMPLE000000000' });
    const ours = await callOnce(caller, requestFor(call, options));
    const sent = endpoint.requests.length;
    expect(sent).to.be.above(1);
    const always = (): Step => errorAnswer(400, 'Throttling', 'Rate exceeded');
    const input = { AccessKeyId: 'AKIDEXAMPLE000000000' };
    const theirs = await runBoto(always, { method: 'get_access_key_last_used', input, attempts: sent });
    expect(theirs.error).to.contain(`(reached max retries: ${sent - 1})`);
    expect(ours).to.have.nested.property('failure.text', theirs.error);
    expect(ours).to.have.nested.property('failure.code', 'aws_throttled');
  });

  const transports: readonly [title: string, step: Step, text: string][] = [
    ['a reset', { kind: 'reset' }, 'closed'],
    ['silence', { kind: 'hang' }, 'Read timeout'],
  ];
  for (const [title, step, text] of transports) {
    it(`transport text: ${title}`, async () => {
      const { endpoint, connection, boto: runBoto } = side();
      const caller = testCaller(connection, { connectMs: 1000, answerMs: 300 });
      try {
        endpoint.play(() => step);
        const [envelope] = await runEnvelopes(prepared('create_access_key', user), caller, connection);
        expect(endpoint.requests).to.have.length(1);
        const theirs = await runBoto(() => step, { ...boto, timeout: 1 });
        expect(theirs.error).to.contain(text);
        expect(envelope?.error).to.equal(theirs.error);
      } finally {
        caller.close();
      }
    });
  }

  it('transport text: nobody listens', async () => {
    const { boto: runBoto } = side();
    const connection = testConnection('http://127.0.0.1:1');
    const caller = testCaller(connection);
    try {
      const options = { caller, connection, sessionName: 'j', retryForMs: 0, signal: new AbortController().signal };
      const ours = await callOnce(caller, requestFor(prepared('create_access_key', user), options));
      const theirs = await runBoto([], { ...boto, endpoint: 'http://127.0.0.1:1' });
      expect(theirs.error).to.contain('Could not connect');
      expect(ours).to.have.nested.property('failure.text', theirs.error);
      expect(ours).to.have.nested.property('failure.outcomeUnknown', false);
    } finally {
      caller.close();
    }
  });

  const values: readonly [title: string, name: Json, arn: Json][] = [
    ['a short text', 'alice', 'arn:short'],
    ['a number and a list', 7, ['arn:aws:iam::aws:policy/P']],
    ['a truth value and a structure', true, { a: null, b: "it's", c: 'say "it\'s"\n' }],
    ['characters above U+FFFF', 'alice', '😀😀😀😀😀😀😀😀😀😀😀'],
  ];
  for (const [title, name, arn] of values) {
    it(`parameters: ${title}`, async () => {
      const action = findAction('attach_user_policy');
      const inputs = action?.inputs.filter(({ required }) => required) ?? [];
      const rendered = new Map(inputs.map((input) => [input, input.member === 'UserName' ? name : arn]));
      const refusal = action === undefined ? null : prepareCall(action, rendered);
      const input = { UserName: name, PolicyArn: arn };
      const theirs = await side().boto([], { method: 'attach_user_policy', input });
      expect(theirs.error).to.contain('Parameter validation failed:\n');
      expect(refusal).to.have.property('detail', theirs.error);
    });
  }

  for (const action of actions) {
    const texts = action.inputs.filter(
      ({ shape, oneOf, role }) => shape.type === 'text' && oneOf === undefined && role === undefined,
    );
    // Actions whose required inputs are of another kind are compared in every-operation.
    const others = action.inputs.some(({ required, shape }) => required && shape.type !== 'text');
    if (texts.length === 0 || others) continue;
    it(`lengths: ${action.name} takes what boto3 takes`, async () => {
      for (const length of [1, 15, 16, 19, 20]) {
        const rendered = new Map(
          action.inputs
            .filter(({ required }) => required)
            .map((input) => [input, input.oneOf?.[0] ?? 'x'.repeat(length)]),
        );
        const input = Object.fromEntries([...rendered].map(([known, value]) => [known.member ?? '', value]));
        const ours = prepareCall(action, rendered);
        const step = errorAnswer(400, 'Reached', 'it was sent');
        const theirs = await side().boto([step], { service: action.service, method: action.name, input });
        if (theirs.error?.includes('(Reached)') === true) expect(ours, `${length}`).to.deep.include({ input });
        else expect(ours, `${length}`).to.have.property('detail', theirs.error);
      }
    });
  }
});
