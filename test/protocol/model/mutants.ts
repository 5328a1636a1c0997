// Every rule of the machines, each with an edit of the real source that takes it away. The model must find each of them out: a rule whose absence
// nobody notices is either not needed or not tested.
import type { JobBoundsName } from './bounds.ts';
import type { CreditMutant, JobMutant } from './mutant.ts';
import { agentMutants } from './mutants-agent.ts';
import { controlPlaneMutants } from './mutants-control-plane.ts';
import type { Habit } from './world.ts';

export const jobMutants: readonly JobMutant[] = [...agentMutants, ...controlPlaneMutants];

export const creditMutants: readonly CreditMutant[] = [
  {
    rule: 'the larger total is the newer one',
    bounds: 'one job of room',
    file: 'credit.ts',
    find: 'return { jobs: Math.max(known.jobs, told.jobs), chunks: Math.max(known.chunks, told.chunks) };',
    replace: 'return told;',
  },
  {
    rule: 'what was sent is used up',
    bounds: 'room for both',
    file: 'credit.ts',
    find: 'chunks: granted.chunks - sent.chunks',
    replace: 'chunks: granted.chunks',
  },
  {
    rule: 'jobs that were sent are used up',
    bounds: 'one job of room',
    file: 'credit.ts',
    find: 'jobs: granted.jobs - sent.jobs',
    replace: 'jobs: granted.jobs',
  },
  {
    rule: 'a job is granted with a chunk beside it',
    bounds: 'one chunk of room',
    file: 'credit.ts',
    find: 'Math.min(room.jobs, room.chunks)',
    replace: 'room.jobs',
  },
  {
    rule: 'chunk totals are cumulative',
    bounds: 'one chunk of room',
    file: 'credit.ts',
    find: 'received.chunks + room.chunks',
    replace: 'room.chunks',
  },
  {
    rule: 'job totals are cumulative',
    bounds: 'one job of room',
    file: 'credit.ts',
    find: 'received.jobs + Math',
    replace: 'Math',
  },
];

/** Duties of the programs around the machines, each left out in the environment instead of in a source. */
export const brokenHabits: readonly { readonly habit: Habit; readonly bounds: JobBoundsName }[] = [
  { habit: 'agent commits before it replies', bounds: 'crashes' },
  { habit: 'rows wait for the first welcome', bounds: 'rollback' },
  { habit: 'intent before effect', bounds: 'crashes' },
  { habit: 'a row with an intent is not repeated', bounds: 'crashes' },
  { habit: 'refusals are stored', bounds: 'policy changes' },
  { habit: 'tombstones are stored', bounds: 'damage and cancel' },
  { habit: 'control plane commits before it acks', bounds: 'crashes' },
  { habit: 'counter is raised on disk before the dial', bounds: 'crashes' },
  { habit: 'a reused counter blocks until cleared', bounds: 'rollback' },
  { habit: 'stale links are not read by the agent', bounds: 'slow clock' },
  { habit: 'an empty results frame reports the loss', bounds: 'results lost' },
  { habit: 'broken results close the link', bounds: 'damage' },
];
