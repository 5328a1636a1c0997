import { expect } from 'chai';
import { systemClock } from '../../../agent/io/clock-system.ts';

describe('the system clock', () => {
  const clock = systemClock();

  it('sleeps at least as long as asked, by the clock that never goes back', async () => {
    const before = clock.monotonicMs();
    await clock.sleep(30);
    // Timers are rounded to whole milliseconds.
    expect(clock.monotonicMs() - before).to.be.at.least(28);
    expect(Math.abs(clock.now() - Date.now())).to.be.below(5_000);
  });

  it('rejects with the reason of the signal, before and during a sleep', async () => {
    const reason = new Error('draining');
    const failure = async (signal: AbortSignal, ms: number): Promise<unknown> =>
      clock.sleep(ms, signal).catch((error: unknown) => error);
    expect(await failure(AbortSignal.abort(reason), 60_000)).to.equal(reason);
    expect(await failure(AbortSignal.abort(reason), 0)).to.equal(reason);
    const controller = new AbortController();
    const sleeping = failure(controller.signal, 60_000);
    controller.abort(reason);
    expect(await sleeping).to.equal(reason);
  });

  it('does not end a sleep that is longer than a timer can be', async () => {
    const controller = new AbortController();
    let ended = false;
    const sleeping = clock.sleep(2 ** 40, controller.signal).then(
      () => (ended = true),
      () => {},
    );
    await clock.sleep(30);
    expect(ended).to.equal(false);
    controller.abort();
    await sleeping;
  });

  it('draws from [0, 1)', () => {
    const drawn = Array.from({ length: 1_000 }, () => clock.random());
    expect(drawn.every((value) => value >= 0 && value < 1)).to.equal(true);
    expect(new Set(drawn).size).to.be.above(900);
  });
});
