// The port for what the host remembers of its local runs (`iam-agent exec`). A run is not a job: no control plane ever hears of it, so it has
// no token, no chain and no acknowledgement. A promise of `commitRuns` resolves only when its changes would survive a loss of power.
import { z } from 'zod';
import type { Digest } from '../../protocol/ids.ts';
import type { Json } from '../../protocol/json.ts';
import type { RowOutcome } from '../../protocol/result-envelope.ts';

export const runIdSchema = z.uuid().brand<'RunId'>();
export type RunId = z.infer<typeof runIdSchema>;

/**
 * How a run ended. `completed`: every row that was given ended. `stopped`: a row failed and the others were not to run. `cancelled`: the caller
 * said so. `lost`: the caller went away. `drained`: the agent was stopping. `interrupted`: the process ended in the middle, found at a later
 * start. `damaged`: its record could not be read.
 */
export const runEnds = ['completed', 'stopped', 'cancelled', 'lost', 'drained', 'interrupted', 'damaged'] as const;
export type RunEnd = (typeof runEnds)[number];

export interface StoredRun {
  readonly id: RunId;
  readonly action: string;
  readonly connection: string;
  /** Over action, connection, inputs and what else makes two calls of `exec` the same; rows apart. */
  readonly invocation: Digest;
  /** It may change something, so its intents and entries are kept. Nothing is kept of what a reading run printed. */
  readonly changes: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Null while it is under way, or was when the process ended. */
  readonly end: RunEnd | null;
  readonly outcomes: Readonly<Partial<Record<RowOutcome, number>>>;
  /** Kept entries: 1, 2, 3 … in the order of completion. */
  readonly entries: number;
  /** Somebody looked and asked for the same again: it no longer stands in the way. */
  readonly repeated: boolean;
  /** When it may be forgotten, once it has ended (milliseconds since the epoch). */
  readonly forgetAt: number;
}

/** A change that was about to leave when it was written, and whose end is not in the log. */
export interface RunIntent {
  readonly row: number;
  readonly intent: { readonly call: Json; readonly record: Json };
}

export type RunChange =
  /** A new run, or a known one as it is now. */
  | { readonly kind: 'run'; readonly run: StoredRun }
  | ({ readonly kind: 'run_intent'; readonly run: RunId } & RunIntent)
  | { readonly kind: 'run_row_ended'; readonly run: RunId; readonly row: number }
  | { readonly kind: 'run_entries'; readonly run: RunId; readonly from: number; readonly lines: readonly string[] };

export interface RunLog {
  /** All or nothing, in the order of the calls. */
  commitRuns(changes: readonly RunChange[]): Promise<void>;
  run(id: RunId): Promise<StoredRun | null>;
  /** Runs without an end, oldest first. */
  openRuns(): Promise<readonly StoredRun[]>;
  /** Newest first. */
  recentRuns(count: number): Promise<readonly StoredRun[]>;
  runIntents(id: RunId): Promise<readonly RunIntent[]>;
  /** Kept lines from entry `from` on, in order; at least one if there is one. */
  runEntries(id: RunId, from: number, bounds: EntryBounds): Promise<readonly string[]>;
  /** Forgets ended runs whose `forgetAt` has come, with all of theirs. Returns how many. */
  purgeRuns(nowMs: number): Promise<number>;
}

export interface EntryBounds {
  readonly maxCount: number;
  readonly maxBytes: number;
}
