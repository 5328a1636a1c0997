// The memory twin keeps the port's promises, so suites that use it test what the agent will really meet.
import { memoryJournal } from '../support/journal-memory.ts';
import { journalContract } from './journal.ts';

journalContract('memory', async () => {
  const journal = memoryJournal();
  return { journal, reopen: async () => journal, dispose: () => journal.close() };
});
