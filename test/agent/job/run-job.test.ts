// Running the rows of a job: how many at once, when they stop, and how those end that do not run.
import { expect } from 'chai';
import { spy } from 'sinon';
import type { CallAnswer } from '../../../agent/iam/iam-caller.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { jobIdOf } from '../../contract/journal-samples.ts';
import { aConnection, claimsOfChunks, jobFixture, outcomesOf } from '../../support/job-fixture.ts';
import { memoryJournal } from '../../support/journal-memory.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const empty = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
const denied: CallAnswer = {
  kind: 'answer',
  status: 403,
  headers: [['Content-Type', 'text/xml']],
  body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>',
  attempts: 1,
};
const rows = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `{"user":"user-${from + index}"}`);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(test: () => boolean): Promise<void> {
  for (let turns = 0; !test(); turns += 1) {
    if (turns > 10_000) throw new Error('it did not happen');
    await turn();
  }
}

/** Answers wait until they are let go. */
function gated(): { caller: ScriptedCaller; open: () => void; waiting: () => number } {
  let release: () => void = () => undefined;
  let gate = new Promise<void>((resolve) => (release = resolve));
  let waiting = 0;
  const caller = new ScriptedCaller(async () => {
    waiting += 1;
    await gate;
    waiting -= 1;
    return empty;
  });
  return {
    caller,
    open: () => {
      release();
      gate = Promise.resolve();
    },
    waiting: () => waiting,
  };
}

describe('running a job', () => {
  it('never has more rows under way than the host allows, whatever the job asks for', async () => {
    let [now, most] = [0, 0];
    const caller = new ScriptedCaller(async () => {
      now += 1;
      most = Math.max(most, now);
      await turn();
      now -= 1;
      return empty;
    });
    const fixture = jobFixture(caller);
    const lines = rows(40);
    const record = await fixture.accept(claimsOfChunks([lines], { options: { concurrency: 64 } }));
    await fixture.jobs.rows(record, 0, lines);
    fixture.jobs.start();
    await fixture.jobs.idle();
    expect(most).to.equal(aConnection.limits.inFlight);
    expect(outcomesOf(await fixture.entries())).to.deep.equal({ succeeded: 40 });
    expect(fixture.faults).to.deep.equal([]);
  });

  it('starts with the first chunk and takes the others as they come', async () => {
    const chunks = [rows(3), rows(3, 3), rows(2, 6)];
    const caller = new ScriptedCaller(() => empty);
    const fixture = jobFixture(caller);
    const record = await fixture.accept(claimsOfChunks(chunks));
    fixture.jobs.start();
    for (const [chunk, lines] of chunks.entries()) {
      expect(await fixture.jobs.rows(record, chunk, lines)).to.equal('store');
      const through = chunks.slice(0, chunk + 1).flat().length;
      await until(() => record.state.endedRows === through);
      expect(record.bufferedChunks).to.equal(0);
    }
    await fixture.jobs.idle();
    expect(record.state.phase).to.equal('finished');
    expect(caller.calls.map(({ input }) => input['UserName'])).to.have.members(
      chunks.flat().map((_, index) => `user-${index}`),
    );
  });

  it('reads rows a window at a time, and runs them in their order', async () => {
    const journal = memoryJournal();
    const reads = spy(journal, 'pendingRows');
    const chunks = [rows(400), rows(500, 400)];
    const caller = new ScriptedCaller(() => empty);
    const fixture = jobFixture(caller, { journal });
    const record = await fixture.accept(claimsOfChunks(chunks, { options: { concurrency: 1 } }));
    for (const [chunk, lines] of chunks.entries()) await fixture.jobs.rows(record, chunk, lines);
    fixture.jobs.start();
    await fixture.jobs.idle();
    expect(caller.calls.map(({ input }) => input['UserName'])).to.deep.equal(
      Array.from({ length: 900 }, (_, index) => `user-${index}`),
    );
    expect(Math.max(...reads.args.map(([, , count]) => count))).to.be.at.most(256);
    expect(reads.callCount).to.be.at.most(20);
  });

  it('ends rows that were just coming in when the cancel came', async () => {
    const fixture = jobFixture(new ScriptedCaller(() => empty));
    const record = await fixture.accept(claimsOfChunks([rows(3), rows(2, 3)]));
    fixture.jobs.start();
    await turn();
    await Promise.all([fixture.jobs.rows(record, 0, rows(3)), fixture.jobs.cancel(record.id)]);
    await fixture.jobs.idle();
    expect(outcomesOf(await fixture.entries())).to.deep.equal({ cancelled: 5 });
    expect(await fixture.journal.pendingRows(record.id, -1, 10)).to.deep.equal([]);
  });

  it('stops at the first failed row when the job says so, and ends the rest, also rows that never came', async () => {
    const chunks = [rows(5), rows(4, 5)];
    const fixture = jobFixture(new ScriptedCaller((_request, earlier) => (earlier === 1 ? denied : empty)));
    const record = await fixture.accept(claimsOfChunks(chunks, { options: { on_error: 'stop', concurrency: 1 } }));
    await fixture.jobs.rows(record, 0, chunks[0] ?? []);
    fixture.jobs.start();
    await fixture.jobs.idle();
    const entries = await fixture.entries();
    expect(outcomesOf(entries)).to.deep.equal({ succeeded: 1, failed: 1, stopped: 7 });
    expect(entries.filter(({ row_end }) => row_end !== undefined).map(({ row }) => row)).to.deep.equal([
      0, 1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    expect(JSON.parse(record.statement ?? '')).to.deep.include({ status: 'stopped', last_sequence: 10 });
  });

  it('lets calls under way end after a cancel, and ends everything else as cancelled', async () => {
    const chunks = [rows(5), rows(4, 5)];
    const { caller, open, waiting } = gated();
    const fixture = jobFixture(caller);
    const record = await fixture.accept(claimsOfChunks(chunks));
    await fixture.jobs.rows(record, 0, chunks[0] ?? []);
    fixture.jobs.start();
    await until(() => waiting() === 2);
    await fixture.jobs.cancel(record.id);
    expect(await fixture.jobs.rows(record, 1, chunks[1] ?? [])).to.equal('ignore');
    open();
    await fixture.jobs.idle();
    expect(outcomesOf(await fixture.entries())).to.deep.equal({ succeeded: 2, cancelled: 7 });
    expect(caller.calls).to.have.length(2);
    expect(JSON.parse(record.statement ?? '')).to.include({ status: 'cancelled' });
  });

  it('ends rows as expired when the latest start of a call passes while they wait for their chunk', async () => {
    const now = Math.floor(Date.now() / 1000);
    const fixture = jobFixture(new ScriptedCaller(() => empty));
    await fixture.accept(claimsOfChunks([rows(3)], { not_after: now }));
    fixture.jobs.start();
    await fixture.jobs.idle();
    expect(outcomesOf(await fixture.entries())).to.deep.equal({ expired: 3 });
  });

  it('starts no row while the spool is full, and goes on when results were taken', async () => {
    const lines = rows(6);
    const caller = new ScriptedCaller(() => empty);
    const fixture = jobFixture(caller, { spoolQuotaBytes: 40 });
    const record = await fixture.accept(claimsOfChunks([lines], { options: { concurrency: 1 } }));
    await fixture.jobs.rows(record, 0, lines);
    fixture.jobs.start();
    await until(() => fixture.events.some(([name]) => name === 'spool.full'));
    for (let turns = 0; turns < 50; turns += 1) await turn();
    const before = caller.calls.length;
    expect(before).to.be.lessThan(6);
    while (record.state.phase === 'accepted') {
      await fixture.jobs.acknowledged(record, { sequence: record.durableThrough, head: record.state.head });
      for (let turns = 0; turns < 5; turns += 1) await turn();
    }
    await fixture.jobs.idle();
    expect(caller.calls).to.have.length(6);
  });

  it('leaves rows in the journal when it drains, and the next start runs them', async () => {
    const lines = rows(6);
    const { caller, open, waiting } = gated();
    const first = jobFixture(caller);
    const record = await first.accept(claimsOfChunks([lines]));
    await first.jobs.rows(record, 0, lines);
    first.jobs.start();
    await until(() => waiting() === 2);
    first.drain.abort();
    open();
    await first.jobs.idle();
    expect(outcomesOf(await first.entries())).to.deep.equal({ succeeded: 2 });
    const second = jobFixture(new ScriptedCaller(() => empty), { journal: first.journal });
    await second.jobs.recover();
    second.jobs.start();
    await second.jobs.idle();
    expect(outcomesOf(await second.entries())).to.deep.equal({ succeeded: 6 });
  });

  it('runs nothing of an accepted job that the host no longer allows after a restart', async () => {
    const lines = rows(3);
    const first = jobFixture(new ScriptedCaller(() => empty));
    const record = await first.accept(claimsOfChunks([lines]));
    await first.jobs.rows(record, 0, lines);
    const caller = new ScriptedCaller(() => empty);
    const connections = new Map([[aConnection.label, { ...aConnection, allow: ['get_user'] }]]);
    const second = jobFixture(caller, { journal: first.journal, connections });
    await second.jobs.recover();
    second.jobs.start();
    await second.jobs.idle();
    const entries = await second.entries();
    expect(outcomesOf(entries)).to.deep.equal({ refused: 3 });
    expect(entries[0]?.envelope?.error_code).to.equal('action_not_allowed');
    expect(caller.calls).to.have.length(0);
  });

  it('ends one row when this program fails on it, and runs the others', async () => {
    const lines = rows(4);
    const caller = new ScriptedCaller((request) => {
      if (request.input['UserName'] === 'user-1') throw new TypeError('a bug');
      return empty;
    });
    const fixture = jobFixture(caller);
    const record = await fixture.accept(claimsOfChunks([lines]));
    await fixture.jobs.rows(record, 0, lines);
    fixture.jobs.start();
    await fixture.jobs.idle();
    const entries = await fixture.entries();
    expect(outcomesOf(entries)).to.deep.equal({ succeeded: 3, failed: 1 });
    const said = entries.find(({ row, envelope }) => row === 1 && envelope !== undefined)?.envelope;
    expect(said?.error_code).to.equal('internal');
    expect(said?.error).not.to.include('a bug');
    expect(fixture.faults).to.deep.equal([]);
  });

  it('counts the items that went before the fault in the end of that row', async () => {
    const page = `<AccessKeyMetadata><member><AccessKeyId>A</AccessKeyId></member></AccessKeyMetadata>`;
    const caller = new ScriptedCaller((_request, earlier) => {
      if (earlier === 2) throw new TypeError('a bug');
      return answerOf('ListAccessKeys', `${page}<IsTruncated>true</IsTruncated><Marker>m${earlier}</Marker>`);
    });
    const fixture = jobFixture(caller);
    const record = await fixture.accept(claimsOfChunks([rows(1)]));
    await fixture.jobs.rows(record, 0, rows(1));
    fixture.jobs.start();
    await fixture.jobs.idle();
    const entries = await fixture.entries();
    expect(entries.map(({ item }) => item)).to.deep.equal([0, 1, undefined, undefined]);
    expect(entries.at(-1)?.row_end).to.deep.equal({ items: 3, outcome: 'failed' });
  });

  it('gives the room of a closed job to those that wait for it', async () => {
    const lines = rows(3);
    const fixture = jobFixture(new ScriptedCaller(() => empty), { spoolQuotaBytes: 40 });
    const first = await fixture.accept(claimsOfChunks([rows(1)]));
    await fixture.jobs.rows(first, 0, rows(1));
    fixture.jobs.start();
    await until(() => first.statement !== null);
    const second = await fixture.accept({ ...claimsOfChunks([lines]), jti: jobIdOf(2) });
    await fixture.jobs.rows(second, 0, lines);
    fixture.jobs.start();
    await until(() => fixture.events.some(([name]) => name === 'spool.full'));
    await fixture.jobs.closed(first, first.state.head);
    await until(() => second.state.endedRows > 0);
    expect(fixture.jobs.open).to.deep.equal([second]);
    fixture.drain.abort();
    await fixture.jobs.idle();
  });

  it('reads a change back that may have been carried out, even when the job was cancelled meanwhile', async () => {
    const caller = new ScriptedCaller(() =>
      answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>'),
    );
    const fixture = jobFixture(caller);
    const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001', Status: 'Inactive' };
    const record = await fixture.accept(claimsOfChunks([rows(2)], { action: 'update_access_key', inputs }));
    await fixture.jobs.rows(record, 0, rows(2));
    const call = {
      action: 'update_access_key',
      input: { UserName: 'user-0', AccessKeyId: 'AKIAEXAMPLE000000001', Status: 'Inactive' },
      roleArn: null,
      maxItems: null,
    };
    await record.progress(0, [], { items: 0, marker: null, intent: { call, record: null } });
    await fixture.jobs.cancel(record.id);
    fixture.jobs.start();
    await fixture.jobs.idle();
    const entries = await fixture.entries();
    expect(outcomesOf(entries)).to.deep.equal({ unknown: 1, cancelled: 1 });
    expect(caller.count('UpdateAccessKey')).to.equal(0);
    expect(caller.count('ListAccessKeys')).to.be.greaterThan(0);
  });

  it('says why a plan was refused before anything is written', async () => {
    const fixture = jobFixture(new ScriptedCaller(() => empty));
    const plan = await fixture.jobs.allow(claimsOfChunks([rows(1)], { connection: 'elsewhere' }));
    expect(isRefusal(plan) && plan.code).to.equal('unknown_connection');
  });
});
