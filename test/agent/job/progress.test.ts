import { expect } from 'chai';
import type { CallWaits } from '../../../agent/iam/limiter-snapshot.ts';
import type { JobRecord } from '../../../agent/job/job-record.ts';
import { mainWait, ProgressReports } from '../../../agent/job/progress.ts';
import { framesToControlPlane } from '../../../protocol/frames-to-control-plane.ts';
import type { RowOutcome } from '../../../protocol/result-envelope.ts';
import { jobIdOf, jobOf } from '../../contract/journal-samples.ts';

const waits = (change: Partial<CallWaits> = {}): CallWaits => ({
  calling: 0,
  rateLimit: 0,
  queue: 0,
  retry: 0,
  callsPerSecond: null,
  ...change,
});

interface Change {
  readonly ended?: number;
  readonly rows?: number;
  readonly waitsFor?: JobRecord['waitsFor'];
  readonly outcomes?: Partial<Record<RowOutcome, number>>;
  readonly phase?: 'accepted' | 'finished';
}

function jobWith({ ended = 0, rows = 100, waitsFor = null, outcomes = {}, phase = 'accepted' }: Change = {}) {
  const state = { ...jobOf(1).state, phase, rows, endedRows: ended };
  return { id: jobIdOf(1), state, outcomes, waitsFor };
}

describe('what most calls of a job wait for', () => {
  const cases: readonly [title: string, waits: CallWaits | undefined, reason: string][] = [
    ['nothing is known', undefined, 'running'],
    ['all are on their way to AWS', waits({ calling: 3 }), 'running'],
    ['as many wait as are on their way', waits({ calling: 2, rateLimit: 2 }), 'running'],
    ['most wait for the rate', waits({ calling: 1, rateLimit: 3 }), 'rate_limit'],
    ['most wait for a place', waits({ queue: 3, rateLimit: 1 }), 'queue'],
    ['most wait to be made again', waits({ retry: 3, calling: 1 }), 'retry'],
  ];
  for (const [title, given, reason] of cases) {
    it(`${title}: ${reason}`, () => {
      expect(mainWait(given)).to.equal(reason);
    });
  }
});

describe('what people are told of a job', () => {
  const one = (reports: ProgressReports, change: Change, atMs: number, calls: CallWaits = waits({ calling: 1 })) =>
    reports.frames([jobWith(change)], new Map([[jobIdOf(1), calls]]), atMs)[0];

  it('has the counts of the job, and fits the protocol', () => {
    const frame = one(
      new ProgressReports(),
      { ended: 40, outcomes: { succeeded: 36, failed: 2, refused: 1, unknown: 1 } },
      0,
    );
    expect(frame).to.deep.equal({
      type: 'job.progress',
      job: jobIdOf(1),
      rows_done: 40,
      rows_failed: 4,
      rows_waiting: 60,
      reason: 'running',
    });
    expect(framesToControlPlane['job.progress'].safeParse(frame).success).to.equal(true);
  });

  it('names the rate that rows wait for, and how long they will at it', () => {
    const frame = one(new ProgressReports(), { ended: 40 }, 0, waits({ rateLimit: 4, callsPerSecond: 5.234 }));
    expect(frame).to.include({ reason: 'rate_limit', calls_per_second: 5.2, left_ms: 11_464 });
  });

  it('takes the pace of the last half minute, once there is one', () => {
    const reports = new ProgressReports();
    const slow = waits({ rateLimit: 4, callsPerSecond: 50 });
    one(reports, { ended: 0, rows: 1000 }, 0, slow);
    // Each row takes several calls: a tenth of the rate.
    expect(one(reports, { ended: 50, rows: 1000 }, 10_000, slow)).to.include({ left_ms: 190_000 });
    // It stands still: what was long ago counts no more.
    expect(one(reports, { ended: 50, rows: 1000 }, 20_000)).to.include({ left_ms: 380_000 });
    expect(one(reports, { ended: 50, rows: 1000 }, 41_000)).to.not.have.property('left_ms');
  });

  it('says what the runner of the job waits for before what calls do', () => {
    const rate = waits({ rateLimit: 4, callsPerSecond: 5 });
    const frame = one(new ProgressReports(), { waitsFor: 'spool' }, 0, rate);
    expect(frame).to.include({ reason: 'spool' });
    expect(frame).to.not.have.property('calls_per_second');
  });

  it('is silent of jobs whose rows do not run', () => {
    expect(new ProgressReports().frames([jobWith({ phase: 'finished' })], new Map(), 0)).to.deep.equal([]);
  });
});
