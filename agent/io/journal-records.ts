// Between the port's values and what a table holds. Changes become writes when `commit` is called: from then on a caller's object may change
// without changing what is stored. Numbers that a double cannot hold keep their source text (protocol/json.ts).
import type { Digest, JobId } from '../../protocol/ids.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import type { Change, RowProgress, StoredEntry, StoredJob } from '../job/journal.ts';

export type FactName = 'session_counter' | 'high_water' | 'key_set';

/** What of a job changes, and what never does. */
type Standing = Pick<StoredJob, 'state' | 'outcomes' | 'statement' | 'forgetAt'>;
type Origin = Pick<StoredJob, 'claims' | 'kid' | 'receivedAt'>;

interface JobWrite {
  readonly job: JobId;
  readonly phase: string;
  readonly forgetAt: number;
  /** Never changed, only replaced, so of all that one transaction gets only the last is made a text. */
  readonly standing: Standing;
}

/** One change; every text is sealed before it is stored. */
export type Write =
  | (JobWrite & { readonly kind: 'job' | 'job_replaced'; readonly receivedAt: number })
  | (JobWrite & { readonly kind: 'job_state' })
  | { readonly kind: 'origin'; readonly job: JobId; readonly text: string }
  | { readonly kind: 'rows'; readonly job: JobId; readonly firstRow: number; readonly lines: readonly string[] }
  | { readonly kind: 'progress'; readonly job: JobId; readonly row: number; readonly text: string }
  | { readonly kind: 'row_ended'; readonly job: JobId; readonly row: number }
  | { readonly kind: 'rows_dropped'; readonly job: JobId }
  | { readonly kind: 'entries'; readonly job: JobId; readonly entries: readonly StoredEntry[] }
  | {
      readonly kind: 'entries_acked';
      readonly job: JobId;
      readonly through: number;
      readonly keepUntil: number | null;
    }
  | { readonly kind: 'fact'; readonly name: FactName; readonly text: string };

export function writesOf(change: Change): readonly Write[] {
  switch (change.kind) {
    case 'job':
      return jobWrites('job', change.job);
    case 'job_state':
      return [stateWrite('job_state', change.job, change)];
    case 'rows':
      return [{ ...change, lines: [...change.lines] }];
    case 'row_progress':
      return [{ kind: 'progress', job: change.job, row: change.row, text: JSON.stringify(change.progress) }];
    case 'row_ended':
    case 'rows_dropped':
    case 'entries_acked':
      return [{ ...change }];
    case 'entries':
      return [{ ...change, entries: [...change.entries] }];
    case 'session_counter':
      return [{ kind: 'fact', name: change.kind, text: String(change.value) }];
    case 'high_water':
      return [{ kind: 'fact', name: change.kind, text: String(change.atMs) }];
    case 'key_set':
      return [{ kind: 'fact', name: change.kind, text: stringifyJson(change.keySet) }];
    default:
      return change satisfies never;
  }
}

/** Two values: what never changes (with the claims, up to 256 KiB) and what changes with every row. */
export function jobWrites(kind: 'job' | 'job_replaced', job: StoredJob): readonly Write[] {
  const { claims, kid, receivedAt } = job;
  const origin: Origin = { claims, kid, receivedAt };
  return [
    { ...stateWrite('job_state', job.id, job), kind, receivedAt },
    { kind: 'origin', job: job.id, text: JSON.stringify(origin) },
  ];
}

function stateWrite(
  kind: 'job_state',
  job: JobId,
  { state, outcomes, statement, forgetAt }: Standing,
): JobWrite & { readonly kind: 'job_state' } {
  const standing: Standing = { state, outcomes, statement, forgetAt };
  return { kind, job, phase: state.phase, forgetAt, standing };
}

export function standingText(standing: Standing): string {
  return JSON.stringify(standing);
}

export const headCharacters = 64;

export function entryOf(sequence: number, text: string): StoredEntry {
  return { sequence, line: text.slice(headCharacters), head: text.slice(0, headCharacters) as Digest };
}

// The seal has proved that this program wrote these texts, so they are not parsed against a schema a second time; a new shape is a new
// step in journal-schema.ts.
export function jobOf(id: JobId, standingText: string, originText: string): StoredJob {
  const standing = JSON.parse(standingText) as Standing;
  const origin = JSON.parse(originText) as Origin;
  return { id, ...standing, ...origin };
}

export function progressOf(text: string): RowProgress {
  return parseJson(text) as unknown as RowProgress;
}
