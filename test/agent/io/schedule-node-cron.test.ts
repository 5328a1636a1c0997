import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { getTasks } from 'node-cron';
import { schedule, scheduleFault } from '../../../agent/io/schedule-node-cron.ts';

const everySecond = '* * * * * *';

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not happen in time');
    await delay(20);
  }
}

describe('schedules', () => {
  it('runs again after a failure, and reports each', async () => {
    const errors: unknown[] = [];
    let runs = 0;
    const job = schedule(
      everySecond,
      () => {
        runs += 1;
        throw new Error(`run ${runs}`);
      },
      { name: 'journal_retention', onError: (name, error) => errors.push([name, String(error)]) },
    );
    await until(() => errors.length === 2);
    await job.stop();
    expect(errors).to.deep.equal([
      ['journal_retention', 'Error: run 1'],
      ['journal_retention', 'Error: run 2'],
    ]);
  });

  it('never runs twice at once: a run that is due is left out and said', async () => {
    let underWay = 0;
    let most = 0;
    let overlaps = 0;
    let open = (): void => {};
    const job = schedule(
      everySecond,
      async () => {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise<void>((resolve) => (open = resolve));
        underWay -= 1;
      },
      { name: 'slow', onError: () => {}, onOverlap: () => (overlaps += 1) },
    );
    await until(() => overlaps >= 1);
    expect(underWay).to.equal(1);
    open();
    await until(() => underWay === 0);
    await until(() => underWay === 1);
    open();
    await job.stop();
    expect(most).to.equal(1);
  });

  it('tells a run under way to stop, waits for it, and reports no error of that', async () => {
    const errors: unknown[] = [];
    let state = 'not started';
    const job = schedule(
      everySecond,
      async (signal) => {
        state = 'running';
        await delay(60_000, undefined, { signal }).finally(() => (state = 'ended'));
      },
      { name: 'long', onError: (_name, error) => errors.push(error) },
    );
    await until(() => state === 'running');
    await job.stop();
    expect(state).to.equal('ended');
    expect(errors).to.deep.equal([]);
  });

  it('leaves nothing behind when it is stopped, twice too', async () => {
    const before = getTasks().size;
    const job = schedule('0 3 * * *', () => {}, { name: 'nightly', timeZone: 'Europe/Berlin', onError: () => {} });
    await job.stop();
    await job.stop();
    expect(getTasks().size).to.equal(before);
  });

  it('says what is wrong with an expression', () => {
    expect(scheduleFault('*/5 * * * *')).to.equal(null);
    expect(scheduleFault('61 * * * *')).to.include('minute');
    for (const wrong of ['', 'often', '* * *', '* * * * * * *', '99 99 99 99 99'])
      expect(scheduleFault(wrong), wrong).to.be.a('string');
    expect(() => schedule('often', () => {}, { name: 'x', onError: () => {} })).to.throw(TypeError, 'x: ');
  });
});
