// The log of a process that has no journal: nothing is remembered. Only for runs that change nothing, or whose caller said that it shall be so.
import type { RunLog } from './run-log.ts';

export const noRunLog: RunLog = {
  commitRuns: () => Promise.resolve(),
  run: () => Promise.resolve(null),
  openRuns: () => Promise.resolve([]),
  recentRuns: () => Promise.resolve([]),
  runIntents: () => Promise.resolve([]),
  runEntries: () => Promise.resolve([]),
  purgeRuns: () => Promise.resolve(0),
};
