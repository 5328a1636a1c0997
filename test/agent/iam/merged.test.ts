// Answers with several lists, and the credential report: as one result and, when a row asks for it, as rows. What a merged result must equal
// is compared with boto3 in test/conformance.
import { expect } from 'chai';
import { readReport } from '../../../agent/iam/credential-report.ts';
import type { CallAnswer, CallRequest, IamCaller } from '../../../agent/iam/iam-caller.ts';
import { type ActionPage, runAction } from '../../../agent/iam/run-action.ts';
import type { Json } from '../../../protocol/json.ts';
import { prepared, testConnection } from '../../conformance/side-by-side.ts';
import { type Answer, errorAnswer, xmlAnswer } from '../../support/scripted-endpoint.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const connection = testConnection('http://127.0.0.1:1');

async function run(
  action: string,
  inputs: Readonly<Record<string, Json>>,
  answer: (request: CallRequest, index: number) => Answer,
  from: { readonly startMarker: string; readonly itemsBefore?: number } | null = null,
): Promise<{ readonly pages: readonly ActionPage[]; readonly inputs: readonly CallRequest['input'][] }> {
  const asked: CallRequest['input'][] = [];
  const caller: IamCaller = {
    call: async (request): Promise<CallAnswer> => {
      const { status, body } = answer(request, asked.length);
      asked.push(request.input);
      return await Promise.resolve({ kind: 'answer', headers: [], attempts: 1, status, body });
    },
  };
  const { signal } = new AbortController();
  const options = { caller, clock: new SimulatedClock(), connection, sessionName: 'j', signal, ...from };
  return { pages: await Array.fromAsync(runAction(prepared(action, inputs), options)), inputs: asked };
}

const names = (tag: string, list: readonly string[]): string =>
  list.map((name) => `<member><${tag}>${name}</${tag}></member>`).join('');
const paging = (marker: string | null): string =>
  marker === null ? '<IsTruncated>false</IsTruncated>' : `<IsTruncated>true</IsTruncated><Marker>${marker}</Marker>`;
const entities = (users: readonly string[], roles: readonly string[], marker: string | null): Answer =>
  xmlAnswer(
    'ListEntitiesForPolicy',
    `<PolicyUsers>${names('UserName', users)}</PolicyUsers><PolicyRoles>${names('RoleName', roles)}</PolicyRoles>${paging(marker)}`,
  );
const policy = { PolicyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' };
const pagesOf = (_request: CallRequest, index: number): Answer =>
  index === 0 ? entities(['a', 'b'], [], 'm1') : entities(['c'], ['r'], null);

describe('answers with several lists', () => {
  it('are one result of all pages', async () => {
    const { pages, inputs } = await run('list_entities_for_policy', policy, pagesOf);
    expect(inputs.map(({ Marker: marker }) => marker)).to.deep.equal([undefined, 'm1']);
    expect(pages).to.have.length(1);
    expect(pages[0]?.envelopes).to.deep.equal([
      {
        result: {
          PolicyUsers: [{ UserName: 'a' }, { UserName: 'b' }, { UserName: 'c' }],
          PolicyRoles: [{ RoleName: 'r' }],
        },
        error: null,
        has_error: false,
      },
    ]);
  });

  it('are rows on request: a page at a time, each row with the name of its list, resumable and cut', async () => {
    const { pages } = await run('list_entities_for_policy', { ...policy, 'As Rows': 'True' }, pagesOf);
    const rows = pages.map(({ envelopes, marker }) => [
      envelopes.map((one) => [one['List'], one['UserName'] ?? one['RoleName']]),
      marker,
    ]);
    expect(rows).to.deep.equal([
      [
        [
          ['PolicyUsers', 'a'],
          ['PolicyUsers', 'b'],
        ],
        'm1',
      ],
      [
        [
          ['PolicyUsers', 'c'],
          ['PolicyRoles', 'r'],
        ],
        null,
      ],
    ]);
    const cut = await run('list_entities_for_policy', { ...policy, 'As Rows': 'True', 'Max Items': 3 }, pagesOf);
    expect(cut.pages.flatMap(({ envelopes }) => envelopes)).to.have.length(3);
    const resumed = await run(
      'list_entities_for_policy',
      { ...policy, 'As Rows': true },
      () => entities(['c'], [], null),
      { startMarker: 'm1' },
    );
    expect(resumed.inputs).to.have.length(1);
    expect(resumed.inputs[0]).to.include({ Marker: 'm1' });
  });

  it('that grow beyond what can be sent end before memory does, with the way out', async () => {
    const many = Array.from({ length: 1000 }, (_none, index) => `user-${'x'.repeat(100)}-${index}`);
    const { pages, inputs } = await run('list_entities_for_policy', policy, (_request, index) =>
      entities(many, [], `m${index}`),
    );
    expect(inputs.length).to.be.within(4, 6);
    expect(pages[0]?.envelopes[0]).to.include({ has_error: true, error_code: 'result_too_large' });
    expect(pages[0]?.envelopes[0]?.error).to.contain('"As Rows"');
  });

  it('that say twice where to go on are no endless listing', async () => {
    const { pages, inputs } = await run('list_entities_for_policy', policy, () => entities([], [], 'same'));
    expect(inputs).to.have.length(2);
    expect(pages[0]?.failure).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: false });
  });

  it('of which one is written small goes on as well', async () => {
    const { pages } = await run('list_delegation_requests', {}, (_request, index) =>
      xmlAnswer(
        'ListDelegationRequests',
        `<DelegationRequests>${names('DelegationRequestId', [String(index)])}</DelegationRequests><isTruncated>${index === 0}</isTruncated><Marker>m</Marker>`,
      ),
    );
    expect(pages).to.have.length(2);
  });
});

const report =
  'user,arn,user_creation_time,password_enabled\r\n<root_account>,arn:aws:iam::123456789012:root,2021-06-09T04:17:00+00:00,not_supported\n' +
  '"doe, ""J""",arn:aws:iam::123456789012:user/doe,N/A,false\n';
const reportAnswer = (text: string): Answer =>
  xmlAnswer(
    'GetCredentialReport',
    `<Content>${Buffer.from(text).toString('base64')}</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>2026-01-02T03:04:05Z</GeneratedTime>`,
  );

describe('a report that is not complete', () => {
  it('has no rows, and says so instead of giving none', async () => {
    for (const status of ['IN_PROGRESS', 'FAILED']) {
      const { pages } = await run(
        'get_service_last_accessed_details',
        { JobId: 'j'.repeat(36), 'As Rows': 'True' },
        () => xmlAnswer('GetServiceLastAccessedDetails', `<JobStatus>${status}</JobStatus><ServicesLastAccessed/>`),
      );
      expect(pages[0]?.failure?.code).to.equal('aws_error');
      expect(pages[0]?.envelopes[0]?.error).to.contain(status);
    }
  });
});

describe('an error that quotes a secret', () => {
  it('does not show it', async () => {
    const { pages } = await run('update_login_profile', { Username: 'a', Password: 'hunter2hunter2' }, () =>
      errorAnswer(400, 'ValidationError', "Value 'hunter2hunter2' at 'password' failed"),
    );
    expect(pages[0]?.envelopes[0]?.error).to.contain("Value '***' at 'password'");
  });
});

/** Null: it is no report. */
function recordsOf(text: string): readonly Readonly<Record<string, string>>[] | null {
  const records = readReport(text);
  return records === null ? null : [...records];
}

describe('the credential report', () => {
  it('is one result with the whole text', async () => {
    const { pages } = await run('get_credential_report', {}, () => reportAnswer(report));
    expect(pages[0]?.envelopes[0]).to.have.nested.property('result.Content', report);
  });

  it('is a row for each line on request', async () => {
    const { pages } = await run('get_credential_report', { 'As Rows': 'True' }, () => reportAnswer(report));
    expect(pages).to.have.length(1);
    expect(pages[0]?.envelopes.map(({ user, password_enabled: enabled }) => [user, enabled])).to.deep.equal([
      ['<root_account>', 'not_supported'],
      ['doe, "J"', 'false'],
    ]);
    const one = await run('get_credential_report', { 'As Rows': 'True', 'Max Items': 1 }, () => reportAnswer(report));
    expect(one.pages[0]?.envelopes).to.have.length(1);
  });

  it('of many lines comes in pages, and goes on after them', async () => {
    const users = Array.from({ length: 2_500 }, (_none, index) => `u${index}`);
    const long = `user,arn\n${users.map((user) => `${user},a`).join('\n')}`;
    const usersOf = (pages: readonly ActionPage[]) => pages.map(({ envelopes }) => envelopes.map(({ user }) => user));
    const { pages } = await run('get_credential_report', { 'As Rows': 'True' }, () => reportAnswer(long));
    expect(usersOf(pages)).to.deep.equal([users.slice(0, 1000), users.slice(1000, 2000), users.slice(2000)]);
    const startMarker = pages[0]?.marker ?? '';
    expect(pages.map(({ marker }) => marker)).to.deep.equal([startMarker, startMarker, null]);
    const goOn = { startMarker, itemsBefore: 1000 };
    const rest = await run('get_credential_report', { 'As Rows': 'True' }, () => reportAnswer(long), goOn);
    expect(usersOf(rest.pages)).to.deep.equal([users.slice(1000, 2000), users.slice(2000)]);
    const cut = await run(
      'get_credential_report',
      { 'As Rows': 'True', 'Max Items': 1 },
      () => reportAnswer(long),
      goOn,
    );
    expect(usersOf(cut.pages)).to.deep.equal([[]]);
    const other = { ...goOn, startMarker: 'generated 1999-01-01T00:00:00+00:00' };
    const replaced = await run('get_credential_report', { 'As Rows': 'True' }, () => reportAnswer(long), other);
    expect(replaced.pages[0]?.failure?.code).to.equal('aws_error');
    expect(replaced.pages[0]?.envelopes[0]?.error).to.contain('1999').and.contain(startMarker);
  });

  it('that is none is an error, not an empty listing', async () => {
    for (const text of ['', 'user,arn\na\n', 'user,arn\na,b,c\n']) {
      const { pages } = await run('get_credential_report', { 'As Rows': 'True' }, () => reportAnswer(text));
      expect(pages[0]?.failure?.code, text).to.equal('aws_malformed');
    }
  });

  it('is read to its end whatever stands in it', () => {
    expect(recordsOf('user,arn\n')).to.deep.equal([]);
    expect(recordsOf('user,arn\n1,2')).to.deep.equal([{ user: '1', arn: '2' }]);
    expect(recordsOf('\ufeffuser,arn\n1,2')).to.deep.equal([{ user: '1', arn: '2' }]);
    expect(recordsOf('user,arn\n"x\ny",\n\n')).to.deep.equal([{ user: 'x\ny', arn: '' }]);
    expect(recordsOf('user,arn\n1,"open')).to.deep.equal([{ user: '1', arn: 'open' }]);
    expect(recordsOf('user,arn,__proto__\n1,2,3\n')?.[0]).to.have.own.property('__proto__', '3');
  });

  it('has the header of one', () => {
    const wide = Array.from({ length: 101 }, (_none, index) => `c${index}`).join(',');
    for (const text of [
      '<html>oops</html>',
      'a,b\n1,2',
      'user,arn,arn\n',
      `user,arn,${wide}\n`,
      `user,arn,${'x'.repeat(9_000)}\n`,
    ])
      expect(recordsOf(text), text.slice(0, 20)).to.equal(null);
  });
});
