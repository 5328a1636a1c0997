// One call: when it leaves, when it does not any more, and what a listing that breaks in the middle gives.
import { expect } from 'chai';
import type { CallAnswer } from '../../../agent/iam/iam-caller.ts';
import { findAction } from '../../../agent/iam/catalogue.ts';
import { prepareCall, type PreparedCall } from '../../../agent/iam/inputs.ts';
import { type CallPorts, callAws, type CallStep, resumeIntent } from '../../../agent/job/call.ts';
import { JobStops, type Stop } from '../../../agent/job/stops.ts';
import { Turns } from '../../../agent/job/turns.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import type { Json } from '../../../protocol/json.ts';
import { aConnection } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const keyId = 'AKIAEXAMPLE000000001';
const noKeys = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
const broken: CallAnswer = { kind: 'transport', code: 'closed', message: 'gone', ambiguous: true, attempts: 1 };

function callOf(name: string, inputs: Readonly<Record<string, Json>>): PreparedCall {
  const action = findAction(name);
  if (action === undefined) throw new Error(`no action ${name}`);
  const values = action.inputs.flatMap((input) => {
    const value = inputs[input.label];
    return value === undefined ? [] : [[input, value] as const];
  });
  const call = prepareCall(action, new Map(values));
  if (isRefusal(call)) throw new Error(call.detail);
  return call;
}

const create = (user: string): PreparedCall => callOf('create_access_key', { Username: user });
const remove = (user: string): PreparedCall => callOf('delete_access_key', { Username: user, 'Access Key': keyId });
const list = (): PreparedCall => callOf('list_access_keys', { Username: 'alice' });

function portsWith(caller: ScriptedCaller, change: Partial<CallPorts> = {}) {
  const [drain, abort] = [new AbortController(), new AbortController()];
  const { waits, reads } = new JobStops(drain.signal, abort.signal);
  const intents: unknown[] = [];
  const ports: CallPorts = {
    caller,
    clock: new SimulatedClock(),
    connection: aConnection,
    sessionName: 's',
    turns: new Turns(),
    keepIntent: (intent) => Promise.resolve(void intents.push(intent)),
    stop: () => null,
    room: () => Promise.resolve(),
    drain: drain.signal,
    signal: abort.signal,
    waits,
    reads,
    ...change,
  };
  return { ports, drain, abort, intents };
}

const change = ({ waits, reads }: JobStops): Pick<CallPorts, 'waits' | 'reads'> => ({ waits, reads });

async function stepsOf(call: PreparedCall, ports: CallPorts): Promise<CallStep[]> {
  const steps: CallStep[] = [];
  for await (const step of callAws(call, null, ports)) steps.push(step);
  return steps;
}

const kinds = (steps: readonly CallStep[]): string[] => steps.map((step) => step.kind);

describe('a change', () => {
  it('does not leave when the process is told to stop while the keys are listed before it', async () => {
    for (const what of ['drain', 'abort'] as const) {
      const caller = new ScriptedCaller(({ operation }) => {
        if (operation === 'CreateAccessKey') throw new Error('the call left');
        with_[what].abort();
        return what === 'abort' ? { kind: 'aborted' } : noKeys;
      });
      const with_ = portsWith(caller);
      expect(kinds(await stepsOf(create('alice'), with_.ports)), what).to.deep.equal(['interrupted']);
      expect(with_.intents, what).to.deep.equal([]);
    }
  });

  it("does not leave when the job's latest start passes while the keys are listed before it", async () => {
    let late = false;
    const caller = new ScriptedCaller(() => {
      late = true;
      return noKeys;
    });
    const { ports, intents } = portsWith(caller, { stop: () => (late ? 'expired' : null) });
    const [step] = await stepsOf(create('alice'), ports);
    expect(step).to.deep.include({ kind: 'refused', outcome: 'expired' });
    expect([caller.count('CreateAccessKey'), intents]).to.deep.equal([0, []]);
  });

  it('that has left is never cut off: its signal is not the one that stops the process', async () => {
    let seen: AbortSignal | undefined;
    const caller = new ScriptedCaller((request) => {
      seen = request.signal;
      with_.abort.abort();
      return answerOf(request.operation, null);
    });
    const with_ = portsWith(caller);
    const [step] = await stepsOf(remove('alice'), with_.ports);
    expect(step).to.include({ kind: 'page', outcome: 'succeeded' });
    expect(seen?.aborted).to.equal(false);
  });

  it('does not leave when its intent cannot be kept', async () => {
    const caller = new ScriptedCaller(() => noKeys);
    const { ports } = portsWith(caller, { keepIntent: () => Promise.reject(new Error('disk full')) });
    const failed = await stepsOf(remove('alice'), ports).catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(Error).with.property('message', 'disk full');
    expect(caller.calls).to.deep.equal([]);
  });

  it('of one user waits for the one before it, also for its reading back; other users do not wait', async () => {
    const order: string[] = [];
    const caller = new ScriptedCaller(({ operation, input }) => {
      order.push(`${operation} ${input['UserName'] as string}`);
      return operation === 'DeleteAccessKey' && order.length < 3 ? broken : noKeys;
    });
    const clock = new SimulatedClock();
    const { ports } = portsWith(caller, { clock });
    const all = Promise.all([
      stepsOf(remove('alice'), ports),
      stepsOf(remove('alice'), ports),
      stepsOf(remove('bob'), ports),
    ]);
    const [first] = await clock.run(all);
    expect(first[0]).to.include({ kind: 'page', outcome: 'unknown' });
    const ofAlice = order.filter((one) => one.endsWith('alice'));
    expect(ofAlice.filter((one) => one.startsWith('Delete'))).to.have.length(2);
    expect(ofAlice[0]).to.equal('DeleteAccessKey alice');
    expect(ofAlice.lastIndexOf('DeleteAccessKey alice')).to.be.greaterThan(ofAlice.indexOf('ListAccessKeys alice'));
    expect(order.indexOf('DeleteAccessKey bob')).to.equal(1);
  });

  for (const [stop, outcome] of [
    ['cancelled', 'cancelled'],
    ['expired', 'expired'],
    ['row_deadline', 'failed'],
  ] as const) {
    it(`that waits for its turn or its rate is given up at once when it must stop (${stop}), and no call is made`, async () => {
      const [drain, abort] = [new AbortController().signal, new AbortController().signal];
      const stops = new JobStops(drain, abort);
      let why: Stop | null = null;
      // The first waits for its rate as the limiter does, the second for the turn of the first.
      const caller = new ScriptedCaller(async ({ waits }) => {
        if (waits?.aborted === false) await new Promise((resolve) => waits.addEventListener('abort', resolve));
        return { kind: 'aborted' };
      });
      const { ports, intents } = portsWith(caller, { ...change(stops), stop: () => why });
      const both = Promise.all([stepsOf(remove('alice'), ports), stepsOf(remove('alice'), ports)]);
      while (caller.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
      why = stop;
      stops.begin();
      for (const [step] of await both) {
        expect(step).to.deep.include({ kind: 'refused', outcome });
        expect(step?.kind === 'refused' && step.refusal.code).to.equal(stop);
      }
      expect(caller.calls).to.have.length(1);
      expect(intents).to.have.length(1);
    });
  }

  it('that waits when the process drains may run after the next start: its intent is taken back', async () => {
    const caller = new ScriptedCaller(async ({ waits }) => {
      with_.drain.abort();
      expect(waits?.aborted).to.equal(true);
      return await Promise.resolve({ kind: 'aborted' } as const);
    });
    const with_ = portsWith(caller);
    expect(kinds(await stepsOf(remove('alice'), with_.ports))).to.deep.equal(['interrupted']);
    expect(with_.intents.map((intent) => intent === null)).to.deep.equal([false, true]);
  });

  it('that was cut off under way is read back, whatever stops', async () => {
    const caller = new ScriptedCaller(({ operation }) =>
      operation === 'DeleteAccessKey' ? { kind: 'aborted', ambiguous: true } : noKeys,
    );
    const { ports } = portsWith(caller, { stop: () => (caller.calls.length > 0 ? 'cancelled' : null) });
    const clock = ports.clock as SimulatedClock;
    const [step] = await clock.run(stepsOf(remove('alice'), ports));
    expect(step).to.include({ kind: 'page', outcome: 'unknown' });
  });

  it('found after a restart is read back with the call as it was kept, and a stop leaves it for the next time', async () => {
    const caller = new ScriptedCaller(() => noKeys);
    const { ports, intents } = portsWith(caller);
    await stepsOf(remove('alice'), ports);
    const [intent] = JSON.parse(JSON.stringify(intents)) as Parameters<typeof resumeIntent>[0][];
    if (intent === undefined) throw new Error('no intent was kept');
    caller.calls.length = 0;
    const step = await resumeIntent(intent, ports);
    expect(step).to.include({ kind: 'page', outcome: 'unknown' });
    expect(caller.calls.map(({ operation, input }) => [operation, input['UserName']])).to.deep.equal([
      ['ListAccessKeys', 'alice'],
    ]);
    const stopped = portsWith(caller);
    stopped.abort.abort();
    expect((await resumeIntent(intent, stopped.ports)).kind).to.equal('interrupted');
  });
});

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

describe('creates', () => {
  it('of different roles are under way at once; of one role they are not', async () => {
    const underWay = { now: 0, most: 0 };
    const caller = new ScriptedCaller(async ({ operation }) => {
      if (operation !== 'CreateRole') return broken;
      underWay.now += 1;
      underWay.most = Math.max(underWay.most, underWay.now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay.now -= 1;
      return answerOf('CreateRole', null);
    });
    const { ports } = portsWith(caller, { connection: { ...aConnection, readBackSeconds: 0 } });
    const role = (name: string): PreparedCall =>
      callOf('create_role', { 'Role Name': name, 'Assume Role Policy Document': '{}' });
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => stepsOf(role(name), ports)));
    expect(underWay.most).to.equal(4);
    underWay.most = 0;
    await Promise.all(['a', 'A', 'a'].map((name) => stepsOf(role(name), ports)));
    expect(underWay.most).to.equal(1);
  });
});

describe('a listing', () => {
  const page = (more: string): CallAnswer =>
    answerOf(
      'ListAccessKeys',
      `<AccessKeyMetadata><member><AccessKeyId>${keyId}</AccessKeyId></member></AccessKeyMetadata>${more}`,
    );

  it('is interrupted by a stop, whatever the cut-off call says', async () => {
    const caller = new ScriptedCaller((_request, earlier) => {
      if (earlier === 0) return page('<IsTruncated>true</IsTruncated><Marker>m</Marker>');
      with_.abort.abort();
      return { kind: 'aborted' };
    });
    const with_ = portsWith(caller);
    const steps = await stepsOf(list(), with_.ports);
    expect(kinds(steps)).to.deep.equal(['page', 'interrupted']);
    expect(steps[0]).to.include({ marker: 'm', outcome: null });
  });

  it('of a cancelled job is cut off in its page, and says what is missing', async () => {
    const stops = new JobStops(new AbortController().signal, new AbortController().signal);
    let why: Stop | null = null;
    const caller = new ScriptedCaller((request, earlier) => {
      if (earlier === 0) return page('<IsTruncated>true</IsTruncated><Marker>m</Marker>');
      why = 'cancelled';
      stops.cut();
      expect(request.signal.aborted).to.equal(true);
      return { kind: 'aborted', ambiguous: true };
    });
    const { ports } = portsWith(caller, { ...change(stops), stop: () => why });
    const steps = await stepsOf(list(), ports);
    expect(kinds(steps)).to.deep.equal(['page', 'refused']);
    const [, end] = steps;
    expect(end?.kind === 'refused' && [end.outcome, end.refusal.detail]).to.deep.equal([
      'cancelled',
      'the job was cancelled before the next page of the listing; the items before it were sent, the rest is missing',
    ]);
  });

  it('that AWS breaks off keeps the items of that page and ends with one error', async () => {
    const caller = new ScriptedCaller(() => page('<IsTruncated>true</IsTruncated>'));
    const [step] = await stepsOf(list(), portsWith(caller).ports);
    if (step?.kind !== 'page') throw new Error('no page');
    expect(step.envelopes.map(({ has_error }) => has_error)).to.deep.equal([false, true]);
    expect(step).to.include({ outcome: 'failed', marker: null });
  });
});
