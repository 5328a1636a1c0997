import { expect } from 'chai';
import { SpareMemory } from '../../agent/spare-memory.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

describe('memory that is not used any more', () => {
  let clock: SimulatedClock;
  let stop: AbortController;
  let spare: SpareMemory;
  let passed: string[];
  let collectedAtMs: number[];
  let busyUntilMs: number;

  beforeEach(() => {
    clock = new SimulatedClock();
    stop = new AbortController();
    passed = [];
    collectedAtMs = [];
    busyUntilMs = 0;
    spare = new SpareMemory((name) => passed.push(name));
  });

  const start = (): void =>
    spare.start({
      clock,
      collect: async () => void collectedAtMs.push(clock.monotonicMs()),
      busy: () => clock.monotonicMs() < busyUntilMs,
      signal: stop.signal,
    });
  const until = (ms: number): Promise<void> => clock.sleep(ms - clock.monotonicMs());

  it('is given back once, a moment after the start', async () => {
    start();
    await clock.run(until(600_000));
    expect(collectedAtMs).to.deep.equal([2_000]);
  });

  it('is given back when nothing has happened for a minute, not between two jobs', async () => {
    const jobs = async (): Promise<void> => {
      for (let ms = 1_500; ms <= 15_000; ms += 1_500) {
        await until(ms);
        spare.sink('job.finished', {});
      }
      await until(600_000);
    };
    start();
    await clock.run(jobs());
    expect(collectedAtMs).to.have.length(1);
    expect(collectedAtMs[0]).to.be.within(75_000, 77_000);
  });

  it('stays while rows are under way', async () => {
    busyUntilMs = 60_500;
    start();
    await clock.run(until(600_000));
    expect(collectedAtMs).to.deep.equal([62_000]);
  });

  it('is given back again after later work, and not for what leaves nothing behind', async () => {
    const work = async (): Promise<void> => {
      await until(100_000);
      spare.sink('link.unreachable', { attempt: 1 });
      await until(200_000);
      spare.sink('run.ended', {});
      await until(400_000);
    };
    start();
    await clock.run(work());
    expect(collectedAtMs[0]).to.equal(2_000);
    expect(collectedAtMs[1]).to.be.within(260_000, 262_000);
    expect(collectedAtMs).to.have.length(2);
  });

  it('passes every event on, also before it started and after the process was told to stop', async () => {
    spare.sink('link.welcomed', {});
    start();
    stop.abort();
    spare.sink('job.finished', {});
    spare.sink('row.ended', {});
    await clock.run(until(200_000));
    expect(passed).to.deep.equal(['link.welcomed', 'job.finished', 'row.ended']);
    expect(collectedAtMs).to.deep.equal([]);
  });
});
