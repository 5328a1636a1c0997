// Jobs that share one account, with the real queue, the real bucket and simulated time: who waits for whom, and how long.
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CallAnswer, IamCaller } from '../../../agent/iam/iam-caller.ts';
import { limitedCaller } from '../../../agent/io/queue-p-queue.ts';
import type { JobClaims } from '../../../protocol/job-claims.ts';
import type { JobId } from '../../../protocol/ids.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { aConnection, claimsOfChunks, type JobFixture, jobFixture } from '../../support/job-fixture.ts';
import { answerOf } from '../../support/scripted-caller.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const empty = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
const throttled: CallAnswer = {
  kind: 'answer',
  status: 400,
  headers: [],
  body: '<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>',
  attempts: 1,
};
const latencyMs = 100;
/** Two calls a second, eight rows of each job under way. */
const slow = {
  ...aConnection,
  allowedRoleArns: ['*'],
  limits: { callsPerSecond: 2, maxCallsPerSecond: 2, burst: 1, inFlight: 8 },
};
const busyRole = 'arn:aws:iam::123456789012:role/busy';

interface Played extends JobFixture {
  readonly clock: SimulatedClock;
  /** Gives a job of so many rows to the agent; resolves with how long it took, in simulated milliseconds. */
  readonly run: (job: number, rows: number, change?: Partial<JobClaims>) => Promise<number>;
  readonly waits: ReturnType<typeof limitedCaller>['waits'];
}

function play(answerFor: IamCaller['call'] = async () => await Promise.resolve(empty)): Played {
  const clock = new SimulatedClock();
  const inner: IamCaller = {
    call: async (request) => {
      await clock.sleep(latencyMs);
      return await answerFor(request);
    },
  };
  const caller = limitedCaller(inner, { clock });
  const connections = new Map([['main', slow]]);
  const fixture = jobFixture(caller, { clock, connections, spoolQuotaBytes: 100 * 1024 * 1024 });
  const run = async (job: number, count: number, change: Partial<JobClaims> = {}): Promise<number> => {
    const id: JobId = jobIdOf(job);
    const lines = Array.from({ length: count }, (_none, row) => `{"user":"user-${job}-${row}"}`);
    const startedMs = clock.monotonicMs();
    const record = await fixture.accept({ ...claimsOfChunks([lines]), jti: id, ...change });
    fixture.jobs.start();
    await fixture.jobs.rows(record, 0, lines);
    while (record.state.phase === 'accepted') await clock.sleep(10);
    return clock.monotonicMs() - startedMs;
  };
  return { ...fixture, clock, run, waits: () => caller.waits() };
}

/** What ends the long jobs, when the test has seen what it came for. */
async function stop({ clock, drain, abort, jobs, faults }: Played, others: readonly Promise<unknown>[]): Promise<void> {
  for (const { id } of jobs.open) await jobs.cancel(id);
  await clock.run(Promise.all(others));
  drain.abort();
  abort.abort();
  await clock.run(jobs.idle());
  expect(faults).to.deep.equal([]);
}

describe('jobs side by side', () => {
  it('a job of one row does not wait for one of many: its call is the next', async () => {
    const played = play();
    const long = played.run(1, 1000);
    await played.clock.run(played.clock.sleep(20_000));
    const tookMs = await played.clock.run(played.run(2, 1));
    expect(tookMs, 'a token, and the call').to.be.below(500 + 500 + latencyMs + 50);
    await stop(played, [long]);
  });

  it('jobs of many rows get the same, and a small one ends after as many rounds as it has rows', async () => {
    const played = play();
    const long = [played.run(1, 500), played.run(2, 500), played.run(3, 500)];
    await played.clock.run(played.clock.sleep(20_000));
    const tookMs = await played.clock.run(played.run(4, 5));
    // Four jobs by turns, two calls a second: five rounds take ten seconds.
    expect(tookMs).to.be.within(8_000, 11_500);
    const ended = [1, 2, 3].map((job) => played.jobs.get(jobIdOf(job))?.state.endedRows ?? 0);
    expect(Math.max(...ended) - Math.min(...ended)).to.be.at.most(2);
    await stop(played, long);
  });

  it('people do not keep a batch from going on', async () => {
    const played = play();
    const batch = played.run(1, 200);
    await played.clock.run(played.clock.sleep(5_000));
    const before = played.jobs.get(jobIdOf(1))?.state.endedRows ?? 0;
    // More people than the rate has calls for.
    const people = Array.from({ length: 60 }, async (_none, index) => await played.run(10 + index, 1));
    await played.clock.run(played.clock.sleep(20_000));
    const gained = (played.jobs.get(jobIdOf(1))?.state.endedRows ?? 0) - before;
    expect(gained, 'one in five of forty calls').to.be.within(6, 10);
    await stop(played, [batch, ...people]);
  });

  it('a role that is throttled does not keep another of the same connection waiting, and says what it waits for', async () => {
    const played = play(async ({ roleArn }) => await Promise.resolve(roleArn === busyRole ? throttled : empty));
    const inputs = { Username: '{{ user }}', 'Role Arn': busyRole };
    const long = played.run(1, 100, { inputs });
    // What decides about a job is loaded with it, in time that is not simulated.
    while (played.jobs.get(jobIdOf(1)) === undefined) await turn();
    await played.clock.run(played.clock.sleep(30_000));
    const busy = played.waits().get(jobIdOf(1));
    expect((busy?.rateLimit ?? 0) + (busy?.retry ?? 0)).to.be.at.least(7);
    const tookMs = await played.clock.run(played.run(2, 4));
    expect(tookMs).to.be.below(4 * 500 + latencyMs + 50);
    await stop(played, [long]);
  });
});
