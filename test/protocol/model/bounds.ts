// The bounds that the model is explored with. One job of `rows` rows (two unless said), a row chunk and two entries each (envelope and row_end); the
// numbers say how often the environment may do what. Together they hold every kind of fault beside every other that it can meet.
import type { FlowBounds } from './credit-model.ts';
import type { Bounds } from './job-model.ts';

export const jobBounds = {
  links: { losses: 2, duplicates: 1 },
  crashes: { agentCrashes: 1, controlPlaneCrashes: 1 },
  cancel: { rows: 1, cancels: 1, losses: 1, duplicates: 1 },
  'cancel and crash': { rows: 1, cancels: 1, agentCrashes: 1, controlPlaneCrashes: 1 },
  'policy changes': { rows: 1, mayReject: true, losses: 1, duplicates: 1, agentCrashes: 1 },
  expiry: { expiries: 1, losses: 1, replays: 1 },
  'slow clock': { rows: 1, expiries: 1, losses: 2, slowClock: true },
  rollback: { rows: 1, snapshots: 1, rollbacks: 1, losses: 2 },
  'rollback of two rows': { snapshots: 1, rollbacks: 1 },
  'rollback and crash': { rows: 1, snapshots: 1, rollbacks: 1, agentCrashes: 1 },
  'rollback and cancel': { rows: 1, snapshots: 1, rollbacks: 1, cancels: 1 },
  'results lost': { lostResults: 1, losses: 1 },
  damage: { swaps: 1, corruptions: 1, forgeries: 1 },
  'damage and refusal': { rows: 1, mayReject: true, corruptions: 1, losses: 1 },
  'damage and cancel': { rows: 1, swaps: 1, corruptions: 1, cancels: 1 },
} as const satisfies Record<string, Bounds>;
export type JobBoundsName = keyof typeof jobBounds;

export const creditBounds = {
  'one chunk of room': { jobs: 2, chunks: 2, room: { jobs: 2, chunks: 1 }, losses: 1, duplicates: 1, swaps: 0 },
  'one job of room': { jobs: 2, chunks: 2, room: { jobs: 1, chunks: 2 }, losses: 1, duplicates: 1, swaps: 1 },
  'room for both': { jobs: 2, chunks: 2, room: { jobs: 2, chunks: 2 }, losses: 1, duplicates: 0, swaps: 1 },
} as const satisfies Record<string, FlowBounds>;
export type CreditBoundsName = keyof typeof creditBounds;
