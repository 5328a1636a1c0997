// Reading back in simulated time: what is named, how often it is looked, and that nothing is ever changed or claimed.
import { expect } from 'chai';
import type { CallAnswer, CallRequest, IamCaller } from '../../../agent/iam/iam-caller.ts';
import { beforeCall, reconcile, type ReconcileRecord } from '../../../agent/iam/reconcile.ts';
import type { Envelope } from '../../../protocol/result-envelope.ts';
import { prepared, testConnection } from '../../conformance/side-by-side.ts';
import { errorAnswer, xmlAnswer } from '../../support/scripted-endpoint.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const connection = testConnection('http://127.0.0.1:1', { readBackSeconds: 60 });
type Keys = Readonly<Record<string, string>>;

function keysAnswer(keys: Keys): CallAnswer {
  const items = Object.entries(keys).map(
    ([id, status]) =>
      `<member><UserName>a</UserName><AccessKeyId>${id}</AccessKeyId><Status>${status}</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>`,
  );
  return listAnswer('ListAccessKeys', 'AccessKeyMetadata', items.join(''));
}

function listAnswer(operation: string, member: string, items: string): CallAnswer {
  const { body } = xmlAnswer(operation, `<${member}>${items}</${member}><IsTruncated>false</IsTruncated>`);
  return { kind: 'answer', status: 200, headers: [], body, attempts: 1 };
}

const denied: CallAnswer = {
  kind: 'answer',
  status: 403,
  headers: [],
  body: errorAnswer(403, 'AccessDenied', 'no').body,
  attempts: 1,
};

interface Ended {
  readonly envelope: Envelope;
  readonly operations: readonly string[];
  readonly tookMs: number;
}

async function readBack(
  action: string,
  inputs: Record<string, string>,
  record: ReconcileRecord | null,
  answers: (read: number, atMs: number) => CallAnswer,
): Promise<Ended> {
  const clock = new SimulatedClock();
  const operations: string[] = [];
  const caller: IamCaller = {
    call: async (request: CallRequest) => {
      operations.push(request.operation);
      expect(request.repeat).to.equal('safe');
      return await Promise.resolve(answers(operations.length, clock.monotonicMs()));
    },
  };
  const deps = { caller, connection, sessionName: 'j', clock, signal: new AbortController().signal };
  const envelope = await clock.run(reconcile(prepared(action, inputs), record, deps));
  expect(envelope).to.include({ result: null, has_error: true, error_code: 'outcome_unknown' });
  return { envelope, operations, tookMs: clock.monotonicMs() };
}

const create = { Username: 'a' };
const before = (...keyIds: string[]): ReconcileRecord => ({ kind: 'access_keys_before', userName: 'a', keyIds });
const key = { Username: 'a', 'Access Key': 'AKIDOLD0000000000000' };

describe('what is noted before a call', () => {
  const note = async (
    action: string,
    inputs: Record<string, string>,
    answer: CallAnswer,
  ): Promise<ReconcileRecord | null> =>
    await beforeCall(prepared(action, inputs), {
      caller: { call: async () => await Promise.resolve(answer) },
      connection,
      sessionName: 'j',
      signal: new AbortController().signal,
    });

  it('is the keys of the user, as plain JSON', async () => {
    const record = await note('create_access_key', create, keysAnswer({ AKID1: 'Active', AKID2: 'Inactive' }));
    expect(record).to.deep.equal(before('AKID1', 'AKID2'));
    expect(JSON.parse(JSON.stringify(record))).to.deep.equal(record);
  });

  it('is the reason when they cannot be read', async () => {
    const record = await note('create_access_key', create, denied);
    expect(record).to.include({ keyIds: null }).and.to.have.property('reason').that.contains('AccessDenied');
  });

  it('is nothing for what a read shows by itself', async () => {
    expect(await note('delete_access_key', key, denied)).to.equal(null);
  });
});

describe('a new key that may or may not be there', () => {
  it('is looked for until the end of the time, and named', async () => {
    const late = (_read: number, atMs: number): CallAnswer =>
      keysAnswer(atMs < 30_000 ? { AKIDOLD: 'Active' } : { AKIDOLD: 'Active', AKIDNEW: 'Active' });
    const { envelope, operations, tookMs } = await readBack('create_access_key', create, before('AKIDOLD'), late);
    expect(envelope.error).to.contain('AKIDNEW (Active, created 2026-01-01T00:00:00+00:00)');
    expect(envelope.error).to.not.contain('AKIDOLD');
    expect(tookMs).to.equal(60_000);
    expect(operations.length).to.be.within(4, 10);
    expect(new Set(operations)).to.deep.equal(new Set(['ListAccessKeys']));
  });

  it('stays named when a later read does not show it', async () => {
    const once = (read: number): CallAnswer => keysAnswer(read === 2 ? { AKIDNEW: 'Active' } : {});
    expect((await readBack('create_access_key', create, before(), once)).envelope.error).to.contain('AKIDNEW');
  });

  it('is not claimed when nothing is seen, nor when the reads fail', async () => {
    const none = await readBack('create_access_key', create, before('AKIDOLD'), () =>
      keysAnswer({ AKIDOLD: 'Active' }),
    );
    expect(none.envelope.error).to.contain('No new key of the user a was seen');
    const failed = await readBack('create_access_key', create, before(), () => denied);
    expect(failed.envelope.error).to.contain('could not be read').and.to.contain('AccessDenied');
    expect(failed.tookMs).to.equal(60_000);
  });

  it('is one of several when others were made meanwhile, or the keys before are not known', async () => {
    const two = await readBack('create_access_key', create, before(), () =>
      keysAnswer({ AKID1: 'Active', AKID2: 'Active' }),
    );
    expect(two.envelope.error).to.contain('Candidates').and.to.contain('AKID1').and.to.contain('AKID2');
    for (const record of [null, { kind: 'access_keys_before', userName: 'a', keyIds: null, reason: 'x' } as const]) {
      const { envelope } = await readBack('create_access_key', create, record, () => keysAnswer({ AKID1: 'Active' }));
      expect(envelope.error).to.contain('before the call are not known').and.to.contain('AKID1');
    }
  });
});

describe('a change that may or may not have been made', () => {
  it('delete: gone or still there', async () => {
    const gone = await readBack('delete_access_key', key, null, (read) =>
      keysAnswer(read < 3 ? { AKIDOLD0000000000000: 'Active' } : {}),
    );
    expect(gone.envelope.error).to.contain('has no key AKIDOLD0000000000000 now').and.to.contain('not known');
    expect(gone.operations).to.have.length(3);
    const there = await readBack('delete_access_key', key, null, () => keysAnswer({ AKIDOLD0000000000000: 'Active' }));
    expect(there.envelope.error).to.contain('still has the key');
    expect(there.tookMs).to.equal(60_000);
  });

  it('update: the wanted state, another, or no key', async () => {
    const inputs = { ...key, Status: 'Inactive' };
    const ended = async (keys: Keys): Promise<string | null> =>
      (await readBack('update_access_key', inputs, null, () => keysAnswer(keys))).envelope.error;
    expect(await ended({ AKIDOLD0000000000000: 'Inactive' })).to.contain('is Inactive now');
    expect(await ended({ AKIDOLD0000000000000: 'Active' })).to.contain('is still Active');
    expect(await ended({})).to.contain('has no key');
  });

  it('attach: attached or not', async () => {
    const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
    const ended = async (items: string): Promise<Ended> =>
      await readBack('attach_user_policy', { Username: 'a', 'Policy ARN': arn }, null, () =>
        listAnswer('ListAttachedUserPolicies', 'AttachedPolicies', items),
      );
    const yes = await ended(`<member><PolicyArn>${arn}</PolicyArn></member>`);
    expect(yes.envelope.error).to.contain('is attached to a now');
    expect(yes.operations).to.deep.equal(['ListAttachedUserPolicies']);
    expect((await ended('')).envelope.error).to.contain('is not attached');
  });

  it('stops when told to', async () => {
    const clock = new SimulatedClock();
    const abort = new AbortController();
    const caller: IamCaller = {
      call: async () => {
        abort.abort(new Error('stopping'));
        return await Promise.resolve(keysAnswer({}));
      },
    };
    const deps = { caller, connection, sessionName: 'j', clock, signal: abort.signal };
    let reason: unknown;
    try {
      await reconcile(prepared('create_access_key', create), before(), deps);
    } catch (error) {
      reason = error;
    }
    expect(reason).to.have.property('message', 'stopping');
  });
});
