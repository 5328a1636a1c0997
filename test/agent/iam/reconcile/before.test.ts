// What is noted before a change leaves.
import { expect } from 'chai';
import type { CallAnswer } from '../../../../agent/iam/iam-caller.ts';
import { beforeCall } from '../../../../agent/iam/reconcile/before.ts';
import { type BeforeRecord, beforeRecordOf } from '../../../../agent/iam/reconcile/record.ts';
import type { Json } from '../../../../protocol/json.ts';
import { prepared, testConnection } from '../../../conformance/side-by-side.ts';
import { before, createdMs, denied, keysAnswer, listAnswer, noEntity } from '../../../support/read-back.ts';
import { answerOf } from '../../../support/scripted-caller.ts';

const create = { Username: 'a' };
const key = { Username: 'a', 'Access Key': 'AKIDOLD0000000000000' };
type Inputs = Readonly<Record<string, Json>>;

describe('what is noted before a call', () => {
  const note = async (action: string, inputs: Inputs, answer: CallAnswer): Promise<BeforeRecord | null> =>
    await beforeCall(prepared(action, inputs), {
      caller: { call: async () => await Promise.resolve(answer) },
      connection: testConnection('http://127.0.0.1:1'),
      sessionName: 'j',
      signal: new AbortController().signal,
    });
  const userAnswer = answerOf(
    'GetUser',
    '<User><UserName>a</UserName><UserId>AIDA1</UserId><CreateDate>2026-01-01T00:00:00Z</CreateDate></User>',
  );

  it('is the ids of what there is, as plain JSON, where AWS chooses them', async () => {
    const record = await note('create_access_key', create, keysAnswer({ AKID1: 'Active', AKID2: 'Inactive' }));
    expect(record).to.deep.equal(before('AKID1', 'AKID2'));
    expect(beforeRecordOf(JSON.parse(JSON.stringify(record)) as Json)).to.deep.equal(record);
  });

  it('has the time that AWS gives with the answer', async () => {
    const listed = {
      ...keysAnswer({ AKID1: 'Active' }),
      headers: [['Date', 'Thu, 01 Jan 2026 00:00:07 GMT']],
    } as CallAnswer;
    const record = await note('create_access_key', create, listed);
    expect(record).to.deep.equal({ ...before('AKID1'), atMs: createdMs + 7_000 });
  });

  it('is one thing, whatever else its answer lists', async () => {
    const group = answerOf(
      'GetGroup',
      '<Group><Path>/</Path><GroupName>g</GroupName><GroupId>AGPA1</GroupId><Arn>a</Arn></Group><Users/><IsTruncated>true</IsTruncated><Marker>m</Marker>',
    );
    expect(await note('create_group', { 'Group Name': 'g' }, group)).to.deep.equal(before('AGPA1'));
  });

  it('is who has the name already', async () => {
    expect(await note('create_user', create, userAnswer)).to.deep.equal(before('AIDA1'));
    expect(await note('create_user', create, noEntity)).to.deep.equal(before());
    const aliases = listAnswer('ListAccountAliases', 'AccountAliases', '<member>alias-x</member>');
    expect(await note('create_account_alias', { 'Account Alias': 'alias-x' }, aliases)).to.deep.equal(
      before('alias-x'),
    );
    expect(await note('create_account_alias', { 'Account Alias': 'alias-y' }, aliases)).to.deep.equal(before());
  });

  it('is who is to be renamed, and nothing when a change renames nobody', async () => {
    const record = await note('update_user', { ...create, 'New User Name': 'b' }, userAnswer);
    expect(record).to.deep.equal(before('AIDA1'));
    expect(await note('update_user', { ...create, 'New Path': '/x/' }, userAnswer)).to.equal(null);
  });

  it('is the reason when it cannot be read', async () => {
    const record = await note('create_access_key', create, denied);
    expect(record).to.include({ ids: null }).and.to.have.property('reason').that.contains('AccessDenied');
  });

  it('is nothing for what a read shows by itself', async () => {
    expect(await note('delete_access_key', key, denied)).to.equal(null);
  });

  it('is not taken from a record of another form', () => {
    for (const odd of [null, 1, [], {}, { kind: 'access_keys_before', keyIds: [] }] as Json[])
      expect(beforeRecordOf(odd)).to.equal(null);
  });
});
