// The mark of a call: where it goes, and what it tells afterwards.
import { expect } from 'chai';
import type { CallAnswer } from '../../../../agent/iam/iam-caller.ts';
import { markCall, markKey } from '../../../../agent/iam/reconcile/mark.ts';
import { isRefusal } from '../../../../protocol/error-codes.ts';
import { prepared } from '../../../conformance/side-by-side.ts';
import { before, denied, type Ended, listAnswer, noEntity, readBack } from '../../../support/read-back.ts';
import { answerOf } from '../../../support/scripted-caller.ts';

const mark = 'job-1/7';
const role = answerOf(
  'GetRole',
  '<Role><RoleName>r</RoleName><RoleId>AROA1</RoleId><Path>/</Path><Arn>a</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>',
);
const inputs = { 'Role Name': 'r', 'Assume Role Policy Document': '{}' };
const tags = (value: string): CallAnswer =>
  listAnswer('ListRoleTags', 'Tags', `<member><Key>${markKey}</Key><Value>${value}</Value></member>`);

describe('a mark', () => {
  it('is one more tag, of what takes tags only', () => {
    const own = [{ Key: 'team', Value: 'x' }];
    const marked = markCall(prepared('create_role', { ...inputs, Tags: own }), mark);
    expect(marked)
      .to.have.nested.property('input.Tags')
      .that.deep.equals([...own, { Key: markKey, Value: mark }]);
    expect(markCall(prepared('create_user', { Username: 'a' }), mark))
      .to.have.nested.property('input.Tags')
      .with.length(1);
    for (const call of [
      prepared('create_group', { 'Group Name': 'g' }),
      prepared('tag_role', { 'Role Name': 'r', Tags: own }),
    ])
      expect(markCall(call, mark)).to.equal(call);
  });

  it('has a key that a job may not use itself', () => {
    const call = prepared('create_role', { ...inputs, Tags: [{ Key: markKey, Value: mark }] });
    const refusal = markCall(call, mark);
    if (!isRefusal(refusal)) throw new Error('it was taken');
    expect(refusal).to.include({ code: 'invalid_input' }).and.to.have.property('detail').that.contains('mark_created');
  });

  const ended = async (
    tagsAt: (read: number) => CallAnswer,
    change = { mark },
    there: CallAnswer = role,
  ): Promise<Ended> =>
    await readBack(
      'create_role',
      inputs,
      before(),
      (read, _atMs, operation) => (operation === 'GetRole' ? there : tagsAt(read)),
      {
        change,
      },
    );

  it('tells what this call made with certainty, as soon as it is seen', async () => {
    const ours = await ended((read) => (read < 5 ? tags('job-0/7') : tags(mark)));
    expect(ours.envelope.error).to.contain("It carries this call's mark: this call made it.");
    expect(ours.operations).to.deep.equal([
      'GetRole',
      'ListRoleTags',
      'GetRole',
      'ListRoleTags',
      'GetRole',
      'ListRoleTags',
    ]);
    expect(ours.tookMs).to.be.below(60_000);
  });

  it('of another call tells that that one made it', async () => {
    const other = await ended(() => tags('job-1/8'));
    expect(other.envelope.error).to.contain('It carries the mark of another call (job-1/8), which made it.');
    expect(other.tookMs).to.equal(60_000);
  });

  it('that is not there by the end of the time says that another made it, if the tags are true by then', async () => {
    const none = await ended(() => listAnswer('ListRoleTags', 'Tags', ''));
    expect(none.envelope.error).to.contain('No mark of this call was seen on it: another call made it, unless');
    expect(none.tookMs).to.equal(60_000);
  });

  it('that cannot be read tells nothing', async () => {
    const unknown = await ended(() => noEntity);
    expect(unknown.envelope.error).to.contain('could not be read').and.to.not.contain('another call');
    const { envelope } = await ended(() => denied);
    expect(envelope.error)
      .to.contain('Whether it is by this call is not known.')
      .and.to.contain('Its tags could not be read');
  });

  it('is not looked for where there is nothing, or where the call had none', async () => {
    const none = await ended(() => tags(mark), { mark }, noEntity);
    expect(new Set(none.operations)).to.deep.equal(new Set(['GetRole']));
    const unmarked = await readBack(
      'create_role',
      { ...inputs, Tags: [{ Key: markKey, Value: mark }] },
      before(),
      () => role,
    );
    expect(unmarked.operations).to.deep.equal(['GetRole']);
    expect(unmarked.envelope.error).to.contain('Whether it is by this call is not known.');
  });
});
