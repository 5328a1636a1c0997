// What may wait for the disk shares the transaction of what may not.
import { expect } from 'chai';
import type { Change } from '../../../agent/job/journal.ts';
import { JournalDirectory } from '../../contract/journal-directory.ts';

const counter = (value: number): Change => ({ kind: 'session_counter', value });

describe('commits of the journal', () => {
  let directory: JournalDirectory;
  beforeEach(() => {
    directory = new JournalDirectory();
  });
  afterEach(() => directory.dispose());

  it('that may wait share the transaction of one in a later turn, and are written when the journal closes', async () => {
    const { journal } = await directory.open();
    const turn = async (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
    const waits = [journal.commit([counter(1)], { mayWait: true })];
    await turn();
    waits.push(journal.commit([counter(2)], { mayWait: true }));
    await turn();
    await journal.commit([counter(3)]);
    await Promise.all(waits);
    const last = journal.commit([counter(4)], { mayWait: true });
    await journal.close();
    await last;
    const { journal: again, recovery } = await directory.open();
    expect(recovery.at.counter).to.equal(2);
    expect((await again.facts()).sessionCounter).to.equal(4);
  });
});
