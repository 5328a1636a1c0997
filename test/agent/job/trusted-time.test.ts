// The time that decides: it never goes back, and a job's latest start comes although the clock was set back.
import { expect } from 'chai';
import { TrustedTime } from '../../../agent/job/trusted-time.ts';
import type { Clock } from '../../../agent/job/clock.ts';

function clockAt(wallMs: number): Clock & { wallMs: number; elapsedMs: number } {
  return {
    wallMs,
    elapsedMs: 50,
    now() {
      return this.wallMs;
    },
    monotonicMs() {
      return this.elapsedMs;
    },
    random: () => 0.5,
    sleep: () => Promise.resolve(),
  };
}

describe('trusted time', () => {
  it('is never less than what was seen, in this process or before it', () => {
    const clock = clockAt(1_000);
    const time = new TrustedTime(clock, 5_000);
    expect(time.nowMs()).to.equal(5_000);
    clock.wallMs = 9_000;
    expect(time.nowMs()).to.equal(9_000);
    clock.wallMs = 2_000;
    expect(time.nowMs()).to.equal(9_000);
    clock.wallMs = 9_001;
    expect(time.nowMs()).to.equal(9_001);
  });

  it('goes on for a job that runs when the clock was set back or stands still, and jumps forth with it', () => {
    const clock = clockAt(100_000);
    const time = new TrustedTime(clock, 0);
    const job = time.running();
    clock.wallMs = 10_000;
    clock.elapsedMs += 3_000;
    expect(job()).to.equal(103_000);
    expect(time.nowMs(), 'the time that judges tokens').to.equal(100_000);
    clock.wallMs = 200_000;
    expect(job()).to.equal(200_000);
    clock.wallMs = 100_000;
    clock.elapsedMs += 1_000;
    expect(job()).to.equal(200_000);
  });
});
