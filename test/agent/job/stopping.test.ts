// Rows that wait when their job has to stop, and results that wait when the disk runs short.
import { expect } from 'chai';
import { systemClock } from '../../../agent/io/clock-system.ts';
import { limitedCaller } from '../../../agent/io/queue-p-queue.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { aConnection, claimsOfChunks, jobFixture, outcomesOf } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const empty = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
const rows = (count: number): string[] => Array.from({ length: count }, (_, index) => `{"user":"user-${index}"}`);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(test: () => boolean): Promise<void> {
  for (let turns = 0; !test(); turns += 1) {
    if (turns > 10_000) throw new Error('it did not happen');
    await turn();
  }
}

describe('a job that must stop or wait', () => {
  for (const action of ['list_access_keys', 'delete_access_key']) {
    it(`ends a cancelled job in a moment, however long its rows would wait for their rate (${action})`, async () => {
      let answered = 0;
      const inner = new ScriptedCaller(({ operation }) => {
        answered += 1;
        return operation === 'ListAccessKeys' ? empty : answerOf(operation, null);
      });
      // The first call takes the only token; the next comes after an hour.
      const limits = { callsPerSecond: 0.0003, maxCallsPerSecond: 0.0003, burst: 1, inFlight: 4 };
      const caller = limitedCaller(inner, { clock: systemClock() });
      const fixture = jobFixture(caller, { connections: new Map([['main', { ...aConnection, limits }]]) });
      const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001' };
      const job = action === 'list_access_keys' ? {} : { action, inputs };
      const record = await fixture.accept(claimsOfChunks([rows(8)], job));
      await fixture.jobs.rows(record, 0, rows(8));
      fixture.jobs.start();
      await until(() => answered === 1 && record.state.endedRows === 1);
      await turn();
      const startedAt = performance.now();
      await fixture.jobs.cancel(record.id);
      await fixture.jobs.idle();
      expect(performance.now() - startedAt).to.be.lessThan(1_000);
      expect(outcomesOf(await fixture.entries())).to.deep.equal({ succeeded: 1, cancelled: 7 });
      expect(inner.calls).to.have.length(1);
      expect(await fixture.journal.pendingRows(record.id, -1, 10)).to.deep.equal([]);
      caller.close();
    });
  }

  it('ends rows that wait for their rate when the latest start of a call passes, not after their turn', async () => {
    const caller = limitedCaller(new ScriptedCaller(() => empty), { clock: systemClock() });
    const limits = { callsPerSecond: 0.0003, maxCallsPerSecond: 0.0003, burst: 1, inFlight: 4 };
    const fixture = jobFixture(caller, { connections: new Map([['main', { ...aConnection, limits }]]) });
    const notAfter = Math.floor(Date.now() / 1000) + 1;
    const record = await fixture.accept(claimsOfChunks([rows(8)], { not_after: notAfter }));
    await fixture.jobs.rows(record, 0, rows(8));
    fixture.jobs.start();
    await fixture.jobs.idle();
    expect(Date.now()).to.be.lessThan((notAfter + 3) * 1000);
    expect(outcomesOf(await fixture.entries())).to.deep.equal({ succeeded: 1, expired: 7 });
    caller.close();
  });

  it('keeps no place from other jobs while a change of a quarantined one is under way', async () => {
    const held = new Map(['first', 'user-0'].map((user) => [user as unknown, Promise.withResolvers<void>()]));
    const asked: unknown[] = [];
    const caller = new ScriptedCaller(async ({ operation, input }) => {
      if (operation === 'ListAccessKeys') return empty;
      asked.push(input['UserName']);
      await held.get(input['UserName'])?.promise;
      return answerOf(operation, null);
    });
    // Two of the largest answers have room beyond what the rows of this test make.
    const fixture = jobFixture(caller, { spoolQuotaBytes: 400_000 });
    const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001' };
    const run = async (number: number, lines: readonly string[]) => {
      const claims = claimsOfChunks([lines], { action: 'delete_access_key', inputs });
      const record = await fixture.accept({ ...claims, jti: jobIdOf(number) });
      await fixture.jobs.rows(record, 0, lines);
      fixture.jobs.start();
      return record;
    };
    await run(1, ['{"user":"first"}']);
    await until(() => asked.length === 1);
    const turnedAway = await run(2, rows(2));
    await until(() => asked.length === 2 && turnedAway.waitsFor === 'spool');
    const { produced, head } = turnedAway.state;
    expect(await fixture.jobs.acknowledged(turnedAway, { sequence: produced + 1, head })).to.equal('quarantined');
    await run(3, ['{"user":"third"}']);
    held.get('first')?.resolve();
    await until(() => asked.includes('third'));
    held.get('user-0')?.resolve();
    await fixture.jobs.idle();
    expect(asked).to.deep.equal(['first', 'user-0', 'third']);
  });

  it('drops results that are kept when results that nobody has taken need their room', async () => {
    const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001' };
    const caller = new ScriptedCaller(({ operation }) => answerOf(operation, null));
    const fixture = jobFixture(caller, { spoolQuotaBytes: 3_000, keepDeliveredMs: 1_000_000 });
    const first = await fixture.accept(claimsOfChunks([rows(5)], { action: 'delete_access_key', inputs }));
    await fixture.jobs.rows(first, 0, rows(5));
    fixture.jobs.start();
    await fixture.jobs.idle();
    await fixture.jobs.acknowledged(first, { sequence: first.durableThrough, head: first.state.head });
    await fixture.journal.commit([]);
    const kept = fixture.jobs.spool.keptBytes;
    expect(kept).to.be.greaterThan(1_000);
    const second = await fixture.accept({
      ...claimsOfChunks([rows(20)], { action: 'delete_access_key', inputs }),
      jti: jobIdOf(2),
    });
    await fixture.jobs.rows(second, 0, rows(20));
    fixture.jobs.start();
    await until(() => fixture.jobs.spool.fullSinceMs !== null);
    await until(() => fixture.jobs.spool.keptBytes === 0);
    expect(fixture.events.filter(([name]) => name === 'spool.trimmed')).not.to.have.length(0);
    // What was not acknowledged is all there.
    expect((await fixture.entries(jobIdOf(2))).length).to.equal(second.durableThrough);
    fixture.drain.abort();
    await fixture.jobs.idle();
    expect(fixture.faults).to.deep.equal([]);
  });
});
