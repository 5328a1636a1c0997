// The one key that a lost call made: made inactive if the host says so, durably, and never otherwise.
import { expect } from 'chai';
import type { CallAnswer } from '../../../agent/iam/iam-caller.ts';
import { type CallStep, resumeIntent } from '../../../agent/job/call.ts';
import { aConnection } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';
import { keyId, broken, create, portsWith, stepsOf, kinds } from '../../support/call-steps.ts';

describe('the one key that a lost call made', () => {
  const keys = (...ids: string[]): CallAnswer => {
    const facts = '<Status>Active</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate>';
    const items = ids.map((id) => `<member><AccessKeyId>${id}</AccessKeyId>${facts}</member>`);
    const list = `<AccessKeyMetadata>${items.join('')}</AccessKeyMetadata><IsTruncated>false</IsTruncated>`;
    return { ...answerOf('ListAccessKeys', list), headers: [['Date', 'Thu, 01 Jan 2026 00:00:00 GMT']] } as CallAnswer;
  };
  const connection = { ...aConnection, deactivateOrphans: true, readBackSeconds: 0 };
  const noted = { kind: 'before', ids: ['AKIAOLD'], atMs: Date.UTC(2026, 0, 1) };
  const account = (): ScriptedCaller =>
    new ScriptedCaller(({ operation }) => {
      if (operation === 'CreateAccessKey') return broken;
      if (operation === 'UpdateAccessKey') return answerOf(operation, null);
      return caller.count('CreateAccessKey') === 0 ? keys('AKIAOLD') : keys('AKIAOLD', keyId);
    });
  let caller: ScriptedCaller;
  beforeEach(() => {
    caller = account();
  });
  const errorOf = (step: CallStep | undefined): string =>
    step?.kind === 'page' ? String(step.envelopes[0]?.error) : String(step?.kind);

  it('is made inactive after that is durable, also of a job that was cancelled or is late', async () => {
    for (const stop of [null, 'cancelled', 'expired'] as const) {
      caller = account();
      const stopAfter = (): typeof stop => (caller.count('CreateAccessKey') === 0 ? null : stop);
      const { ports, intents } = portsWith(caller, { connection, stop: stopAfter });
      const [step] = await stepsOf(create('alice'), ports);
      expect(errorOf(step), String(stop)).to.contain(`${keyId} was made inactive`);
      expect(intents).to.deep.equal([
        { call: (intents[0] as { call: unknown }).call, record: noted },
        {
          call: (intents[0] as { call: unknown }).call,
          record: { ...noted, deactivating: keyId },
        },
      ]);
      const last = caller.calls.at(-1);
      expect([last?.operation, last?.input]).to.deep.equal([
        'UpdateAccessKey',
        { UserName: 'alice', AccessKeyId: keyId, Status: 'Inactive' },
      ]);
    }
  });

  it('stays as it is when that cannot be made durable', async () => {
    let kept = 0;
    const { ports } = portsWith(caller, {
      connection,
      keepIntent: () => ((kept += 1) === 1 ? Promise.resolve() : Promise.reject(new Error('disk full'))),
    });
    const failed = await stepsOf(create('alice'), ports).catch((error: unknown) => error);
    expect(failed).to.have.property('message', 'disk full');
    expect(caller.count('UpdateAccessKey')).to.equal(0);
  });

  it('stays as it is in a job that is not ours any more, and until the next start when the process drains', async () => {
    const quarantined = portsWith(caller, {
      connection,
      stop: () => (caller.count('CreateAccessKey') === 0 ? null : 'interrupted'),
    });
    const [step] = await stepsOf(create('alice'), quarantined.ports);
    expect(errorOf(step)).to.contain('was left as it is');
    caller = account();
    const { ports, drain, intents } = portsWith(caller, { connection });
    const draining = stepsOf(create('alice'), {
      ...ports,
      keepIntent: async (intent) => {
        await ports.keepIntent(intent);
        drain.abort();
      },
    });
    expect(kinds(await draining)).to.deep.equal(['interrupted']);
    expect(caller.count('UpdateAccessKey')).to.equal(0);
    const [intent] = JSON.parse(JSON.stringify(intents)) as Parameters<typeof resumeIntent>[0][];
    if (intent === undefined) throw new Error('no intent was kept');
    expect(errorOf(await resumeIntent(intent, portsWith(caller, { connection }).ports))).to.contain(
      `${keyId} was made inactive`,
    );
    expect(caller.count('UpdateAccessKey')).to.equal(1);
    expect(caller.count('CreateAccessKey')).to.equal(1);
  });
});
