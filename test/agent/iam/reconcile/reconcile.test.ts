// Reading back in simulated time: what is named, how often it is looked, and that nothing is ever claimed that was not seen.
import { expect } from 'chai';
import type { CallAnswer } from '../../../../agent/iam/iam-caller.ts';
import type { BeforeRecord } from '../../../../agent/iam/reconcile/record.ts';
import type { Json } from '../../../../protocol/json.ts';
import { before, cause, denied, keysAnswer, listAnswer, noEntity, readBack } from '../../../support/read-back.ts';
import { answerOf } from '../../../support/scripted-caller.ts';

const create = { Username: 'a' };
const key = { Username: 'a', 'Access Key': 'AKIDOLD0000000000000' };
const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const holds = 'The wanted state holds now: ';
const holdsNot = 'The wanted state does not hold; the call may still take effect: ';
const notRead = 'Whether the wanted state holds could not be read: ';
type Inputs = Readonly<Record<string, Json>>;

async function errorOf(
  action: string,
  inputs: Inputs,
  record: BeforeRecord | null,
  answers: Parameters<typeof readBack>[3],
): Promise<string> {
  return (await readBack(action, inputs, record, answers)).envelope.error ?? '';
}

describe('a new key that may or may not be there', () => {
  it('is looked for until the end of the time, and named', async () => {
    const late = (_read: number, atMs: number): CallAnswer =>
      keysAnswer(atMs < 30_000 ? { AKIDOLD: 'Active' } : { AKIDOLD: 'Active', AKIDNEW: 'Active' });
    const { envelope, operations, tookMs } = await readBack('create_access_key', create, before('AKIDOLD'), late);
    expect(envelope.error).to.contain(
      `${holds}a new access key of the user a is there. Candidate: AKIDNEW (Active, created 2026-01-01T00:00:00+00:00).`,
    );
    expect(envelope.error).to.contain(cause).and.to.not.contain('AKIDOLD');
    expect(tookMs).to.equal(60_000);
    expect(operations.length).to.be.within(4, 10);
    expect(new Set(operations)).to.deep.equal(new Set(['ListAccessKeys']));
  });

  it('stays named when a later read does not show it, or fails', async () => {
    const once = (read: number): CallAnswer => keysAnswer(read === 2 ? { AKIDNEW: 'Active' } : {});
    expect(await errorOf('create_access_key', create, before(), once)).to.contain('Candidate: AKIDNEW');
    const then = (read: number): CallAnswer => (read === 1 ? keysAnswer({ AKIDNEW: 'Active' }) : denied);
    expect(await errorOf('create_access_key', create, before(), then)).to.contain('Candidate: AKIDNEW');
  });

  it('is not claimed when nothing is seen, nor when the reads fail', async () => {
    const old = keysAnswer({ AKIDOLD: 'Active' });
    const none = await errorOf('create_access_key', create, before('AKIDOLD'), () => old);
    expect(none).to.contain(`${holdsNot}no new access key of the user a was seen`);
    const failed = await readBack('create_access_key', create, before(), () => denied);
    expect(failed.envelope.error).to.contain(notRead).and.to.contain('AccessDenied');
    expect(failed.tookMs).to.equal(60_000);
  });

  it('is one of several when others were made meanwhile, or what was there before is not known', async () => {
    const two = keysAnswer({ AKID1: 'Active', AKID2: 'Active' });
    const both = await errorOf('create_access_key', create, before(), () => two);
    expect(both).to.contain('Candidates: AKID1').and.to.contain('AKID2');
    for (const record of [null, { kind: 'before', ids: null, reason: 'x' } as const]) {
      const error = await errorOf('create_access_key', create, record, () => keysAnswer({ AKID1: 'Active' }));
      expect(error).to.contain(`${notRead}What was there before the call is not known`).and.to.contain('AKID1');
      expect(error).to.not.contain(holds);
    }
  });

  it('is told from others by what an item shows, and not by what it leaves out', async () => {
    const document = '{"Version":"2012-10-17","Statement":[]}';
    const versions = ['', document, document.replace('[]', '[{"Effect":"Deny","Action":"*","Resource":"*"}]')].map(
      (text, index) =>
        `<member><VersionId>v${index + 2}</VersionId><IsDefaultVersion>false</IsDefaultVersion>` +
        `${text === '' ? '' : `<Document>${encodeURIComponent(text)}</Document>`}</member>`,
    );
    const inputs = { PolicyArn: arn, PolicyDocument: document };
    const answer = listAnswer('ListPolicyVersions', 'Versions', versions.join(''));
    const error = await errorOf('create_policy_version', inputs, before('v1'), () => answer);
    expect(error).to.contain('Candidates: v2 (IsDefaultVersion false), v3 (IsDefaultVersion false).');
  });
});

describe('something made under a name', () => {
  const userOf = (id: string): CallAnswer =>
    answerOf(
      'GetUser',
      `<User><UserName>a</UserName><UserId>${id}</UserId><CreateDate>2026-01-01T00:00:00Z</CreateDate></User>`,
    );

  it('is there and was not before, or was, or nobody knows', async () => {
    const fresh = await readBack('create_user', create, before(), () => userOf('AIDA1'));
    expect(fresh.envelope.error).to.contain(
      `${holds}the user a is there, AIDA1 (created 2026-01-01T00:00:00+00:00). It was not there before the call. Whether it is by this call is not known.`,
    );
    expect(fresh.tookMs).to.equal(0);
    const old = await errorOf('create_user', create, before('AIDA1'), () => userOf('AIDA1'));
    expect(old).to.contain('It was there before the call, which did not make it.');
    const other = await errorOf('create_user', create, before('AIDA0'), () => userOf('AIDA1'));
    expect(other).to.contain('It was not there before the call.');
    const unknown = await errorOf('create_user', create, { kind: 'before', ids: null, reason: 'denied' }, () =>
      userOf('AIDA1'),
    );
    expect(unknown).to.contain('What was there before the call is not known (denied).');
  });

  it('is not there until the end, or cannot be read', async () => {
    const none = await readBack('create_user', create, before(), () => noEntity);
    expect(none.envelope.error).to.contain(`${holdsNot}the user a is not there.`);
    expect(none.tookMs).to.equal(60_000);
    expect(await errorOf('create_user', create, before(), () => denied))
      .to.contain(notRead)
      .and.to.contain('AccessDenied');
  });

  it('is found by the end of its ARN when that holds the account', async () => {
    const list = (serial: string): CallAnswer =>
      listAnswer(
        'ListVirtualMFADevices',
        'VirtualMFADevices',
        `<member><SerialNumber>${serial}</SerialNumber></member>`,
      );
    const inputs = { 'Virtual MFA Device Name': 'd', Path: '/p/' };
    const serial = 'arn:aws:iam::123456789012:mfa/p/d';
    const found = await errorOf('create_virtual_mfa_device', inputs, before(), () => list(serial));
    expect(found).to.contain(`${holds}the virtual MFA device d is there, ${serial}.`);
    const other = await errorOf('create_virtual_mfa_device', inputs, before(), () => list(`${serial}2`));
    expect(other).to.contain(holdsNot);
    const oidc = await errorOf('create_open_id_connect_provider', { Url: 'https://idp.example.com/x' }, before(), () =>
      listAnswer(
        'ListOpenIDConnectProviders',
        'OpenIDConnectProviderList',
        '<member><Arn>arn:aws:iam::1:oidc-provider/idp.example.com/x</Arn></member>',
      ),
    );
    expect(oidc).to.contain(holds);
  });

  it('has a password that no read shows', async () => {
    const inputs = { Username: 'a', Password: 'S3cret-password' };
    const answer = answerOf(
      'GetLoginProfile',
      '<LoginProfile><UserName>a</UserName><CreateDate>2026-01-01T00:00:00Z</CreateDate></LoginProfile>',
    );
    const error = await errorOf('create_login_profile', inputs, before(), () => answer);
    expect(error).to.contain(`${holds}the login profile of the user a is there (created 2026-01-01T00:00:00+00:00).`);
    expect(error).to.contain('Password is not known').and.to.not.contain('S3cret');
  });
});

describe('a change that may or may not have been made', () => {
  it('delete: gone or still there', async () => {
    const there = keysAnswer({ AKIDOLD0000000000000: 'Active' });
    const gone = await readBack('delete_access_key', key, null, (read) => (read < 3 ? there : keysAnswer({})));
    expect(gone.envelope.error).to.contain(`${holds}the access key AKIDOLD0000000000000 of the user a is not there.`);
    expect(gone.operations).to.have.length(3);
    const still = await readBack('delete_access_key', key, null, () => there);
    expect(still.envelope.error).to.contain(`${holdsNot}the access key AKIDOLD0000000000000 of the user a is there.`);
    expect(still.tookMs).to.equal(60_000);
    expect(await errorOf('delete_user', create, null, () => noEntity)).to.contain(`${holds}the user a is not there.`);
  });

  it('update: the wanted state, another, or no key', async () => {
    const inputs = { ...key, Status: 'Inactive' };
    const ended = async (status?: string): Promise<string> => {
      const keys = status === undefined ? {} : { AKIDOLD0000000000000: status };
      return await errorOf('update_access_key', inputs, null, () => keysAnswer(keys));
    };
    expect(await ended('Inactive')).to.contain(
      `${holds}the access key AKIDOLD0000000000000 of the user a is there, as asked for.`,
    );
    expect(await ended('Active'))
      .to.contain('Status is "Active", not "Inactive"')
      .and.to.contain(holdsNot);
    expect(await ended()).to.contain(`${holdsNot}the access key AKIDOLD0000000000000 of the user a is not there.`);
  });

  it('attach: attached or not', async () => {
    const ended = async (items: string): Promise<string> =>
      await errorOf('attach_user_policy', { Username: 'a', 'Policy ARN': arn }, null, () =>
        listAnswer('ListAttachedUserPolicies', 'AttachedPolicies', items),
      );
    const yes = await ended(`<member><PolicyArn>${arn}</PolicyArn></member>`);
    expect(yes).to.contain(`${holds}the attachment of the policy ${arn} to the user a is there`);
    expect(await ended('')).to.contain(holdsNot);
  });

  it('follows a listing to its end', async () => {
    const page = (id: string, more: string): CallAnswer =>
      answerOf(
        'ListAccessKeys',
        `<AccessKeyMetadata><member><AccessKeyId>${id}</AccessKeyId></member></AccessKeyMetadata>${more}`,
      );
    const more = '<IsTruncated>true</IsTruncated><Marker>m</Marker>';
    const ended = await readBack('delete_access_key', key, null, (read) =>
      read % 2 === 1 ? page('OTHER', more) : page('AKIDOLD0000000000000', '<IsTruncated>false</IsTruncated>'),
    );
    expect(ended.envelope.error).to.contain(holdsNot);
    const endless = await errorOf('delete_access_key', key, null, () => page('OTHER', more));
    expect(endless).to.contain(`${notRead}the listing ListAccessKeys did not come to its end`);
  });

  it('tags: each as asked for, or named', async () => {
    const tags = (...pairs: [string, string][]): CallAnswer =>
      listAnswer(
        'ListUserTags',
        'Tags',
        pairs.map(([k, v]) => `<member><Key>${k}</Key><Value>${v}</Value></member>`).join(''),
      );
    const inputs = {
      ...create,
      Tags: [
        { Key: 'x', Value: '1' },
        { Key: 'y', Value: '' },
      ],
    };
    expect(await errorOf('tag_user', inputs, null, () => tags(['x', '1'], ['y', ''], ['z', '3']))).to.contain(holds);
    const wrong = await errorOf('tag_user', inputs, null, () => tags(['x', '2']));
    expect(wrong).to.contain(holdsNot).and.to.contain('at x, y.');
    const untag = { ...create, TagKeys: ['x', 'q'] };
    expect(await errorOf('untag_user', untag, null, () => tags(['y', '']))).to.contain(holds);
    expect(await errorOf('untag_user', untag, null, () => tags(['x', '1']))).to.contain('at x.');
  });

  it('rename: the one that was meant, another of that name, or not known', async () => {
    const answer = answerOf('GetUser', '<User><UserName>b</UserName><UserId>AIDA1</UserId><Path>/n/</Path></User>');
    const inputs = { ...create, 'New User Name': 'b', 'New Path': '/n/' };
    expect(await errorOf('update_user', inputs, before('AIDA1'), () => answer)).to.contain(
      `${holds}the user b is there, as asked for`,
    );
    expect(await errorOf('update_user', inputs, before('AIDA2'), () => answer)).to.contain(
      'another one, which was not renamed',
    );
    expect(await errorOf('update_user', inputs, null, () => answer)).to.contain(notRead);
    const path = { ...inputs, 'New Path': '/other/' };
    expect(await errorOf('update_user', path, before('AIDA1'), () => answer)).to.contain(
      'Path is "/n/", not "/other/"',
    );
  });

  it('what is given back in part, or not at all, is said so', async () => {
    const answer = answerOf(
      'GetLoginProfile',
      '<LoginProfile><UserName>a</UserName><PasswordResetRequired>true</PasswordResetRequired></LoginProfile>',
    );
    const only = await readBack('update_login_profile', { ...create, Password: 'S3cret-password' }, null, () => answer);
    expect(only.envelope.error).to.contain(`${notRead}the login profile of the user a is there; Password is not known`);
    expect(only.tookMs).to.equal(0);
    const both = { ...create, Password: 'S3cret-password', 'Password Reset Required': true };
    expect(await errorOf('update_login_profile', both, null, () => answer)).to.contain(
      'as far as it can be read; Password is not known',
    );
    const other = { ...both, 'Password Reset Required': false };
    expect(await errorOf('update_login_profile', other, null, () => answer)).to.contain(
      'PasswordResetRequired is true, not false',
    );
  });

  it('what no read shows is not read', async () => {
    const ended = await readBack('change_password', { 'Old Password': 'a', 'New Password': 'b' }, null, () => denied);
    expect(ended.envelope.error).to.contain(`${notRead}passwords are in no answer`);
    expect([ended.operations, ended.tookMs]).to.deep.equal([[], 0]);
  });

  it('stops when told to', async () => {
    const abort = new AbortController();
    const stopping = readBack(
      'create_access_key',
      create,
      before(),
      () => {
        abort.abort(new Error('stopping'));
        return keysAnswer({});
      },
      { signal: abort.signal },
    );
    expect(await stopping.catch((error: unknown) => error)).to.have.property('message', 'stopping');
  });
});
