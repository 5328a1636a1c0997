// Local runs on a real journal: what is durable when, what stops what, and how much is in memory.
import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RunLog } from '../../../agent/local/run-log.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { JournalDirectory } from '../../contract/journal-directory.ts';
import { collecting, headOf, runIdOf, runOf, runsFixture, usersOf } from '../../support/run-samples.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const created =
  '<AccessKey><UserName>u</UserName><AccessKeyId>AKIAEXAMPLE000000009</AccessKeyId><Status>Active</Status>' +
  '<SecretAccessKey>secret</SecretAccessKey><CreateDate>2026-01-01T00:00:00Z</CreateDate></AccessKey>';
const noKeys = '<AccessKeyMetadata></AccessKeyMetadata><IsTruncated>false</IsTruncated>';
const aKey =
  '<AccessKeyMetadata><member><UserName>u</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status></member></AccessKeyMetadata><IsTruncated>false</IsTruncated>';
const resultOf = (operation: string): string => (operation === 'CreateAccessKey' ? created : noKeys);
const creating = headOf('create_access_key');
const listing = headOf('list_access_keys');
const all = { maxCount: 1_000, maxBytes: 1e9 };
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('local runs', () => {
  let directory: JournalDirectory;
  let log: RunLog;
  beforeEach(async () => {
    directory = new JournalDirectory('in_memory');
    log = (await directory.open()).journal;
  });
  afterEach(() => directory.dispose());

  it('keep the intent of a change before it leaves, and its results before they are delivered', async () => {
    let run = runIdOf(0);
    const intents: number[] = [];
    const caller = new ScriptedCaller(async ({ operation }) => {
      if (operation === 'CreateAccessKey') intents.push((await log.runIntents(run)).length);
      return answerOf(operation, resultOf(operation));
    });
    const { accept } = runsFixture(log, caller);
    const accepted = await accept(creating);
    run = accepted.id;
    expect((await log.run(run))?.end).to.equal(null);
    const kept: number[] = [];
    const rows = collecting(usersOf(3));
    const ended = await accepted.go({
      ...rows,
      deliver: async (lines) => {
        kept.push((await log.runEntries(run, 1, all)).length);
        rows.lines.push(...lines);
      },
    });
    expect(ended).to.deep.equal({ end: 'completed', outcomes: { succeeded: 3 } });
    expect(intents).to.deep.equal(intents.map((count) => Math.max(1, count)));
    expect(Math.min(...kept)).to.be.greaterThan(0);
    expect(await log.runIntents(run)).to.deep.equal([]);
    expect(await log.runEntries(run, 1, all)).to.have.members(rows.lines);
    expect(await log.run(run)).to.deep.include({ end: 'completed', outcomes: { succeeded: 3 }, entries: 6 });
  });

  it('keep nothing of what only reads, but that it ran', async () => {
    const { accept, events } = runsFixture(log, new ScriptedCaller(({ operation }) => answerOf(operation, aKey)));
    const accepted = await accept(listing);
    const caller = collecting(usersOf(5));
    await accepted.go(caller);
    expect(caller.lines).to.have.length(10);
    expect(await log.runEntries(accepted.id, 1, all)).to.deep.equal([]);
    expect(await log.run(accepted.id)).to.deep.include({
      changes: false,
      end: 'completed',
      outcomes: { succeeded: 5 },
    });
    expect(events.map(([name]) => name)).to.include.members(['run.started', 'run.ended']);
    expect(JSON.stringify(events)).not.to.include('user-');
  });

  it('take no more rows than the reader of the results has room for, however many there are', async () => {
    const { accept } = runsFixture(
      log,
      { call: async ({ operation }) => answerOf(operation, aKey) },
      { events: () => undefined },
    );
    const accepted = await accept(listing);
    let asked = 0;
    let ended = 0;
    let most = 0;
    const heldBytes = (): number => (collectGarbage(), process.memoryUsage().heapUsed);
    let before = 0;
    let grown = 0;
    const count = 20_000;
    await accepted.go({
      rows: (async function* () {
        for (; asked < count;) {
          asked += 1;
          most = Math.max(most, asked - ended);
          yield '{"user":"alice"}';
        }
      })(),
      deliver: async (lines) => {
        if (asked % 1_000 < 2) await turn();
        ended += lines.filter((line) => line.includes('row_end')).length;
        if (ended === 4_000) before = heldBytes();
        if (ended === count - 1_000) grown = heldBytes() - before;
      },
      signal: new AbortController().signal,
    });
    expect(ended).to.equal(count);
    // The connection's in_flight (2), and the row that is being asked for.
    expect(most).to.be.at.most(3);
    // A hundred bytes for each row would be 1.5 MB.
    expect(grown).to.be.lessThan(1024 * 1024);
  });

  it('start no row after a cancel, and let changes under way end', async () => {
    const began = Promise.withResolvers<void>();
    let started = 0;
    const open = Promise.withResolvers<void>();
    const caller = new ScriptedCaller(async ({ operation }) => {
      if (operation === 'CreateAccessKey') {
        started += 1;
        if (started === 2) began.resolve();
        await open.promise;
      }
      return answerOf(operation, resultOf(operation));
    });
    const { accept, runs } = runsFixture(log, caller);
    const accepted = await accept(creating);
    const rows = collecting(usersOf(50));
    const going = accepted.go(rows);
    await began.promise;
    expect(runs.live[0]?.underWay).to.equal(2);
    expect(runs.cancel(accepted.id)).to.equal(true);
    expect(runs.cancel(runIdOf(9))).to.equal(false);
    open.resolve();
    expect(await going).to.deep.equal({ end: 'cancelled', outcomes: { succeeded: 2 } });
    expect(started).to.equal(2);
    expect(rows.lines).to.have.length(4);
    expect(runs.live).to.deep.equal([]);
    await runs.idle();
  });

  it('end as lost when the caller breaks off its rows, even if every row it gave has ended', async () => {
    const { accept } = runsFixture(
      log,
      new ScriptedCaller(({ operation }) => answerOf(operation, resultOf(operation))),
    );
    const accepted = await accept(creating);
    const delivered = Promise.withResolvers<void>();
    const rows = (async function* () {
      yield '{"user":"alice"}';
      await delivered.promise;
      throw new Error('gone');
    })();
    const ended = await accepted.go({ ...collecting([]), rows, deliver: async () => delivered.resolve() });
    expect(ended).to.deep.equal({ end: 'lost', outcomes: { succeeded: 1 } });
  });

  it('stop at the first row that fails when asked to, and not before', async () => {
    const caller = new ScriptedCaller(({ operation }) => answerOf(operation, resultOf(operation)));
    const { accept } = runsFixture(log, caller);
    const accepted = await accept({ ...creating, options: { on_error: 'stop', concurrency: 1 } });
    const rows = collecting(['{"user":"a"}', '{"other":"b"}', '{"user":"c"}']);
    expect(await accepted.go(rows)).to.deep.equal({ end: 'stopped', outcomes: { succeeded: 1, refused: 1 } });
    expect(caller.count('CreateAccessKey')).to.equal(1);
  });

  it('do not go beyond sixteen at once, and take none while the agent drains', async () => {
    const never = new Promise<never>(() => undefined);
    const { accept, runs, drain } = runsFixture(log, new ScriptedCaller(() => never));
    const idle = { next: () => new Promise<never>(() => undefined) };
    const caller = { ...collecting([]), rows: { [Symbol.asyncIterator]: () => idle } };
    const going = [];
    for (let count = 0; count < 16; count += 1) going.push((await accept(listing)).go(caller));
    const more = await runs.accept(listing);
    expect(isRefusal(more) && more.code).to.equal('too_many_requests');
    drain.abort();
    const late = await runs.accept(listing);
    expect(isRefusal(late) && late.code).to.equal('agent_draining');
    expect((await Promise.all(going)).map(({ end }) => end)).to.deep.equal(Array.from({ length: 16 }, () => 'drained'));
    await runs.idle();
  });

  it('raise a fault when the journal fails, and send no change then', async () => {
    const caller = new ScriptedCaller(({ operation }) => answerOf(operation, resultOf(operation)));
    const broken: RunLog = {
      ...log,
      openRuns: () => log.openRuns(),
      recentRuns: (count) => log.recentRuns(count),
      commitRuns: (changes) =>
        changes.some(({ kind }) => kind === 'run_intent')
          ? Promise.reject(new Error('disk full'))
          : log.commitRuns(changes),
    };
    const { accept, faults } = runsFixture(broken, caller);
    const accepted = await accept(creating);
    await accepted.go(collecting(usersOf(1)));
    expect(caller.count('CreateAccessKey')).to.equal(0);
    expect(await log.run(accepted.id)).to.deep.include({ outcomes: { unknown: 1 } });
    expect(faults).to.deep.equal([]);
    const dead: RunLog = { ...broken, commitRuns: () => Promise.reject(new Error('disk full')) };
    const other = runsFixture(dead, caller);
    expect(await other.runs.accept(creating).catch((error: unknown) => String(error))).to.include('disk full');
  });

  describe('that were cut off', () => {
    const intent = {
      call: { action: 'create_access_key', input: { UserName: 'alice' }, roleArn: null, maxItems: null },
      record: null,
    };
    const command = headOf('create_access_key', { inputs: { Username: 'alice' } });

    it('are read back by the next process, reported, and not repeated unless that is said', async () => {
      const caller = new ScriptedCaller(({ operation }) => answerOf(operation, aKey));
      const first = runsFixture(log, caller);
      const accepted = await first.accept(command);
      await log.commitRuns([{ kind: 'run_intent', run: accepted.id, row: 4, intent }]);

      const next = runsFixture(log, caller);
      await next.runs.recover();
      expect(next.runs.isReadingBack(accepted.id)).to.equal(true);
      const early = await next.runs.accept(command);
      expect(isRefusal(early) && early.detail).to.include('being read back');
      await next.runs.idle();
      expect(next.events.map(([name]) => name)).to.include.members(['run.interrupted', 'row.unknown', 'run.read_back']);
      expect(await log.run(accepted.id)).to.deep.include({ end: 'interrupted', outcomes: { unknown: 1 } });
      const [envelope, end] = await log.runEntries(accepted.id, 1, all);
      expect(envelope).to.include('"row":4').and.include('outcome_unknown');
      expect(end).to.equal('{"row":4,"row_end":{"items":1,"outcome":"unknown"}}');
      expect(caller.count('CreateAccessKey')).to.equal(0);

      const refused = await next.runs.accept(command);
      expect(isRefusal(refused) && refused.code).to.equal('run_interrupted');
      const wrong = await next.runs.accept({ ...command, again: runIdOf(7) });
      expect(isRefusal(wrong) && wrong.detail).to.include(accepted.id);
      await (await next.accept({ ...command, inputs: { Username: 'bob' } })).go(collecting([]));
      await (await next.accept({ ...command, options: { dry_run: true } })).go(collecting(['{}']));
      await (await next.accept({ ...command, again: accepted.id })).go(collecting([]));
      await (await next.accept(command)).go(collecting([]));
    });

    it('do not stand in the way when nothing of them had begun', async () => {
      const { accept, runs } = runsFixture(log, new ScriptedCaller(({ operation }) => answerOf(operation, aKey)));
      await accept(command);
      const next = runsFixture(log, new ScriptedCaller(({ operation }) => answerOf(operation, aKey)));
      await next.runs.recover();
      await next.runs.idle();
      await (await next.accept(command)).go(collecting([]));
      await runs.idle();
    });

    it('end as unknown, unread, when the host no longer allows their action', async () => {
      await log.commitRuns([
        { kind: 'run', run: runOf(1) },
        { kind: 'run_intent', run: runIdOf(1), row: 0, intent },
      ]);
      const caller = new ScriptedCaller(({ operation }) => answerOf(operation, aKey));
      const { runs } = runsFixture(log, caller, { connection: { allow: ['list'] } });
      await runs.recover();
      await runs.idle();
      expect(await log.run(runIdOf(1))).to.deep.include({ end: 'interrupted', outcomes: { unknown: 1 } });
      expect(caller.calls).to.have.length(0);
    });

    it('stay for the next start when the process stops in the middle of reading back', async () => {
      await log.commitRuns([
        { kind: 'run', run: runOf(1) },
        { kind: 'run_intent', run: runIdOf(1), row: 0, intent },
      ]);
      const reading = Promise.withResolvers<void>();
      const caller = new ScriptedCaller(({ signal }) => {
        reading.resolve();
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve({ kind: 'aborted' }), { once: true }),
        );
      });
      const { runs, abort, faults } = runsFixture(log, caller);
      await runs.recover();
      await reading.promise;
      abort.abort();
      await runs.idle();
      expect(faults).to.deep.equal([]);
      expect((await log.run(runIdOf(1)))?.end).to.equal(null);
      expect(await log.runIntents(runIdOf(1))).to.have.length(1);
    });
  });
});
