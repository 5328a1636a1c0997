// The real adapter keeps the port's promises, on real files.
import { JournalDirectory } from './journal-directory.ts';
import { journalContract } from './journal.ts';

journalContract('node:sqlite', async () => {
  const directory = new JournalDirectory();
  let { journal } = await directory.open();
  return {
    journal,
    reopen: async () => {
      await journal.close();
      ({ journal } = await directory.open());
      return journal;
    },
    dispose: () => directory.dispose(),
  };
});
