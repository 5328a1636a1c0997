// The bucket in simulated time against buckets that hide their rate, as AWS does. The measures: nearly every call succeeds the first time, and
// most of what the account gives is used.
import { expect } from 'chai';
import { createTokenBucket, type TokenBucket } from '../../../agent/iam/limiter.ts';
import { HiddenBucket } from '../../support/hidden-bucket.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

interface Outcome {
  readonly accepted: number;
  readonly refused: number;
  readonly perSecond: number;
}

const limits = { callsPerSecond: 5, maxCallsPerSecond: 50, burst: 5 };

/** Four workers call without a pause for the given time, each call taking a tenth of a second. */
async function press(
  clock: SimulatedClock,
  bucket: TokenBucket,
  hidden: HiddenBucket,
  forMs: number,
): Promise<Outcome> {
  const startMs = clock.monotonicMs();
  let accepted = 0;
  let refused = 0;
  const worker = async (): Promise<void> => {
    while (clock.monotonicMs() - startMs < forMs) {
      const permit = await bucket.take();
      const ok = hidden.take();
      await clock.sleep(50 + clock.random() * 100);
      if (ok) bucket.accepted(permit);
      else bucket.throttled(permit);
      if (ok) accepted += 1;
      else refused += 1;
    }
  };
  await clock.run(Promise.all([worker(), worker(), worker(), worker()]));
  return { accepted, refused, perSecond: (accepted / (clock.monotonicMs() - startMs)) * 1000 };
}

const share = (outcome: Outcome): number => outcome.refused / (outcome.accepted + outcome.refused);

describe('the rate of calls', () => {
  const steady: readonly [rate: number, capacity: number][] = [
    [2, 10],
    [10, 20],
    [20, 5],
  ];
  for (const [rate, capacity] of steady) {
    it(`learns a hidden rate of ${rate} with room for ${capacity}`, async () => {
      const clock = new SimulatedClock();
      const bucket = createTokenBucket(limits, clock);
      const hidden = new HiddenBucket(clock, { rateAt: () => rate, burst: capacity });
      await press(clock, bucket, hidden, 120_000);
      const outcome = await press(clock, bucket, hidden, 600_000);
      expect(share(outcome), 'refused').to.be.below(0.02);
      expect(outcome.perSecond / rate, 'used').to.be.within(0.85, 1.05);
    });
  }

  it('comes within 3 % of what a bucket allows, knowing nothing of it, and has few calls refused', async () => {
    for (const latencyMs of [5, 50, 200]) {
      const clock = new SimulatedClock();
      const bucket = createTokenBucket({ callsPerSecond: 5, maxCallsPerSecond: 1000, burst: 10 }, clock);
      const hidden = new HiddenBucket(clock, { rateAt: () => 20, burst: 40 });
      let left = 1000;
      let refused = 0;
      const worker = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          for (let ok = false; !ok;) {
            const permit = await bucket.take();
            await clock.sleep(latencyMs / 2);
            ok = hidden.take();
            await clock.sleep(latencyMs / 2);
            if (ok) bucket.accepted(permit);
            else {
              bucket.throttled(permit);
              refused += 1;
              await clock.sleep(clock.random() * 500);
            }
          }
        }
      };
      await clock.run(Promise.all(Array.from({ length: 16 }, worker)));
      expect(48_000 / clock.monotonicMs(), `${latencyMs} ms`).to.be.at.least(0.97);
      expect(refused / (1000 + refused), `${latencyMs} ms`).to.be.at.most(0.05);
    }
  });

  it('takes no measure of a time in which it was idle', async () => {
    const clock = new SimulatedClock();
    const bucket = createTokenBucket(limits, clock);
    const refuse = async (): Promise<void> => bucket.throttled(await bucket.take());
    const accept = async (calls: number): Promise<void> => {
      for (let call = 0; call < calls; call += 1) bucket.accepted(await bucket.take());
    };
    const work = async (): Promise<readonly number[]> => {
      await refuse();
      await accept(20);
      await refuse();
      const measured = bucket.rate;
      await accept(20);
      await clock.sleep(600_000);
      await refuse();
      return [measured, bucket.rate];
    };
    const [measured = 0, after = 0] = await clock.run(work());
    expect(measured, 'a little under what was accepted').to.be.within(2, 5);
    expect(after, 'half of what was refused, not twenty calls in ten minutes').to.be.within(
      measured * 0.45,
      measured * 0.8,
    );
    // The next growth is fast: nothing is known.
    await clock.run(accept(20));
    expect(bucket.rate).to.be.above(after * 1.5);
  });

  it('keeps to the lowest ceiling of all who use it', async () => {
    const clock = new SimulatedClock();
    const bucket = createTokenBucket(limits, clock);
    bucket.keepWithin(4);
    expect(bucket.rate).to.equal(4);
    bucket.keepWithin(100);
    const outcome = await press(clock, bucket, new HiddenBucket(clock, { rateAt: () => 1000, burst: 1000 }), 60_000);
    expect(outcome.perSecond).to.be.within(3.5, 4.2);
  });

  it('follows a rate that falls and rises again', async () => {
    const clock = new SimulatedClock(2);
    const bucket = createTokenBucket(limits, clock);
    const hidden = new HiddenBucket(clock, { rateAt: (ms) => (ms > 300_000 && ms < 600_000 ? 3 : 12), burst: 10 });
    await press(clock, bucket, hidden, 300_000);
    const low = await press(clock, bucket, hidden, 300_000);
    expect(low.perSecond).to.be.within(2.4, 3.5);
    expect(share(low)).to.be.below(0.06);
    await press(clock, bucket, hidden, 180_000);
    const high = await press(clock, bucket, hidden, 300_000);
    expect(high.perSecond).to.be.above(9);
    expect(share(high)).to.be.below(0.03);
  });

  it('leaves room for another user of the same bucket', async () => {
    const clock = new SimulatedClock(3);
    const bucket = createTokenBucket(limits, clock);
    const hidden = new HiddenBucket(clock, { rateAt: () => 12, burst: 12 });
    const other = { stop: false, accepted: 0 };
    const foreign = async (): Promise<void> => {
      while (!other.stop) {
        if (hidden.take()) other.accepted += 1;
        await clock.sleep(250);
      }
    };
    const done = foreign();
    await press(clock, bucket, hidden, 120_000);
    other.accepted = 0;
    const outcome = await press(clock, bucket, hidden, 600_000);
    const foreignPerSecond = other.accepted / 600;
    other.stop = true;
    await clock.run(done);
    expect(share(outcome)).to.be.below(0.03);
    expect(outcome.perSecond).to.be.within(6.5, 10);
    // It asks for 4 and does not ask again.
    expect(foreignPerSecond).to.be.above(2);
  });

  it('never passes the most that is allowed, and starts where it is told', async () => {
    const clock = new SimulatedClock();
    const bucket = createTokenBucket({ callsPerSecond: 5, maxCallsPerSecond: 8, burst: 1 }, clock);
    expect(bucket.rate).to.equal(5);
    const outcome = await press(clock, bucket, new HiddenBucket(clock, { rateAt: () => 1000, burst: 1000 }), 300_000);
    expect(outcome.refused).to.equal(0);
    expect(outcome.perSecond).to.be.within(7, 8.01);
    const over = createTokenBucket({ callsPerSecond: 50, maxCallsPerSecond: 8, burst: 1 }, clock);
    expect(over.rate).to.equal(8);
  });

  it('does not grow while it is idle', async () => {
    const clock = new SimulatedClock();
    const bucket = createTokenBucket(limits, clock);
    const idle = async (): Promise<void> => {
      for (let call = 0; call < 20; call += 1) {
        bucket.accepted(await bucket.take());
        await clock.sleep(60_000);
      }
    };
    await clock.run(idle());
    expect(bucket.rate).to.equal(5);
  });

  it('cuts once for calls that were refused together', async () => {
    const clock = new SimulatedClock();
    const bucket = createTokenBucket(limits, clock);
    const permits = [await bucket.take(), await bucket.take(), await bucket.take()];
    for (const permit of permits) bucket.throttled(permit);
    expect(bucket.rate).to.equal(2.5);
  });

  it('serves in order, and lets go of who no longer waits', async () => {
    const clock = new SimulatedClock();
    const bucket = createTokenBucket({ callsPerSecond: 1, maxCallsPerSecond: 1, burst: 1 }, clock);
    const order: string[] = [];
    const abort = new AbortController();
    const take = async (name: string, signal?: AbortSignal): Promise<void> => {
      try {
        await bucket.take(signal);
        order.push(`${name} at ${Math.round(clock.monotonicMs() / 1000)}`);
      } catch {
        order.push(`${name} left`);
      }
    };
    const all = [take('a'), take('b'), take('c', abort.signal), take('d')];
    abort.abort(new Error('stop'));
    await clock.run(Promise.all(all));
    expect(order).to.deep.equal(['a at 0', 'c left', 'b at 1', 'd at 2']);
  });
});
