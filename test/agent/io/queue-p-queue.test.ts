// The queue over a caller that is slow or refuses: how many at once, who first, and what is made again.
import { expect } from 'chai';
import type { CallAnswer, CallRequest } from '../../../agent/iam/iam-caller.ts';
import { limitedCaller } from '../../../agent/io/queue-p-queue.ts';
import { testConnection } from '../../conformance/side-by-side.ts';
import { clock, error, held, ok, playing, request } from '../../support/played-caller.ts';

describe('the queue of calls', () => {
  it('lets so many run at once, interactive ones first', async () => {
    const { caller, open, order, settle } = held();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const all = names.map((sessionName) => caller.call(request({ sessionName })));
    await settle();
    all.push(caller.call(request({ sessionName: 'urgent', interactive: true })));
    await settle();
    expect(order).to.deep.equal(['a', 'b', 'c']);
    while (open.length > 0) {
      open.shift()?.();
      await settle();
    }
    expect(order).to.deep.equal(['a', 'b', 'c', 'urgent', 'd', 'e']);
    expect(await Promise.all(all)).to.have.length(6);
    caller.close();
  });

  it('ends the waits of a call at once when asked, and neither cuts off one under way nor gives its place away', async () => {
    const { caller, open, order, settle } = held();
    const stop = new AbortController();
    const all = ['a', 'b', 'c', 'd'].map((sessionName) => caller.call(request({ sessionName, waits: stop.signal })));
    const other = caller.call(request({ sessionName: 'other' }));
    await settle();
    stop.abort();
    expect(await all[3]).to.deep.equal({ kind: 'aborted' });
    await settle();
    expect(order).to.deep.equal(['a', 'b', 'c']);
    open.shift()?.();
    expect(await all[0]).to.include({ kind: 'answer' });
    await settle();
    expect(order).to.deep.equal(['a', 'b', 'c', 'other']);
    for (const end of open) end();
    expect((await Promise.all([...all, other])).map(({ kind }) => kind)).to.deep.equal([
      'answer',
      'answer',
      'answer',
      'aborted',
      'answer',
    ]);
    expect(await caller.call(request({ waits: stop.signal }))).to.deep.equal({ kind: 'aborted' });
    caller.close();
  });

  it('forgets a call that is stopped while it waits', async () => {
    const { caller, open, order, settle } = held();
    const running = ['a', 'b', 'c'].map((sessionName) => caller.call(request({ sessionName })));
    const abort = new AbortController();
    const waiting = caller.call(request({ sessionName: 'late', signal: abort.signal }));
    await settle();
    abort.abort(new Error('stop'));
    expect(await waiting).to.deep.equal({ kind: 'aborted' });
    for (const end of open) end();
    await Promise.all(running);
    await settle();
    expect(order).to.deep.equal(['a', 'b', 'c']);
    caller.close();
  });

  it('hands on what a stopped call says of itself', async () => {
    const abort = new AbortController();
    const call = async ({ signal }: CallRequest): Promise<CallAnswer> => {
      const { promise, resolve } = Promise.withResolvers<CallAnswer>();
      signal.addEventListener('abort', () => setTimeout(() => resolve({ kind: 'aborted', ambiguous: true }), 5));
      return await promise;
    };
    const caller = limitedCaller({ call }, { clock });
    const running = caller.call(request({ repeat: 'never', signal: abort.signal }));
    setTimeout(() => abort.abort(new Error('stop')), 10);
    expect(await running).to.deep.equal({ kind: 'aborted', ambiguous: true });
    caller.close();
  });

  const cases: readonly [title: string, answers: CallAnswer[], more: Partial<CallRequest>, calls: number][] = [
    ['throttling, even for what makes something', [error(400, 'Throttling'), ok], { repeat: 'never' }, 2],
    ['a passing failure of a read', [error(503, 'ServiceUnavailable'), error(500, 'x'), ok], {}, 3],
    ['no passing failure of a change', [error(503, 'ServiceUnavailable'), ok], { repeat: 'answer_changes' }, 1],
    ['no quota', [error(409, 'LimitExceeded'), ok], {}, 1],
    ['no refusal', [error(403, 'AccessDenied'), ok], {}, 1],
  ];
  for (const [title, answers, more, count] of cases) {
    it(`makes again: ${title}`, async () => {
      const { caller, calls } = playing(answers);
      const answer = await caller.call(request(more));
      expect(calls.count).to.equal(count);
      expect(answer).to.include({ attempts: count });
      expect(answer).to.not.have.property('exhausted');
      caller.close();
    });
  }

  it('ends retries with their time, and says so', async () => {
    const slow = { ...clock, random: () => 0.1 };
    const calls = { count: 0 };
    const call = async (): Promise<CallAnswer> => {
      calls.count += 1;
      return await Promise.resolve(error(400, 'Throttling'));
    };
    const caller = limitedCaller({ call }, { clock: slow });
    const answer = await caller.call(request({ retryForMs: 120, connection: testConnection('http://127.0.0.1:1') }));
    expect(answer).to.include({ kind: 'answer', status: 400, exhausted: true, attempts: calls.count });
    expect(calls.count).to.equal(2);
    caller.close();
  });

  it('stops between attempts', async () => {
    const abort = new AbortController();
    const caller = limitedCaller(
      { call: async () => await Promise.resolve(error(400, 'Throttling')) },
      { clock: { ...clock, random: () => 1 } },
    );
    const running = caller.call(request({ signal: abort.signal }));
    setTimeout(() => abort.abort(new Error('stop')), 20);
    expect(await running).to.deep.equal({ kind: 'aborted' });
    caller.close();
  });

  it('says what it is doing', async () => {
    const { caller, open, settle } = held();
    const role = 'arn:aws:iam::123456789012:role/reader';
    const all = ['a', 'b', 'c', 'd'].map((sessionName) => caller.call(request({ sessionName })));
    await settle();
    expect(caller.snapshot().queues).to.deep.equal([{ connection: 'test', underWay: 3, inFlight: 3, waiting: 1 }]);
    const [own] = caller.snapshot().buckets;
    expect(own).to.include({ service: 'iam', roleArn: null, callsPerSecond: 1000, throttles: 0, waiting: 0 });
    expect(own?.connections).to.deep.equal(['test']);
    expect(own?.tokens).to.be.within(990, 1000);
    for (let ended = 0; ended < 4; ended += 1) {
      open.shift()?.();
      await settle();
    }
    await Promise.all(all);
    const last = caller.call(request({ roleArn: role }));
    await settle();
    open.shift()?.();
    await last;
    expect(caller.snapshot().buckets.map(({ roleArn }) => roleArn)).to.deep.equal([null, role]);
    expect(caller.snapshot().queues[0]).to.include({ underWay: 0, waiting: 0 });
    caller.close();
  });

  it('after close, makes no call', async () => {
    const { caller, calls } = playing([ok]);
    caller.close();
    expect(await caller.call(request())).to.deep.equal({ kind: 'aborted' });
    expect(calls.count).to.equal(0);
  });
});
