// A credential that a lost call made: made inactive only if the host says so, only when it must be the one, and only after that was noted.
import { expect } from 'chai';
import type { CallAnswer } from '../../../../agent/iam/iam-caller.ts';
import type { BeforeRecord } from '../../../../agent/iam/reconcile/record.ts';
import {
  before,
  createdMs,
  denied,
  type Ended,
  keysAnswer,
  listAnswer,
  readBack,
  type ReadBackOptions,
} from '../../../support/read-back.ts';
import { answerOf } from '../../../support/scripted-caller.ts';

const updated = answerOf('UpdateAccessKey', null);
const lost: CallAnswer = { kind: 'transport', code: 'closed', message: 'cut off', ambiguous: true, attempts: 1 };
const noted: BeforeRecord = { ...before('AKID0'), atMs: createdMs };
type Keys = Readonly<Record<string, string>>;

async function ended(
  keys: Keys | ((read: number) => Keys),
  update: CallAnswer = updated,
  { record = noted, ...options }: ReadBackOptions & { record?: BeforeRecord | null } = {},
): Promise<Ended> {
  const answers = (read: number, _atMs: number, operation: string): CallAnswer =>
    operation === 'UpdateAccessKey' ? update : keysAnswer(typeof keys === 'function' ? keys(read) : keys);
  const connection = { deactivateOrphans: true, ...options.connection };
  return await readBack('create_access_key', { Username: 'a' }, record, answers, { ...options, connection });
}

const updates = ({ operations }: Ended): number => operations.filter((one) => one === 'UpdateAccessKey').length;
const one = { AKID0: 'Active', AKID1: 'Active' };

describe('an orphan', () => {
  it('is left alone unless the host says otherwise', async () => {
    const left = await ended(one, updated, { connection: { deactivateOrphans: false } });
    expect(updates(left)).to.equal(0);
    expect(left.envelope.error).to.contain('Candidate: AKID1').and.to.not.contain('inactive');
  });

  it('is made inactive after the last read, and after that was noted', async () => {
    const done = await ended((read) => (read < 3 ? { AKID0: 'Active' } : one));
    expect(updates(done)).to.equal(1);
    expect(done.operations.at(-1)).to.equal('UpdateAccessKey');
    expect(done.tookMs).to.equal(60_000);
    expect(done.kept).to.deep.equal([[{ ...noted, deactivating: 'AKID1' }, done.operations.length - 1]]);
    expect(done.envelope.error).to.contain('AKID1 was made inactive (deactivate_orphans).');
  });

  it('is left when there is none, more than one, or nobody knows what was there before', async () => {
    const none = await ended({ AKID0: 'Active' });
    const two = await ended({ ...one, AKID2: 'Active' });
    // It was seen once, so it counts, though a later read does not show it.
    const twoInTurn = await ended((read) => (read === 1 ? one : { AKID0: 'Active', AKID2: 'Active' }));
    const unknown = await ended(one, updated, { record: null });
    const unread = await ended(one, updated, { record: { kind: 'before', ids: null, reason: 'denied' } });
    expect([none, two, twoInTurn, unknown, unread].map(updates)).to.deep.equal([0, 0, 0, 0, 0]);
    expect(two.envelope.error).to.contain('None was made inactive (deactivate_orphans), since there is more than one.');
    expect([none, two, twoInTurn, unknown, unread].flatMap(({ kept }) => kept)).to.deep.equal([]);
  });

  it('is left when it may be older than the call: a listing lags, and its secret may be in use', async () => {
    for (const record of [{ ...noted, atMs: createdMs + 1_000 }, before('AKID0')]) {
      const left = await ended(one, updated, { record });
      expect(updates(left)).to.equal(0);
      expect(left.envelope.error)
        .to.contain('Candidate: AKID1')
        .and.to.contain('not certain that it is younger than the call');
      expect(left.kept).to.deep.equal([]);
    }
  });

  it('that is inactive already stays so', async () => {
    const inactive = { AKID0: 'Active', AKID1: 'Inactive' };
    const found = await ended(inactive);
    expect(updates(found)).to.equal(0);
    expect(found.envelope.error).to.contain('AKID1 is inactive.');
    const again = await ended(inactive, updated, { record: { ...noted, deactivating: 'AKID1' } });
    expect(again.envelope.error).to.contain('AKID1 is inactive; this agent was about to make it so');
  });

  it('that cannot be made inactive is named with the reason', async () => {
    const failed = await ended(one, denied);
    expect(failed.envelope.error)
      .to.contain('AKID1 could not be made inactive (deactivate_orphans): ')
      .and.to.contain('AccessDenied');
    const barred = await ended(one, updated, { mayChange: () => false });
    expect(updates(barred)).to.equal(0);
    expect(barred.envelope.error).to.contain('AKID1 was left as it is');
    expect(barred.kept).to.deep.equal([]);
  });

  it('whose change is lost too is read back, and the change is sent once', async () => {
    const sent = { yes: false };
    const answers = (_read: number, _atMs: number, operation: string): CallAnswer => {
      if (operation !== 'UpdateAccessKey')
        return keysAnswer({ AKID0: 'Active', AKID1: sent.yes ? 'Inactive' : 'Active' });
      sent.yes = true;
      return lost;
    };
    const options = { connection: { deactivateOrphans: true } };
    const done = await readBack('create_access_key', { Username: 'a' }, noted, answers, options);
    expect(updates(done)).to.equal(1);
    expect(done.envelope.error)
      .to.contain('Whether AKID1 was made inactive (deactivate_orphans) is not known (cut off).')
      .and.to.contain('the access key AKID1 of the user a is there, as asked for');
    const not = await ended(one, lost);
    expect(updates(not)).to.equal(1);
    expect(not.envelope.error).to.contain('Status is "Active", not "Inactive"');
  });

  it('may be a service-specific credential of the service that was asked for', async () => {
    const credential = (id: string, service: string): string =>
      `<member><ServiceSpecificCredentialId>${id}</ServiceSpecificCredentialId><ServiceName>${service}</ServiceName><Status>Active</Status><UserName>a</UserName><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>`;
    const items = `${credential('ACCA1', 'x.amazonaws.com')}${credential('ACCA2', 'y.amazonaws.com')}`;
    const done = await readBack(
      'create_service_specific_credential',
      { Username: 'a', 'Service Name': 'x.amazonaws.com' },
      { ...before(), atMs: createdMs - 1_000 },
      (_read, _atMs, operation) =>
        operation === 'UpdateServiceSpecificCredential'
          ? answerOf(operation, null)
          : listAnswer('ListServiceSpecificCredentials', 'ServiceSpecificCredentials', items),
      { connection: { deactivateOrphans: true } },
    );
    expect(done.operations.at(-1)).to.equal('UpdateServiceSpecificCredential');
    expect(done.envelope.error).to.contain('Candidate: ACCA1').and.to.contain('ACCA1 was made inactive');
  });
});
