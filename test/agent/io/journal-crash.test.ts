// kill -9 at any moment: what a commit promised is there, whole, and recovery finds nothing wrong.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { OpenedJournal } from '../../../agent/io/journal-sqlite.ts';
import { JournalDirectory } from '../../contract/journal-directory.ts';
import { jobIdOf, startedJob, withEntries } from '../../contract/journal-samples.ts';

const writer = join(import.meta.dirname, 'journal-writer.ts');

/** Runs the writer and kills it a while after its first word. Returns the numbers it had promised. */
async function killedRun(path: string, seed: number, afterMs: number): Promise<{ produced: number; acked: number }> {
  const child = spawn(process.execPath, [writer, path, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const closed = once(child, 'close');
  try {
    await Promise.race([once(child.stdout, 'data'), closed]);
    await delay(afterMs);
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
  // The kill may cut the last line.
  const [produced = 0, acked = 0] = (said.split('\n').at(-2) ?? '').split(' ').map(Number);
  return { produced, acked };
}

async function expectPromised(opened: OpenedJournal, promised: { produced: number; acked: number }): Promise<void> {
  const { journal, recovery } = opened;
  expect(recovery.damaged).to.deep.equal([]);
  const job = await journal.job(jobIdOf(1));
  const facts = await journal.facts();
  if (job === null) throw new Error('the job is not there');
  const { produced, acked, phase } = job.state;
  expect(phase).to.equal('accepted');
  expect(produced).to.be.at.least(promised.produced);
  expect(acked).to.be.at.least(promised.acked);
  // Both were written in one commit: torn, they would differ.
  expect(facts.sessionCounter).to.equal(produced);
  const entries = await journal.entries(job.id, acked + 1, { maxCount: 1_000_000, maxBytes: 1_000_000_000 });
  expect(entries).to.have.length(produced - acked);
  for (const { sequence, line } of entries) expect(line.startsWith(`${sequence} `)).to.equal(true);
  expect(journal.spoolBytes()).to.equal(entries.reduce((sum, { line }) => sum + line.length, 0));
}

describe('journal after a crash', function () {
  this.timeout(60_000);
  const directories: JournalDirectory[] = [];
  afterEach(async () => {
    for (const directory of directories.splice(0)) await directory.dispose();
  });

  function newDirectory(): JournalDirectory {
    const directory = new JournalDirectory();
    directories.push(directory);
    return directory;
  }

  async function rounds(first: number, count: number): Promise<number> {
    const directory = newDirectory();
    let highest = 0;
    for (let round = first; round < first + count; round += 1) {
      const promised = await killedRun(directory.path, round, (round * 37) % 61);
      expect(promised.produced).to.be.greaterThan(highest);
      highest = promised.produced;
      const opened = await directory.open();
      await expectPromised(opened, promised);
      await opened.journal.close();
    }
    return highest;
  }

  it('holds every number that was printed, over 20 kills', async () => {
    const highest = await Promise.all([rounds(1, 10), rounds(101, 10)]);
    expect(Math.min(...highest)).to.be.greaterThan(10);
  });

  it('opens healthy from a copy that was taken in mid-life', async () => {
    const directory = newDirectory();
    const { journal } = await directory.open();
    const { job, changes } = startedJob(1, ['{}', '{}']);
    await journal.commit([...changes, { kind: 'session_counter', value: 1 }]);
    const snapshot = directory.copy();
    await journal.commit(withEntries(job, ['a', 'b'], [0]).changes);
    await journal.commit([{ kind: 'session_counter', value: 2 }]);
    await journal.close();
    // A restored snapshot is a journal that was true once: nothing in it can tell that time has passed. The control plane can, since it holds
    // more of the job than this journal made (onWelcome), and its stored session counter is not below the one that the agent dials with.
    const { journal: restored, recovery } = await directory.open(snapshot);
    expect(recovery).to.deep.include({ jobs: 1, rows: 2, entries: 0, damaged: [] });
    expect(await restored.job(job.id)).to.deep.equal(job);
    expect((await restored.facts()).sessionCounter).to.equal(1);
    // What a person can see: the counter of the newest transaction is lower than the one in the log of the last stop.
    const last = (await directory.open()).recovery.at;
    expect(recovery.at.counter).to.be.lessThan(last.counter);
  });
});
