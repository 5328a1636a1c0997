// What was true before a call, as the journal keeps it.
import type { Json } from '../../../protocol/json.ts';
import { isObject } from './rule.ts';

/** Plain JSON: it goes into the journal before the call is made. */
export interface BeforeRecord {
  readonly kind: 'before';
  /** Ids of what was there. Null: they could not be read, for `reason`. */
  readonly ids: readonly string[] | null;
  readonly reason?: string;
  /** When that was read, by AWS's own clock (milliseconds since the epoch, whole seconds). */
  readonly atMs?: number;
  /** The id of what this agent makes inactive; noted before it does. */
  readonly deactivating?: string;
}

/** A record out of the journal; null when it is none, as one of an older version. */
export function beforeRecordOf(stored: Json): BeforeRecord | null {
  return isObject(stored) && stored['kind'] === 'before' ? (stored as unknown as BeforeRecord) : null;
}
