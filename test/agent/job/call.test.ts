// One call: when it leaves, when it does not any more, and what a listing that breaks in the middle gives.
import { expect } from 'chai';
import type { CallAnswer } from '../../../agent/iam/iam-caller.ts';
import type { PreparedCall } from '../../../agent/iam/inputs.ts';
import { resumeIntent } from '../../../agent/job/call.ts';
import { JobStops, type Stop } from '../../../agent/job/stops.ts';
import { aConnection } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import {
  keyId,
  noKeys,
  broken,
  callOf,
  create,
  remove,
  list,
  portsWith,
  change,
  stepsOf,
  kinds,
} from '../../support/call-steps.ts';

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
