// The runner over a caller that answers what it is told: resuming, stopping and failing part way. What it makes of whole answers is compared
// with boto3 in test/conformance.
import { expect } from 'chai';
import type { CallAnswer, CallRequest, IamCaller } from '../../../agent/iam/iam-caller.ts';
import { type ActionPage, runAction } from '../../../agent/iam/run-action.ts';
import type { Json } from '../../../protocol/json.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { prepared, testConnection } from '../../conformance/side-by-side.ts';
import { errorAnswer, xmlAnswer } from '../../support/scripted-endpoint.ts';

const connection = testConnection('http://127.0.0.1:1');
const answer = (step: { status: number; body: string | Uint8Array }): CallAnswer => ({
  kind: 'answer',
  status: step.status,
  headers: [],
  body: step.body,
  attempts: 1,
});

function playing(answers: readonly CallAnswer[]): IamCaller & { readonly requests: CallRequest[] } {
  const requests: CallRequest[] = [];
  const call = async (request: CallRequest): Promise<CallAnswer> => {
    const next = answers[requests.length];
    requests.push(request);
    if (next === undefined) throw new Error('one call too many');
    return await Promise.resolve(next);
  };
  return { call, requests };
}

const page = (names: readonly string[], marker: string | null): CallAnswer => {
  const items = names.map((name) => `<member><PolicyName>${name}</PolicyName></member>`).join('');
  const more =
    marker === null ? '<IsTruncated>false</IsTruncated>' : `<IsTruncated>true</IsTruncated><Marker>${marker}</Marker>`;
  return answer(xmlAnswer('ListPolicies', `<Policies>${items}</Policies>${more}`));
};

async function run(
  action: string,
  inputs: Readonly<Record<string, Json>>,
  caller: IamCaller,
  more: { startMarker?: string | null; itemsBefore?: number } = {},
): Promise<ActionPage[]> {
  const clock = new SimulatedClock();
  const options = { caller, clock, connection, sessionName: 'job-7', signal: new AbortController().signal, ...more };
  return await Array.fromAsync(runAction(prepared(action, inputs), options));
}

describe('running an action', () => {
  it('passes on role, session name, repeat and input', async () => {
    const caller = playing([answer(xmlAnswer('DeleteAccessKey', null))]);
    const role = 'arn:aws:iam::123456789012:role/r';
    await run('delete_access_key', { Username: 'a', 'Access Key': 'AKIDEXAMPLE000000000', 'Role Arn': role }, caller);
    expect(caller.requests[0]).to.deep.include({
      service: 'iam',
      operation: 'DeleteAccessKey',
      input: { UserName: 'a', AccessKeyId: 'AKIDEXAMPLE000000000' },
      roleArn: role,
      sessionName: 'job-7',
      repeat: 'answer_changes',
    });
  });

  it('gives rows with the marker of the next page, and goes on from one', async () => {
    const pages = await run('list_policies', {}, playing([page(['a', 'b'], 'm1'), page(['c'], null)]));
    expect(pages.map(({ marker, envelopes }) => [marker, envelopes.length])).to.deep.equal([
      ['m1', 2],
      [null, 1],
    ]);
    expect(pages[0]?.envelopes[0]).to.deep.equal({ PolicyName: 'a', error: null, has_error: false });
    const caller = playing([page(['c'], null)]);
    const rest = await run('list_policies', {}, caller, { startMarker: 'm1', itemsBefore: 2 });
    expect(caller.requests[0]?.input).to.include({ Marker: 'm1' });
    expect(rest.flatMap(({ envelopes }) => envelopes)).to.have.length(1);
  });

  it('counts what was given before against Max Items', async () => {
    const caller = playing([page(['c', 'd', 'e'], 'm2')]);
    const rest = await run('list_policies', { 'Max Items': '4' }, caller, { startMarker: 'm1', itemsBefore: 2 });
    expect(caller.requests[0]?.input).to.deep.include({ MaxItems: 2 });
    expect(rest).to.have.length(1);
    expect(rest[0]).to.include({ marker: null, failure: null });
    expect(rest[0]?.envelopes.map((envelope) => envelope['PolicyName'])).to.deep.equal(['c', 'd']);
  });

  it('ends a row that had all it asked for before it went on, without another call', async () => {
    for (const itemsBefore of [4, 5]) {
      const caller = playing([]);
      const rest = await run('list_policies', { 'Max Items': '4' }, caller, { startMarker: 'm1', itemsBefore });
      expect(rest).to.deep.equal([{ envelopes: [], marker: null, failure: null, requestId: null }]);
    }
  });

  it('says that a listing could not go on from its marker after a restart', async () => {
    const refused = answer(errorAnswer(400, 'ValidationError', 'Invalid marker'));
    const [rest] = await run('list_policies', {}, playing([refused]), { startMarker: 'm1', itemsBefore: 2_000 });
    expect(rest?.failure?.code).to.equal('aws_error');
    expect(rest?.envelopes[0]?.error).to.match(/Invalid marker \(The listing .* the 2000 items before it were sent/);
    const [, second] = await run('list_policies', {}, playing([page(['a'], 'm2'), refused]), { startMarker: 'm1' });
    expect(second?.envelopes[0]?.error).to.match(/Invalid marker$/);
  });

  for (const [first, circle] of [
    [0, 2],
    [3, 2],
    [5, 7],
    [1, 30],
  ] as const) {
    it(`ends a listing whose markers go round (${circle} of them, after ${first} others)`, async () => {
      const markerAt = (index: number): string => `m${index < first ? index : first + ((index - first) % circle)}`;
      const answers = Array.from({ length: 500 }, (_, index) => page([`p${index}`], markerAt(index)));
      const caller = playing(answers);
      const pages = await run('list_policies', {}, caller);
      expect(pages.at(-1)?.failure?.code).to.equal('aws_malformed');
      expect(pages.at(-1)?.envelopes.at(-1)?.error).to.match(/in a circle/);
      expect(caller.requests.length).to.be.lessThan(4 * (first + circle) + 2);
    });
  }

  it('takes no long listing for one that goes round', async () => {
    const answers = Array.from({ length: 400 }, (_, index) => page([`p${index}`], index < 399 ? `m${index}` : null));
    expect(await run('list_policies', {}, playing(answers))).to.have.length(400);
  });

  it('ends a listing that fails part way with one envelope', async () => {
    const pages = await run(
      'list_policies',
      {},
      playing([page(['a'], 'm1'), answer(errorAnswer(403, 'AccessDenied', 'no'))]),
    );
    expect(pages).to.have.length(2);
    expect(pages[1]).to.deep.equal({
      envelopes: [
        {
          error: 'An error occurred (AccessDenied) when calling the ListPolicies operation: no',
          has_error: true,
          error_code: 'aws_error',
        },
      ],
      marker: null,
      failure: { code: 'aws_error', outcomeUnknown: false },
      requestId: 'err-1',
    });
  });

  it('does not take a listing for whole that says it goes on but not where', async () => {
    const lost = xmlAnswer('ListPolicies', '<Policies><member/></Policies><IsTruncated>true</IsTruncated>');
    const [only, ...more] = await run('list_policies', {}, playing([answer(lost)]));
    expect(more).to.deep.equal([]);
    expect(only?.envelopes.map((envelope) => envelope.has_error)).to.deep.equal([false, true]);
    expect(only?.failure).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: false });
  });

  it('names the operation that refused: AssumeRole comes before the call', async () => {
    const denied = { ...answer(errorAnswer(503, 'AccessDenied', 'no')), operation: 'AssumeRole' } as CallAnswer;
    const [only] = await run('create_access_key', { Username: 'a' }, playing([denied]));
    expect(only?.envelopes[0]?.error).to.contain('when calling the AssumeRole operation: no');
    expect(only?.failure).to.deep.equal({ code: 'aws_error', outcomeUnknown: false });
  });

  const unknowns: readonly [title: string, given: CallAnswer, code: string][] = [
    ['a reset', { kind: 'transport', code: 'closed', message: 'm', ambiguous: true, attempts: 1 }, 'aws_transport'],
    [
      'silence',
      { kind: 'transport', code: 'answer_timeout', message: 'm', ambiguous: true, attempts: 1 },
      'aws_timeout',
    ],
    ['a stop on the way', { kind: 'aborted', ambiguous: true }, 'cancelled'],
    ['a failure inside AWS', answer(errorAnswer(500, 'InternalFailure', 'x')), 'aws_error'],
    ['an empty success', answer({ status: 200, body: '' }), 'aws_malformed'],
  ];
  for (const [title, given, code] of unknowns) {
    it(`${title}: the outcome of a change is unknown, of a read it is a failure`, async () => {
      for (const action of ['create_access_key', 'delete_access_key']) {
        const inputs =
          action === 'create_access_key' ? { Username: 'a' } : { Username: 'a', 'Access Key': 'AKIDEXAMPLE000000000' };
        const [changed] = await run(action, inputs, playing([given]));
        expect(changed?.failure).to.deep.equal({ code, outcomeUnknown: true });
        expect(changed?.envelopes[0]).to.include({ has_error: true, result: null, error_code: 'outcome_unknown' });
      }
      const [read] = await run('list_access_keys', { Username: 'a' }, playing([given]));
      expect(read?.failure).to.deep.equal({ code, outcomeUnknown: false });
      expect(read?.envelopes[0]).to.include({ has_error: true, error_code: code });
    });
  }

  it('knows what cannot have happened', async () => {
    const clear: readonly [given: CallAnswer, code: string][] = [
      [{ kind: 'aborted' }, 'cancelled'],
      [{ kind: 'transport', code: 'connect', message: 'm', ambiguous: false, attempts: 1 }, 'aws_transport'],
      [
        { kind: 'transport', code: 'credentials', message: 'm', ambiguous: false, attempts: 1 },
        'credentials_unavailable',
      ],
      [answer(errorAnswer(400, 'Throttling', 'x')), 'aws_throttled'],
      [answer(errorAnswer(409, 'LimitExceeded', 'x')), 'aws_error'],
    ];
    for (const [given, code] of clear) {
      const [only] = await run('create_access_key', { Username: 'a' }, playing([given]));
      expect(only?.failure, code).to.deep.equal({ code, outcomeUnknown: false });
    }
  });
});
