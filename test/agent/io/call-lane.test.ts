// Whose turn it is: jobs, roles and principals that share a connection or a bucket.
import { expect } from 'chai';
import { systemClock } from '../../../agent/io/clock-system.ts';
import type { CallAnswer, CallRequest } from '../../../agent/iam/iam-caller.ts';
import { limitedCaller } from '../../../agent/io/queue-p-queue.ts';
import { clock, connection, error, held, ok, playing, request } from '../../support/played-caller.ts';

describe('turns between jobs, roles and principals', () => {
  it('gives a job of one call its turn within a round of one with many', async () => {
    const { caller, open, order, settle } = held();
    const many = Array.from({ length: 40 }, (_none, index) =>
      caller.call(request({ sessionName: `a${index}`, job: 'a' })),
    );
    await settle();
    const one = caller.call(request({ sessionName: 'b0', job: 'b' }));
    open.shift()?.();
    await settle();
    open.shift()?.();
    await settle();
    expect(order.slice(3)).to.include('b0');
    while (order.length < 41 || open.length > 0) {
      open.shift()?.();
      await settle();
    }
    await Promise.all([...many, one]);
    caller.close();
  });

  it('holds no place while a call waits for its rate: another role is not kept waiting', async () => {
    const calls: (string | null)[] = [];
    const call = async ({ roleArn }: CallRequest): Promise<CallAnswer> => {
      calls.push(roleArn);
      return await Promise.resolve(roleArn === 'slow' ? error(400, 'Throttling') : ok);
    };
    const slowly = { ...connection, limits: { callsPerSecond: 0.5, maxCallsPerSecond: 0.5, burst: 1, inFlight: 1 } };
    const caller = limitedCaller({ call }, { clock: systemClock() });
    const abort = new AbortController();
    const slow = ['s1', 's2', 's3'].map((sessionName) =>
      caller.call(request({ sessionName, connection: slowly, roleArn: 'slow', job: 'slow', signal: abort.signal })),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    const startedMs = performance.now();
    expect(await caller.call(request({ connection: slowly, roleArn: 'quick', job: 'quick' }))).to.include({
      status: 200,
    });
    expect(performance.now() - startedMs).to.be.below(1000);
    // The first was refused and waits to be made again, the others wait for the rate: what each says of itself.
    const waits = caller.waits().get('slow');
    expect(waits).to.include({ calling: 0, queue: 0 });
    expect((waits?.rateLimit ?? 0) + (waits?.retry ?? 0)).to.equal(3);
    expect(waits?.callsPerSecond).to.be.at.most(0.5);
    expect(caller.snapshot().buckets[0]).to.deep.include({ roleArn: 'slow', throttles: 1 });
    abort.abort(new Error('stop'));
    expect(await Promise.all(slow)).to.deep.equal(slow.map(() => ({ kind: 'aborted' })));
    expect(caller.waits().size).to.equal(0);
    caller.close();
  });

  it('gives places to roles by turns, however many calls one of them has, and whoever waits for them', async () => {
    const { caller, open, order, settle } = held();
    const all = Array.from({ length: 20 }, (_none, index) =>
      caller.call(request({ sessionName: `a${index}`, roleArn: 'a', job: `a${index}`, interactive: true })),
    );
    await settle();
    all.push(caller.call(request({ sessionName: 'b', roleArn: 'b', job: 'b' })));
    for (let ended = 0; ended < 3; ended += 1) {
      open.shift()?.();
      await settle();
    }
    expect(order.slice(0, 5)).to.include('b');
    while (order.length < 21 || open.length > 0) {
      open.shift()?.();
      await settle();
    }
    await Promise.all(all);
    caller.close();
  });

  it('says which calls wait for a place', async () => {
    const { caller, open, settle } = held();
    const all = ['a', 'b', 'c', 'd', 'e'].map((sessionName) => caller.call(request({ sessionName, job: 'j' })));
    await settle();
    expect(caller.waits().get('j')).to.deep.equal({
      calling: 3,
      rateLimit: 0,
      queue: 2,
      retry: 0,
      callsPerSecond: null,
    });
    while (open.length > 0) {
      open.shift()?.();
      await settle();
    }
    await Promise.all(all);
    caller.close();
  });

  const once = { callsPerSecond: 1000, maxCallsPerSecond: 1000, burst: 1000, inFlight: 3 };
  const as =
    (principals: Readonly<Record<string, string>>) =>
    async ({ connection: { label } }: CallRequest): Promise<CallAnswer> =>
      await Promise.resolve({ ...ok, principal: principals[label] ?? label });

  it('has one bucket for connections that turn out to be the same principal', async () => {
    const caller = limitedCaller({ call: as({ one: 'AKIDSAME', two: 'AKIDSAME', three: 'AKIDOTHER' }) }, { clock });
    for (const label of ['one', 'two', 'three']) {
      const credentials = { kind: 'profile', profile: label } as const;
      const mine = {
        ...connection,
        label,
        credentials,
        limits: { ...once, maxCallsPerSecond: label === 'two' ? 1000 : 2000 },
      };
      await caller.call(request({ connection: mine }));
    }
    const { buckets } = caller.snapshot();
    expect(buckets.map(({ connections }) => connections)).to.deep.equal([['one', 'two'], ['three']]);
    expect(JSON.stringify(buckets), 'no key is shown').to.not.include('AKID');
    caller.close();
  });

  it('learns anew when the keys of a connection change, and does not mix what both are told', async () => {
    const principals = { test: 'AKIDOLD' };
    let throttle = false;
    const inner = as(principals);
    const call = async (asked: CallRequest): Promise<CallAnswer> =>
      throttle ? ({ ...error(400, 'Throttling'), principal: principals.test } as CallAnswer) : await inner(asked);
    const caller = limitedCaller({ call }, { clock: { ...clock, random: () => 0.5 } });
    await caller.call(request());
    throttle = true;
    await caller.call(request({ retryForMs: 0 }));
    expect(caller.snapshot().buckets[0]?.callsPerSecond).to.be.within(499, 510);
    principals.test = 'AKIDNEW';
    await caller.call(request({ retryForMs: 0 }));
    const { buckets } = caller.snapshot();
    expect(buckets).to.have.length(1);
    expect(buckets[0], 'the first answer was for a call that the old bucket had let go').to.include({
      callsPerSecond: 1000,
      throttles: 0,
    });
    principals.test = 'AKIDOLD';
    await caller.call(request({ retryForMs: 0 }));
    expect(caller.snapshot().buckets[0]?.callsPerSecond).to.be.within(499, 510);
    expect(caller.snapshot().buckets[0]?.throttles).to.equal(1);
    caller.close();
  });

  it('learns nothing of a role from what AssumeRole is told', async () => {
    const answers = [{ ...error(400, 'Throttling'), operation: 'AssumeRole' } as CallAnswer, ok];
    const { caller, calls } = playing(answers);
    expect(await caller.call(request({ roleArn: 'role' }))).to.include({ status: 200, attempts: 2 });
    expect(calls.count).to.equal(2);
    expect(caller.snapshot().buckets[0]).to.include({ callsPerSecond: 1000, throttles: 0 });
    caller.close();
  });

  it('follows a connection whose limits were changed', async () => {
    const { caller, open, settle } = held();
    const wider = { ...connection, limits: { ...connection.limits, inFlight: 5 } };
    const all = Array.from({ length: 6 }, () => caller.call(request({ connection })));
    await settle();
    expect(caller.snapshot().queues[0]).to.include({ underWay: 3, inFlight: 3 });
    all.push(caller.call(request({ connection: wider })));
    await settle();
    expect(caller.snapshot().queues).to.have.length(1);
    expect(caller.snapshot().queues[0]).to.include({ underWay: 5, inFlight: 5 });
    while (open.length > 0) {
      open.shift()?.();
      await settle();
    }
    await Promise.all(all);
    caller.close();
  });
});
